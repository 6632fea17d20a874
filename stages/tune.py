"""Search the ranges of one variant; a variant without ranges is passed on as it is."""

from pathlib import Path

from regbench.config.checking import load_params
from regbench.config.tuned import write_tuned
from regbench.files import write_json
from stages import parser, run


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("variant", help="key in variants")
    arguments.add_argument("data", type=Path, help="folder of the ingested splits")
    arguments.add_argument("recipe", type=Path, help="folder of the variant's materialised recipe")
    arguments.add_argument("out", type=Path, help="JSON of the variant with a number in the place of each range")
    arguments.add_argument("study", type=Path, help="folder of the study's tables, summary and plots")
    arguments.add_argument("storage", type=Path, help="Optuna's journal of all studies; outlives the stage")
    given = arguments.parse_args()
    params = load_params(given.params)
    if params.variants[given.variant].ranges:
        from regbench.search.tune import tune  # torch and optuna take seconds to load

        resolved = tune(params, given.variant, given.data, given.recipe, given.study, given.storage)
    else:
        resolved = params.strengths(given.variant)
        write_json(given.study / "summary.json", {"searched": {}})
    write_tuned(given.out, resolved)


if __name__ == "__main__":
    run(main)
