"""A convolutional network's epoch against a plain PyTorch loop of the same network, side by side in one run.

regbench trains as many seeds at once as there are cores, one thread each, as its stages do; the loop trains one network
on all cores, and in a second form as many at once as regbench. Seconds are those of an epoch of one network.
"""

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.data import prepare_arrays
from benchmarks.machine import machine
from benchmarks.race import ROOT, Contender, Turn, race
from regbench.files import write_json

OWN, LOOP, LOOPS = "regbench", "PyTorch loop, all cores", "PyTorch loops, one core each"
TARGET = 1.1
"""Largest allowed ratio of regbench's seconds to a loop's."""
STRENGTHS = json.dumps({"model": {"network": "cnn"}})


def contenders(folder: Path, cores: int) -> list[Contender]:
    """Return who takes part."""
    own = (sys.executable, "-m", "benchmarks.own_training", str(folder), "plain", STRENGTHS, "float32")
    loop = (sys.executable, str(ROOT / "benchmarks/peers/cnn_training.py"), str(folder))
    return [
        Contender(OWN, own, cores),
        Contender(LOOP, (*loop, str(cores))),
        Contender(LOOPS, (*loop, "1"), cores),
    ]


def ratios(turns: list[Turn], peer: str) -> list[float]:
    """Return regbench's seconds divided by a peer's of the same round."""
    seconds = {(turn.contender, turn.round): turn.seconds for turn in turns}
    return [value / seconds[peer, number] for (name, number), value in seconds.items() if name == OWN]


def main() -> None:
    """Run the race, print medians of ratios, and write every turn to cnn.json."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cnn", description=__doc__)
    parser.add_argument("--raw", type=Path, help="raw data set, a .zip (default: the embedded sample)")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks", help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=7, help="measured turns of each (default: %(default)s)")
    parser.add_argument("--images", type=int, help="train images at most (default: all)")
    given = parser.parse_args()
    log = given.out / "logs"
    log.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="regbench-") as folder:
        arrays = prepare_arrays(given.raw and given.raw.resolve(), Path(folder), given.images)
        turns = race("cnn", contenders(arrays.folder, len(os.sched_getaffinity(0))), given.rounds, log)
    medians = {peer: median(ratios(turns, peer)) for peer in (LOOP, LOOPS)}
    about = {"machine": machine(), "train_images": arrays.train, "ratios": medians, "target": TARGET}
    write_json(given.out / "cnn.json", {**about, "turns": [asdict(turn) for turn in turns]})
    for peer, ratio in medians.items():
        print(f"{OWN} / {peer}: {ratio:.2f} (asked: {TARGET})")


if __name__ == "__main__":
    main()
