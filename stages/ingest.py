"""Stage ingest: raw images to arrays, an index a split, and the data report."""

from pathlib import Path

from regbench.config.data import IngestSections
from regbench.config.loading import load_sections
from regbench.data import ingest
from regbench.data import report as data_report
from stages import parser, run


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("out", type=Path, help="folder of the arrays; what an earlier run left there is reused")
    given = arguments.parse_args()
    data = load_sections(given.params, IngestSections).data
    ingested = ingest.ingest(data, earlier_dir=given.out)
    ingest.write(ingested, given.out)
    print(*data_report.write(ingested, data, given.out / "report"), sep="\n")


if __name__ == "__main__":
    run(main)
