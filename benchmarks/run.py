"""`make bench`: run all races, then the pipeline, and write results.json, results.md and the plots."""

import argparse
import os
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import cases, growth, pipeline, tables
from benchmarks.data import prepare_arrays
from benchmarks.machine import machine, peer_versions
from benchmarks.race import ROOT, BenchmarkError, race
from regbench.files import write_json

PARTS = ("training", "around", "growth", "pipeline")


def main() -> int:
    """Measure; nothing is written unless everything asked for was measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--raw", type=Path, help="raw data set, a .zip (default: the embedded sample)")
    parser.add_argument("--peers", type=Path, help="environment of the peers")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks", help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=5, help="measured turns of each contender (default: %(default)s)")
    parser.add_argument("--images", type=int, help="train images at most (default: all)")
    parser.add_argument("--variants", nargs="+", choices=cases.VARIANTS, default=list(cases.VARIANTS))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--quick", action="store_true", help="smoke test: few images, no peers, races only")
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.images, given.peers, given.parts = 1, 256, None, ["training", "around"]
        given.variants = ["baseline", "dropout"]
    try:
        if given.peers is None and not given.quick:
            raise BenchmarkError("--peers is missing: run `make bench`, or --quick for a smoke test without peers")
        measured = measure(given)
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    write_json(given.out / "results.json", measured)
    tables.write(measured, given.out)
    print(given.out / "results.md")
    return 0


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Run what was asked for and return every single measurement."""
    python = given.peers / "bin" / "python" if given.peers else None
    about: dict[str, Any] = {"machine": machine(), "peers": peer_versions(python) if python else {}}
    log = given.out / "logs"
    log.mkdir(parents=True, exist_ok=True)
    processes = len(os.sched_getaffinity(0))
    with TemporaryDirectory(prefix="regbench-") as folder:
        arrays = prepare_arrays(given.raw.resolve() if given.raw else None, Path(folder), given.images)
        about["data"] = {
            "raw": given.raw.name if given.raw else "embedded sample",
            "train_images": arrays.train,
            "validation_images": arrays.validation,
        }
        about["rounds"], about["turns"] = given.rounds, []
        races = {}
        if "training" in given.parts:
            races = {f"train {v}": cases.training(v, arrays, python, processes) for v in given.variants}
            races[cases.STRENGTHS] = cases.strengths(arrays, processes)
        if "around" in given.parts:
            races |= cases.around_training(arrays, python)
        for name, contenders in races.items():
            about["turns"] += [asdict(turn) for turn in race(name, contenders, given.rounds, log)]
        if "growth" in given.parts:
            about["growth"] = growth.measure(arrays)
        if "pipeline" in given.parts:
            about["pipeline"] = pipeline.measure(arrays.raw if given.raw else None)
    return about


if __name__ == "__main__":
    sys.exit(main())
