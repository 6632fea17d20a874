"""Parameters in one flat buffer, and Adam on it."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from regbench.params import Train


@dataclass(frozen=True)
class FlatParameters:
    """All parameters of a model as views of one float32 vector.

    The penalised parameters come first, so that what is told about them is one pass over memory. Gradients are not
    flat: autograd would have to add each of them to its part, which costs 5 % of a step; so it hands over its own.
    """

    values: Tensor
    parameters: tuple[nn.Parameter, ...]
    """In the order of `values`."""
    penalised: int
    """How many of `parameters`, the first ones, penalties apply to."""

    @classmethod
    def of(cls, model: nn.Module, penalised: list[Tensor]) -> "FlatParameters":
        """Move the parameters of `model` into a flat buffer, `penalised` ones first; forget their gradients."""
        first = {id(parameter) for parameter in penalised}
        parameters = tuple(sorted(model.parameters(), key=lambda parameter: id(parameter) not in first))
        values = torch.cat([p.detach().flatten() for p in parameters])
        parts = torch.split(values, [p.numel() for p in parameters])
        for parameter, part in zip(parameters, parts, strict=True):
            parameter.data = part.view_as(parameter)
            parameter.grad = None
        return cls(values, parameters, len(penalised))

    @property
    def kernels(self) -> Tensor:
        """The penalised parameters as one vector."""
        return self.values[: sum(parameter.numel() for parameter in self.parameters[: self.penalised])]

    def views_of(self, vector: Tensor) -> list[Tensor]:
        """Return the parts of a vector as long as `values`, each in the shape of its parameter."""
        parts = torch.split(vector, [parameter.numel() for parameter in self.parameters])
        return [part.view_as(parameter) for part, parameter in zip(parts, self.parameters, strict=True)]


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
        self.values = parameters.views_of(parameters.values)
        self.first = parameters.views_of(torch.zeros_like(parameters.values))
        self.second = parameters.views_of(torch.zeros_like(parameters.values))
        self.steps = 0

    def step(self) -> None:
        """Update the parameters from their gradients, then drop the gradients."""
        settings = self.settings
        self.steps += 1
        steps = torch.tensor(float(self.steps), device=self.parameters.values.device)
        gradients = [parameter.grad for parameter in self.parameters.parameters if parameter.grad is not None]
        torch._fused_adam_(
            self.values,
            gradients,
            self.first,
            self.second,
            [],
            [steps] * len(self.values),
            lr=settings.learning_rate,
            beta1=settings.beta1,
            beta2=settings.beta2,
            weight_decay=0.0,
            eps=settings.epsilon / math.sqrt(1 - settings.beta2**self.steps),
            amsgrad=False,
            maximize=False,
        )
        for parameter in self.parameters.parameters:
            parameter.grad = None
