"""Stage ingest: raw images to arrays, an index a split, and the data report."""

import argparse
from pathlib import Path

from regbench import data_report, ingest
from regbench.params import load_params
from stages import run


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.ingest", description=__doc__)
    parser.add_argument("raw", type=Path, help="folder or .zip in the canonical layout (data.raw)")
    parser.add_argument("out", type=Path, help="folder of the arrays; what an earlier run left there is reused")
    parser.add_argument("--params", type=Path, required=True)
    arguments = parser.parse_args()
    data = load_params(arguments.params).data.model_copy(update={"raw": str(arguments.raw)})
    ingested = ingest.ingest(data, former_dir=arguments.out)
    ingest.write(ingested, arguments.out)
    print(data_report.write(ingested, data, arguments.out / "report"))


if __name__ == "__main__":
    run(main)
