"""The whole pipeline in a fresh clone: wall and CPU seconds against those inside trainings, and peak memory by stage.

`python -m benchmarks.pipeline [--raw PATH] [--seeds N] [--fixed]` prints them. `--against COMMIT --rounds 3` runs the
pipeline of another commit before each round of this one, so that both have the same machine and the same experiment.
`--experiment COMMIT` runs the experiment of another commit with the code of this one.
"""

import argparse
import itertools
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
MEMORY_EVERY = 8
"""Of so many looks, one reads memory, which costs as much as all others together."""
TABLE = b"| variant "
"""Beginning of the table's header, in all versions."""
EXPERIMENT = ("recipes", "augment", "model", "train", "seeds", "variants", "search")
"""Sections of the parameters that decide what is trained."""


class StageWatch(threading.Thread):
    """Looks at the stages' processes below one process: how long each lasts, how much memory it and its children have.

    It also looks for the table that `compare` prints. Memory is the sum of proportional set sizes, so that what forked
    workers share counts once.
    """

    def __init__(self, root: int, log: Path) -> None:
        super().__init__(daemon=True)
        self.root, self.log = psutil.Process(root), log
        self.began = time.perf_counter()
        self.seen: dict[str, tuple[float, float, float]] = {}
        """First and last second seen, and most megabytes, by stage."""
        self.table_seconds: float | None = None
        """From the start until the log had the table."""
        self.cpu: dict[tuple[int, float], float] = {}
        """CPU seconds of each process when it was last seen, by its id and the time of its start."""

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds of all processes, but for what each did after it was last seen."""
        return sum(self.cpu.values())

    def run(self) -> None:
        for number in itertools.count():
            if not self.root.is_running() or self.root.status() == psutil.STATUS_ZOMBIE:
                return
            if self.table_seconds is None and TABLE in self.log.read_bytes():
                self.table_seconds = time.perf_counter() - self.began
            try:
                for child in [self.root, *self.root.children(recursive=True)]:
                    self._count(child)
                    self._look(child, number % MEMORY_EVERY == 0)
            except psutil.Error:
                pass
            time.sleep(EVERY)

    def _count(self, process: psutil.Process) -> None:
        try:
            times = process.cpu_times()
            self.cpu[process.pid, process.create_time()] = times.user + times.system
        except psutil.Error:
            pass

    def _look(self, process: psutil.Process, memory: bool) -> None:
        try:
            command = process.cmdline()
            if command[1:2] != ["-m"] or not command[2].startswith("stages."):
                return
            family = [process, *process.children(recursive=True)] if memory else []
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
    parser.add_argument("--against", help="commit to run first in each round, such as 78893aa, with its own experiment")
    parser.add_argument(
        "--experiment",
        help="commit whose variants, seeds, training and search are run (default: that of --against, or else HEAD)",
    )
    parser.add_argument("--rounds", type=int, default=1, help="default: %(default)s")
    given = parser.parse_args()
    commits = [given.against, "HEAD"] if given.against else ["HEAD"]
    experiment = given.experiment or given.against or "HEAD"
    for _ in range(given.rounds):
        for commit in commits:
            found = measure(given.raw, given.seeds, given.fixed, commit, experiment)
            print(json.dumps(found, indent=2), flush=True)


def measure(
    raw: Path | None, seeds: int | None = None, fixed: bool = False, commit: str = "HEAD", experiment: str = "HEAD"
) -> dict[str, Any]:
    """Run `dvc repro` in a clone: once for all, then with nothing to do, then with one more seed.

    `training_cpu_seconds` are those of the epochs of all trainings and trials. `table_seconds` is the wall time until
    the table is printed. One more seed: of commits with a store only.

    Args:
        raw: raw data set (None: the embedded sample).
        seeds: override of the number of seeds.
        fixed: whether to leave out what is not the tutorial's: variants with ranges, and `l1_proximal`.
        commit: what to run.
        experiment: commit whose variants, seeds, training and search are run.
    """
    with TemporaryDirectory(prefix="regbench-pipeline-") as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        subprocess.run(["git", "checkout", "-q", commit], cwd=clone, check=True)
        yaml = YAML()
        params = yaml.load(clone / "params.yaml")
        given = subprocess.run(
            ["git", "show", f"{experiment}:params.yaml"], cwd=clone, check=True, capture_output=True, text=True
        )
        params |= {name: section for name, section in yaml.load(given.stdout).items() if name in EXPERIMENT}
        if raw is not None:
            params["data"]["raw"] = str(raw.resolve())
        if seeds is not None:
            params["seeds"] = list(params["seeds"])[:seeds]
        yaml.dump(params, clone / "params.yaml")
        if fixed:
            searched = load_params(clone / "params.yaml").variants
            for name in [name for name, variant in searched.items() if variant.ranges or name == "l1_proximal"]:
                del params["variants"][name]
        yaml.dump(params, clone / "params.yaml")
        # Without an earlier run's lock and cache every stage runs.
        (clone / "dvc.lock").unlink(missing_ok=True)
        watch, wall = _repro(clone)
        nothing = [_repro(clone)[1] for _ in range(5)]
        trained = _training_seconds(clone)
        found = {
            "commit": commit,
            "data": raw.name if raw else "embedded sample",
            "epochs": params["train"]["epochs"],
            "seeds": len(params["seeds"]),
            "variants": len(params["variants"]),
            "wall_seconds": wall,
            "table_seconds": watch.table_seconds,
            "cpu_seconds": watch.cpu_seconds,
            "training_cpu_seconds": trained,
            "nothing_to_do_seconds": median(nothing),
            "lock_lines": len((clone / "dvc.lock").read_text().splitlines()),
            "stages": [{"stage": n, "seconds": b - a, "peak_mb": size} for n, (a, b, size) in watch.seen.items()],
        }
        if (clone / ".regbench/store").is_dir():
            params["seeds"].append(max(params["seeds"]) + 1)
            yaml.dump(params, clone / "params.yaml")
            more = _repro(clone)[0].cpu_seconds
            found["one_more_seed"] = {"cpu_seconds": more, "training_cpu_seconds": _training_seconds(clone) - trained}
        return found


def _training_seconds(clone: Path) -> float:
    """Return the CPU seconds of all epochs: of every training in the store, and of the trials that were pruned.

    Without a store: of trainings and trials, but not of the trials' winners under fresh seeds, which nothing records.
    """
    store = [*(clone / ".regbench/store/runs").glob("*/*/timings.csv")]
    files = store or [*(clone / "timings").glob("*.csv"), *(clone / "studies").glob("*/timings.csv")]
    total = sum(float(pd.read_csv(path)["cpu_seconds"].sum()) for path in files)
    for folder in (clone / "studies").glob("*/") if store else ():
        trials = pd.read_csv(folder / "trials.csv").merge(pd.read_csv(folder / "timings.csv"), on="trial")
        total += float(trials.loc[trials["state"] == "PRUNED", "cpu_seconds"].sum())
    return total


def _repro(clone: Path) -> tuple[StageWatch, float]:
    binaries = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(clone / "src"),
    }
    start = time.perf_counter()
    path = clone / "repro.log"
    with path.open("wb") as log:
        process = subprocess.Popen([binaries / "dvc", "repro"], cwd=clone, stdout=log, stderr=log, env=environment)
        watch = StageWatch(process.pid, path)
        watch.start()
        code = process.wait()
    wall = time.perf_counter() - start
    if code:
        raise BenchmarkError(f"dvc repro failed: {path.read_text()[-2000:]}")
    return watch, wall


if __name__ == "__main__":
    main()
