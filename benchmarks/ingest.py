"""Decode rate of ingest against the plainest serial Pillow loop: `python benchmarks/ingest.py RAW.zip`.

Rounds take turns, so that a noisy machine troubles both alike; the best of each counts. CPU seconds are those of all
processes together.
"""

import resource
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import numpy as np
from PIL import Image

from regbench.config.data import Data
from regbench.data.decoding import decode_all
from regbench.data.earlier_ingest import EarlierIngest
from regbench.data.images import Conversion
from regbench.data.sources import open_source

ROUNDS = 3


def serial(path: Path) -> int:
    """Decode as a newcomer would."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if f"{Data().train_images}/" in name]
        return len(np.stack([np.asarray(Image.open(archive.open(name)).convert("L")) for name in names]))


def ours(path: Path) -> int:
    """Decode as ingest does, with all of its checks and hashes."""
    source = open_source(path)
    names = sorted(name for name in source.names() if f"{Data().train_images}/" in name)
    return len(decode_all(source, names, Conversion.of(Data()), EarlierIngest())[0])


def cpu() -> float:
    """Return the CPU seconds used so far."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main(path: Path) -> None:
    """Print the best round of each and their ratio."""
    best: dict[Callable[[Path], int], tuple[float, float]] = {}
    for _ in range(ROUNDS):
        for decode in (serial, ours):
            wall, used = time.perf_counter(), cpu()
            images = decode(path)
            taken = time.perf_counter() - wall, cpu() - used
            best[decode] = min(taken, best.get(decode, taken))
    for decode, (wall, used) in best.items():
        print(f"{decode.__name__:8s} {images:,} images: {wall:.2f} s wall, {used:.2f} s CPU")
    print(f"{best[serial][0] / best[ours][0]:.2f} times as fast")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
