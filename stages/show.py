"""Print how to make an MLflow run again, and what has changed since."""

from pathlib import Path

from stages import parser, run


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("run", help="id of the run, as MLflow's page shows it")
    arguments.add_argument("tuned", type=Path, help="folder of the variants as the stage tune resolved them")
    given = arguments.parse_args()

    from regbench.config.checking import load_params
    from regbench.config.tuned import with_tuned
    from regbench.tracking.reproduction import describe
    from regbench.tracking.store import configure_client, find_store

    configure_client()
    from regbench.tracking.lookup import read_run  # imports mlflow

    store = find_store(Path.cwd())
    params = with_tuned(load_params(given.params), given.tuned)
    print(describe(read_run(store, given.run), params, Path.cwd()))


if __name__ == "__main__":
    run(main)
