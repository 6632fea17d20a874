"""What the machine allows: the matrix products of an epoch and one pass of Adam a step, and nothing else.

Products are written into buffers that exist already; the clean passes over validation and as many train images, which
the history needs, are among them. Nobody can train this network exactly with less.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from benchmarks.own_training import load_arrays, make_spec
from benchmarks.worker import Turns
from regbench.engine.training_run import build_network
from regbench.runtime.arithmetic import prepare
from regbench.training.examples import EVALUATION_BATCH
from regbench.training.optimizer import Adam, FlatParameters


class Products:
    """Buffers and matrix products of one batch size."""

    def __init__(self, kernels: list[torch.Tensor], rows: int, kind: torch.dtype) -> None:
        widths = [kernels[0].shape[1], *(kernel.shape[0] for kernel in kernels)]
        self.kernels = [kernel.detach().to(kind) for kernel in kernels]
        self.rows = [torch.rand(rows, width).to(kind) for width in widths]
        self.outputs = [torch.empty_like(row) for row in self.rows]
        self.gradients = [torch.empty_like(kernel) for kernel in self.kernels]

    def forward(self) -> None:
        """Rows through all layers."""
        for layer, kernel in enumerate(self.kernels):
            torch.mm(self.rows[layer], kernel.T, out=self.outputs[layer + 1])

    def backward(self) -> None:
        """Gradients of all kernels, and of all rows but the inputs."""
        for layer in reversed(range(len(self.kernels))):
            torch.mm(self.rows[layer + 1].T, self.rows[layer], out=self.gradients[layer])
            if layer:
                torch.mm(self.rows[layer + 1], self.kernels[layer], out=self.outputs[layer])


@torch.no_grad()
def main() -> None:
    """Take turns; a turn is an epoch's worth of products."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("precision", help="of the products of a step; clean passes are float32, as in regbench")
    parser.add_argument("number")
    given = parser.parse_args()
    turns = Turns()
    spec = make_spec({}, "plain", 1, given.precision)
    prepare(spec.hardware)
    data = load_arrays(given.folder, "plain")
    model = build_network(spec, data, 128)
    kernels = model.kernels
    learning = Products(kernels, spec.train.batch_size, getattr(torch, given.precision))
    clean = Products(kernels, EVALUATION_BATCH, torch.float32)
    adam = Adam(FlatParameters.of(model, model.hidden_kernels), spec.train)
    steps = len(data.train) / spec.train.batch_size
    passes = 2 * len(data.validation) / EVALUATION_BATCH
    gradients = [torch.full_like(p, 1e-3) for p in adam.parameters.parameters]
    turns.ready()
    while True:
        for _ in range(int(np.ceil(steps))):
            learning.forward()
            learning.backward()
            for parameter, gradient in zip(adam.parameters.parameters, gradients, strict=True):
                parameter.grad = gradient
            adam.step()
        for _ in range(int(np.ceil(passes))):
            clean.forward()
        turns.done()


if __name__ == "__main__":
    main()
