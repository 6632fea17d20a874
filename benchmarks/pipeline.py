"""The whole pipeline in a fresh clone: wall seconds against training seconds, stage by stage, and peak memory.

`python -m benchmarks.pipeline [--raw PATH] [--seeds N] [--fixed]` prints them.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import psutil
from ruamel.yaml import YAML

from benchmarks.race import ROOT, BenchmarkError
from regbench.config.checking import load_params

EVERY = 0.25
"""Seconds between two looks at the processes."""


class StageWatch(threading.Thread):
    """Looks at the stages' processes below one process: how long each lasts, how much memory it and its children have.

    Memory is the sum of proportional set sizes, so that what forked workers share counts once.
    """

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self.root = psutil.Process(root)
        self.seen: dict[str, tuple[float, float, float]] = {}
        """First and last second seen, and most megabytes, by stage."""

    def run(self) -> None:
        while self.root.is_running() and self.root.status() != psutil.STATUS_ZOMBIE:
            try:
                for child in self.root.children(recursive=True):
                    self._look(child)
            except psutil.Error:
                pass
            time.sleep(EVERY)

    def _look(self, process: psutil.Process) -> None:
        try:
            command = process.cmdline()
            if command[1:2] != ["-m"] or not command[2].startswith("stages."):
                return
            family = [process, *process.children(recursive=True)]
            size = sum(member.memory_full_info().pss for member in family) / 1e6
        except (psutil.Error, IndexError):
            return
        name = command[2].removeprefix("stages.")
        now = time.perf_counter()
        first, _, most = self.seen.get(name, (now, now, 0.0))
        self.seen[name] = first, now, max(most, size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raw", type=Path, help="raw data set (default: the embedded sample)")
    parser.add_argument("--seeds", type=int, help="use the first of the seeds only")
    parser.add_argument("--fixed", action="store_true", help="leave out variants with ranges and l1_proximal")
    given = parser.parse_args()
    print(json.dumps(measure(given.raw, given.seeds, given.fixed), indent=2))


def measure(raw: Path | None, seeds: int | None = None, fixed: bool = False) -> dict[str, Any]:
    """Run `dvc repro` in a clone of this commit: once for all, then with nothing to do.

    `training_seconds` is the sum of the seconds of all epochs, those of trials too, divided by the processes that train
    at once: about the wall time in which anything trained. Trainings of finalists under fresh seeds are not in it.

    Args:
        raw: raw data set (None: the embedded sample).
        seeds: override of the number of seeds.
        fixed: whether to leave out what is not the tutorial's: variants with ranges, and `l1_proximal`.
    """
    with TemporaryDirectory(prefix="regbench-pipeline-") as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        yaml = YAML()
        params = yaml.load(clone / "params.yaml")
        if raw is not None:
            params["data"]["raw"] = str(raw.resolve())
        if seeds is not None:
            params["seeds"] = list(params["seeds"])[:seeds]
        if fixed:
            searched = load_params(clone / "params.yaml").variants
            for name in [name for name, variant in searched.items() if variant.ranges or name == "l1_proximal"]:
                del params["variants"][name]
        yaml.dump(params, clone / "params.yaml")
        # Without an earlier run's lock and cache every stage runs.
        (clone / "dvc.lock").unlink(missing_ok=True)
        watch, wall = _repro(clone)
        nothing = [_repro(clone)[1] for _ in range(5)]
        files = [*(clone / "timings").glob("*.csv"), *(clone / "studies").glob("*/timings.csv")]
        timings = pd.concat([pd.read_csv(path) for path in files])
        workers = len(os.sched_getaffinity(0))
        stages = [{"stage": n, "seconds": b - a, "peak_mb": size} for n, (a, b, size) in watch.seen.items()]
        return {
            "data": raw.name if raw else "embedded sample",
            "epochs": params["train"]["epochs"],
            "seeds": len(params["seeds"]),
            "variants": list(params["variants"]),
            "wall_seconds": wall,
            "training_seconds": float(timings["wall_seconds"].sum()) / workers,
            "training_cpu_seconds": float(timings["cpu_seconds"].sum()),
            "nothing_to_do_seconds": median(nothing),
            "stages": stages,
        }


def _repro(clone: Path) -> tuple[StageWatch, float]:
    binaries = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(clone / "src"),
    }
    start = time.perf_counter()
    with (clone / "repro.log").open("ab") as log:
        process = subprocess.Popen([binaries / "dvc", "repro"], cwd=clone, stdout=log, stderr=log, env=environment)
        watch = StageWatch(process.pid)
        watch.start()
        code = process.wait()
    wall = time.perf_counter() - start
    if code:
        raise BenchmarkError(f"dvc repro failed: {(clone / 'repro.log').read_text()[-2000:]}")
    return watch, wall


if __name__ == "__main__":
    main()
