"""Run the tutorial's own protocol and judge each of its claims; a study beside the pipeline."""

from pathlib import Path

from regbench.config.checking import load_params
from regbench.protocols.article import write_article
from regbench.protocols.article_steps import article_params
from stages import parser, run


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("raw", type=Path, help="folder or .zip in the canonical layout")
    arguments.add_argument("out", type=Path, help="folder of the study; what is trained there already is kept")
    arguments.add_argument(
        "--seeds", type=int, nargs="+", default=[128, 129, 130, 131, 132], help="default: %(default)s"
    )
    given = arguments.parse_args()
    params = article_params(load_params(given.params), tuple(dict.fromkeys(given.seeds)))
    print(write_article(params, given.raw, given.out))


if __name__ == "__main__":
    run(main)
