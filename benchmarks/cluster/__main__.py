"""What executors cost, and what very many runs do to the head, to the store and to MLflow.

python -m benchmarks.cluster overhead FOLDER [--executors local dask slurm] [--runs 20] [--epochs 10] [--rounds 3]
python -m benchmarks.cluster head FOLDER [--tasks 100000] [--at-a-time 1000] [--shortest 1] [--longest 60]
python -m benchmarks.cluster missing FOLDER [--tasks 100000]
python -m benchmarks.cluster track FOLDER [--runs 10000]

Each prints what it measures and writes it to FOLDER/NAME.json.
"""

import argparse
from pathlib import Path
from typing import Any

from regbench.files import write_json


def main() -> None:
    """Measure, print, and write the answer to the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="what", required=True)
    overhead = commands.add_parser("overhead", help="of a training on each executor, and the gain of a second worker")
    overhead.add_argument("--executors", nargs="+", default=["local", "dask"], choices=("local", "dask", "slurm"))
    overhead.add_argument("--runs", type=int, default=20, help="trainings in a turn")
    overhead.add_argument("--epochs", type=int, default=10, help="of a training")
    overhead.add_argument("--rounds", type=int, default=3, help="in which the executors take turns")
    overhead.add_argument("--a-task", type=int, default=0, help="trainings of a Slurm task; 0: a worker's share")
    head = commands.add_parser("head", help="time and memory of the head with very many stubs of trainings")
    head.add_argument("--tasks", type=int, default=100_000)
    head.add_argument("--at-a-time", type=int, default=1000)
    head.add_argument("--shortest", type=float, default=1.0, help="seconds of a stub")
    head.add_argument("--longest", type=float, default=60.0, help="seconds of a stub")
    missing = commands.add_parser("missing", help="seconds to find what a store of very many runs lacks")
    missing.add_argument("--tasks", type=int, default=100_000)
    track = commands.add_parser("track", help="runs that enter MLflow per second, as their number grows")
    track.add_argument("--runs", type=int, default=10_000)
    for command in (overhead, head, missing, track):
        command.add_argument("folder", type=Path)
    given = vars(parser.parse_args())
    folder = given.pop("folder").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    what = given.pop("what")
    found = _measure(what, folder, **given)
    print(found, flush=True)
    from benchmarks.machine import machine  # imports torch, which a head does not

    write_json(folder / f"{what}.json", {"machine": machine(), "found": found})


def _measure(what: str, folder: Path, **given: Any) -> Any:
    if what == "overhead":
        from benchmarks.cluster.overhead import measure_overhead

        return measure_overhead(folder, **given)
    if what == "head":
        from benchmarks.cluster.head import measure_head

        span = given.pop("shortest"), given.pop("longest")
        return measure_head(folder, span=span, **given)
    if what == "missing":
        from benchmarks.cluster.missing import measure_missing

        return measure_missing(folder, **given)
    from benchmarks.cluster.track import measure_track

    return measure_track(folder, **given)


if __name__ == "__main__":
    main()
