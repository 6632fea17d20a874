"""Train one variant under every seed."""

from pathlib import Path

from regbench.config.checking import load_params
from regbench.config.tuned import read_tuned
from regbench.engine.runs import load_material, train_variant
from stages import parser, run


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("variant", help="key in variants")
    arguments.add_argument("tuned", type=Path, help="JSON of the variant as the stage tune resolved it")
    arguments.add_argument("data", type=Path, help="folder of the ingested splits")
    arguments.add_argument("recipe", type=Path, help="folder of the variant's materialised recipe")
    arguments.add_argument("out", type=Path, help="folder of the variant's runs")
    arguments.add_argument("timings", type=Path, help="CSV of the seconds that each epoch took")
    arguments.add_argument("--live", type=Path, default=Path(".regbench/live"), help="default: %(default)s, for watch")
    given = arguments.parse_args()
    params = load_params(given.params).with_resolved({given.variant: read_tuned(given.tuned)})
    material = load_material(given.data, given.recipe)
    train_variant(params, given.variant, material, given.out, given.timings, given.live)


if __name__ == "__main__":
    run(main)
