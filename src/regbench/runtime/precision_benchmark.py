"""Times a training step's matrix products in float32 and in bfloat16, in a process of its own.

A process of its own, since one that has computed with several threads cannot be forked safely: workers that are forked
from it hang in their first parallel loop.
"""

import argparse
import json
from statistics import median
from time import perf_counter

import torch
from torch import Tensor, nn

BATCH = 128
SMALL, LARGE = 100, 500
"""Widths of the layers: first one that costs little on any processor, then that of the article's network."""
LAYERS = 2
BUDGET = 0.25
"""Seconds after which no other round starts, for each width."""
ROUNDS = 31
"""Rounds at most, for each width."""
HOPELESS = 4.0
"""Where bfloat16 takes this many times as long with small layers, large ones are not measured."""


def step_seconds(device: str) -> tuple[float, float]:
    """Return the median seconds of a step in float32 and in bfloat16, with the threads that are set."""
    seconds = (1.0, 1.0)
    for width in (SMALL, LARGE):
        seconds = _medians(device, width)
        if seconds[1] > HOPELESS * seconds[0]:
            break
    return seconds


def _medians(device: str, width: int) -> tuple[float, float]:
    random = torch.Generator().manual_seed(0)
    layers = nn.Sequential(*(layer for _ in range(LAYERS) for layer in (nn.Linear(width, width), nn.ReLU())))
    layers.to(device)
    inputs = torch.rand(BATCH, width, generator=random).to(device)
    rounds: list[tuple[float, float]] = []
    start = perf_counter()
    while len(rounds) <= ROUNDS and (not rounds or perf_counter() - start < BUDGET):
        rounds.append((_step(layers, inputs, False), _step(layers, inputs, True)))
    measured = rounds[1:] or rounds  # The first is a warm-up: libraries choose and compile their kernels in it.
    return median(float32 for float32, _ in measured), median(bfloat16 for _, bfloat16 in measured)


def _step(layers: nn.Sequential, inputs: Tensor, bfloat16: bool) -> float:
    """Return the seconds of one forward and backward pass in the form in which `training.epoch` makes them."""
    start = perf_counter()
    with torch.autocast(inputs.device.type, torch.bfloat16, enabled=bfloat16):
        outputs = layers(inputs).float()
    torch.autograd.grad(outputs.sum(), tuple(layers.parameters()))
    if inputs.is_cuda:
        torch.cuda.synchronize()
    return perf_counter() - start


def main() -> None:
    """Print both medians as a JSON list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("device", choices=("cpu", "cuda"))
    parser.add_argument("threads", type=int)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(json.dumps(step_seconds(arguments.device)))


if __name__ == "__main__":
    main()
