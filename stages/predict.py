"""Label the unlabelled images of a raw data set; a command of its own, not part of the pipeline.

Beside OUT, `filename,label` in the order of the table (data.test_csv), OUT-probabilities gets a column a class.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from stages import parser, run


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("raw", type=Path, help="folder or .zip in the canonical layout")
    arguments.add_argument("out", type=Path, help="CSV to write, such as submission.csv")
    arguments.add_argument("--model", type=Path, help="folder of a network, or of a variant's runs; default: champion")
    arguments.add_argument(
        "--decisions", type=Path, default=Path("retraining"), help="log of the job; default: %(default)s"
    )
    given = arguments.parse_args()

    from regbench.config.checking import load_params
    from regbench.evaluation.prediction import load_networks, predict, read_unlabelled, write_submission
    from regbench.retraining.champion import fetch_champion

    params = load_params(given.params)
    with TemporaryDirectory() as folder:
        source = given.model or Path(folder)
        name = str(source) if given.model else fetch_champion(params.retrain.model, given.decisions, source)
        networks = load_networks(source)
    unlabelled = read_unlabelled(given.raw, params.data, networks[0])
    probabilities = predict(networks, unlabelled.images, params.compute)
    beside = write_submission(given.out, unlabelled.filenames, probabilities, networks[0].classes)
    by = name if given.model else f"champion, version {name}"
    for line in unlabelled.left_out:
        print(f"left out: {line}", file=sys.stderr)
    print(f"{given.out}: {len(probabilities):,} labels by {by}; probabilities: {beside}")


if __name__ == "__main__":
    run(main)
