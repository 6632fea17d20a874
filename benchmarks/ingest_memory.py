"""Own memory and rate of the stage ingest on many images: `python -m benchmarks.ingest_memory --images 490000`.

The images are made: 28 x 28, gray, all different, PNG in a .zip. Own memory is what the stage and its workers have in
memory besides files (Pss_Anon of /proc/PID/smaps_rollup, summed), sampled ten times per second; the peak counts.
"""

import argparse
import os
import sys
import time
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil
from PIL import Image
from tqdm import tqdm

from benchmarks.race import ROOT

SECONDS = 0.1
"""Between two samples."""


def make(path: Path, images: int) -> None:
    """Write the .zip in the canonical layout."""
    random = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for number in tqdm(range(images), "make", unit=" images", disable=None):
            with archive.open(f"Train/Images/train/{number}.png", "w") as file:
                Image.fromarray(random.integers(0, 256, (28, 28), dtype=np.uint8)).save(file, "PNG", compress_level=0)
        rows = "".join(f"{number}.png,{number % 10}\n" for number in range(images))
        archive.writestr("Train/train.csv", f"filename,label\n{rows}")


def own_memory(process: psutil.Process) -> int:
    """Return the bytes that a process and its children have in memory besides files."""
    total = 0
    for each in [process, *process.children(recursive=True)]:
        try:
            lines = Path(f"/proc/{each.pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss_Anon:"))
    return total


def measure(raw: Path, folder: Path) -> tuple[float, float, int]:
    """Run the stage once; return its wall and CPU seconds, and its peak of own memory."""
    params = folder / "params.yaml"
    params.write_text((ROOT / "params.yaml").read_text().replace("data/sample.zip", str(raw)))
    command = [sys.executable, "-m", "stages.ingest", str(folder / "data"), "--params", str(params)]
    started, before = time.perf_counter(), os.times()
    stage = psutil.Popen(command, cwd=ROOT)
    peak = 0
    while stage.poll() is None:
        peak = max(peak, own_memory(stage))
        time.sleep(SECONDS)
    if stage.returncode:
        raise SystemExit(stage.returncode)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - started, cpu, peak


def main() -> None:
    """Print a line for an ingest from nothing, and one for the same again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=490_000)
    given = parser.parse_args()
    with TemporaryDirectory() as name:
        raw = Path(name) / "raw.zip"
        make(raw, given.images)
        for what in ("from nothing", "again"):
            wall, cpu, peak = measure(raw, Path(name))
            rate = given.images / wall
            print(f"{what}: {peak / 1e6:,.0f} MB, {wall:.1f} s, {cpu:.1f} CPU s, {rate:,.0f} images/s", flush=True)


if __name__ == "__main__":
    main()
