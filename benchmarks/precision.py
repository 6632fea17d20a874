"""Accuracy of bfloat16 against float32 over the same seeds: best validation epochs, paired.

`python -m benchmarks.precision [--raw PATH] [--seeds N] [--epochs N]` prints a table and writes precision.json.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy import stats

from benchmarks.data import prepare_arrays
from benchmarks.own_training import load_arrays, make_spec
from benchmarks.race import ROOT
from regbench.engine.training_run import train_network
from regbench.files import write_json
from regbench.runtime.arithmetic import prepare

PRECISIONS = ("float32", "bfloat16")


def accuracies(folder: Path, precision: str, seeds: int, epochs: int) -> list[float]:
    """Return the best validation accuracy of each seed's baseline, fractions."""
    spec = make_spec({}, "plain", epochs, precision)
    prepare(spec.hardware)
    data = load_arrays(folder, "plain")
    found = []
    for seed in range(seeds):
        result = train_network(spec, data, seed)[1]
        found.append(result.history[result.best_epoch].validation_accuracy)
        print(f"  {precision}, seed {seed}: {100 * found[-1]:.2f} %", flush=True)
    return found


def main() -> None:
    """Train both precisions under every seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raw", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks")
    given = parser.parse_args()
    with TemporaryDirectory(prefix="regbench-") as folder:
        arrays = prepare_arrays(given.raw, Path(folder), None)
        found = {kind: accuracies(arrays.folder, kind, given.seeds, given.epochs) for kind in PRECISIONS}
    points = 100 * (np.array(found["bfloat16"]) - np.array(found["float32"]))
    low, high = stats.t.interval(0.95, len(points) - 1, points.mean(), stats.sem(points))
    summary = {"mean": float(points.mean()), "low": float(low), "high": float(high)}
    about = {"train_images": arrays.train, "epochs": given.epochs, "seeds": given.seeds}
    write_json(given.out / "precision.json", {**about, "accuracy": found, "difference_points": summary})
    print(f"bfloat16 - float32: {summary['mean']:+.3f} points, 95 % interval {low:+.3f} to {high:+.3f}")


if __name__ == "__main__":
    main()
