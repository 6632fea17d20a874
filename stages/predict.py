"""Label the unlabelled images by one variant's runs; a command of its own, not part of the pipeline."""

from pathlib import Path

from regbench.data.dataset import load_split
from regbench.files import write_csv
from regbench.params_file import load_params
from regbench.prediction import predict
from stages import parser, run


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("runs", type=Path, help="folder of the variant's runs, such as runs/cocktail")
    arguments.add_argument("data", type=Path, help="folder of the ingested splits")
    arguments.add_argument("out", type=Path, help="CSV to write: filename, label, probability")
    given = arguments.parse_args()
    table = predict(given.runs, load_split(given.data, "unlabelled"), load_params(given.params).compute)
    write_csv(given.out, table)
    print(f"{given.out}: {len(table):,} labels")


if __name__ == "__main__":
    run(main)
