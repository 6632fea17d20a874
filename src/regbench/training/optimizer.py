"""Parameters in one flat buffer, and Adam on it."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from regbench.params import Train


@dataclass(frozen=True)
class FlatParameters:
    """All parameters of a model as views of one vector, and all gradients of another; float32.

    The penalised parameters come first, so that penalties and the optimizer each are one pass over memory.
    """

    values: Tensor
    gradients: Tensor
    penalised: int
    """Length of the leading part that penalties apply to."""

    @classmethod
    def of(cls, model: nn.Module, penalised: list[Tensor]) -> "FlatParameters":
        """Move the parameters of `model`, and gradients of zero, into flat buffers; `penalised` ones first."""
        first = {id(parameter) for parameter in penalised}
        parameters = [*penalised, *(p for p in model.parameters() if id(p) not in first)]
        values = torch.cat([p.detach().flatten() for p in parameters])
        gradients = torch.zeros_like(values)
        start = 0
        for parameter in parameters:
            end = start + parameter.numel()
            parameter.data = values[start:end].view_as(parameter)
            parameter.grad = gradients[start:end].view_as(parameter)
            start = end
        return cls(values, gradients, sum(p.numel() for p in penalised))

    @property
    def kernels(self) -> Tensor:
        """The penalised parameters."""
        return self.values[: self.penalised]

    @property
    def kernel_gradients(self) -> Tensor:
        """Gradients of the penalised parameters."""
        return self.gradients[: self.penalised]


class Adam:
    """Adam (Kingma & Ba 2015) in the form of its section 2's last paragraph, which is Keras's.

    There epsilon is added before the bias correction (`m / (sqrt(v) + epsilon)`); PyTorch adds it afterwards, so its
    kernel is given `epsilon / sqrt(1 - beta2^t)`, which is the same number.

    The kernel is called directly, since constructing any `torch.optim` optimizer imports the compiler (2.2 s a process,
    more than a training on the default data takes). A test holds it to `torch.optim.Adam`.
    """

    def __init__(self, parameters: FlatParameters, settings: Train) -> None:
        self.parameters = parameters
        self.settings = settings
        self.first = torch.zeros_like(parameters.values)
        self.second = torch.zeros_like(parameters.values)
        self.steps = 0

    def step(self) -> None:
        """Update the parameters from the gradients, then set the gradients to zero."""
        settings = self.settings
        self.steps += 1
        torch._fused_adam_(
            [self.parameters.values],
            [self.parameters.gradients],
            [self.first],
            [self.second],
            [],
            [torch.tensor(float(self.steps), device=self.first.device)],
            lr=settings.learning_rate,
            beta1=settings.beta1,
            beta2=settings.beta2,
            weight_decay=0.0,
            eps=settings.epsilon / math.sqrt(1 - settings.beta2**self.steps),
            amsgrad=False,
            maximize=False,
        )
        self.parameters.gradients.zero_()
