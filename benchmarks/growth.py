"""Seconds and memory of training as the data set grows: the train images tiled, one epoch, one process."""

import argparse
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.data import Arrays
from benchmarks.own_training import load_arrays, make_spec
from benchmarks.race import ROOT, BenchmarkError
from regbench.engine.training_run import train_network
from regbench.runtime.arithmetic import prepare
from regbench.training.examples import Examples

SIZES = (5_000, 49_000, 490_000)
"""Train images."""


def measure(arrays: Arrays) -> list[dict[str, Any]]:
    """Train one epoch on each size, each in a process of its own; one measurement each."""
    found = []
    for size in SIZES:
        path = _tiled(arrays, size)
        command = [sys.executable, "-m", "benchmarks.growth", str(arrays.folder), str(path)]
        done = subprocess.run(command, cwd=ROOT, env=_environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchmarkError(f"growth at {size} images: {done.stderr.strip().splitlines()[-1:]}")
        found.append({"images": size, **json.loads(done.stdout)})
        path.unlink()
        print(f"  growth: {found[-1]}", flush=True)
    return found


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}


def _tiled(arrays: Arrays, size: int) -> Path:
    pixels = np.load(arrays.folder / "train_pixels.npy")
    path = arrays.folder / f"tiled_{size}.npy"
    out = np.lib.format.open_memmap(path, "w+", np.uint8, (size, *pixels.shape[1:]))
    for start in range(0, size, len(pixels)):
        out[start : start + len(pixels)] = pixels[: size - start]
    out.flush()
    return path


def main() -> None:
    """Train one epoch on a memory-mapped array and print seconds and memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("pixels", type=Path)
    given = parser.parse_args()
    spec = make_spec({}, "plain", 1, "float32")
    prepare(spec.hardware)
    data = load_arrays(given.folder, "plain")
    pixels = np.load(given.pixels, mmap_mode="c")
    labels = data.train.labels.repeat(-(-len(pixels) // len(data.train)))[: len(pixels)]
    train = Examples(pixels[np.newaxis], labels)
    before = _memory()
    result = train_network(spec, replace(data, train=train, augmented=train), 128)[1]
    wall, cpu = result.seconds[0]
    facts = {"seconds": wall, "cpu_seconds": cpu, "own_mb": _memory()["RssAnon"], "before_mb": before["RssAnon"]}
    print(json.dumps({**facts, "mapped_mb": _memory()["RssFile"], "accuracy": result.history[0].validation_accuracy}))


def _memory() -> dict[str, float]:
    """Return this process's resident memory: its own (RssAnon) and mapped files (RssFile), which can be dropped."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    sizes = {line.split(":")[0]: int(line.split()[1]) / 1000 for line in lines if line.startswith("Rss")}
    torch.set_num_threads(1)
    return sizes


if __name__ == "__main__":
    main()
