"""Adam on one flat buffer of parameters, and its learning rate."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from regbench.config.training import Train


@dataclass(frozen=True)
class FlatParameters:
    """All parameters of a model that are not frozen, as views of one float32 vector.

    The penalised parameters come first, so that a penalty needs one pass over memory. Gradients are not
    flat: autograd would have to add each of them to its part, which costs 5 % of a step; so it hands over its own.
    """

    values: Tensor
    parameters: tuple[nn.Parameter, ...]
    """In the order of `values`."""
    penalised: int
    """How many of `parameters`, the first ones, penalties apply to."""

    @classmethod
    def of(cls, model: nn.Module, penalised: list[Tensor]) -> "FlatParameters":
        """Move what is trained of `model` into a flat buffer, `penalised` ones first; forget gradients."""
        first = {id(parameter) for parameter in penalised}
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        parameters = tuple(sorted(trained, key=lambda parameter: id(parameter) not in first))
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


def rate_factor(settings: Train, step: int, epoch_steps: int) -> float:
    """Return what `learning_rate` is multiplied by in a step, counted from 0, where an epoch has `epoch_steps`.

    The warm-up rises in proportion to the number of the step and reaches 1 in its last one. The half cosine
    (Loshchilov & Hutter 2017) begins with the next step, at 1, and would be 0 in the step after the last epoch.
    A warm-up that is longer than `epochs` never reaches 1.
    """
    warm, steps = settings.warmup * epoch_steps, settings.epochs * epoch_steps
    rising = min(1.0, (step + 1) / warm) if warm else 1.0
    if settings.schedule == "constant" or step <= warm:
        return rising
    return rising * (1 + math.cos(math.pi * (step - warm) / (steps - warm))) / 2


class Adam:
    """Adam (Kingma & Ba 2015) in the form of its section 2's last paragraph, which is Keras's.

    There epsilon is added before the bias correction (`m / (sqrt(v) + epsilon)`); PyTorch adds it afterwards, so its
    kernel is given `epsilon / sqrt(1 - beta2^t)`, which is the same number.

    The kernel is called directly, since constructing any `torch.optim` optimizer imports the compiler (2.2 s a process,
    more than a training on the default data takes). A test holds it to `torch.optim.Adam`, and with `weight_decay`,
    which takes `learning_rate * weight_decay` of the kernels away before the step, to `torch.optim.AdamW`.
    """

    def __init__(self, parameters: FlatParameters, settings: Train, weight_decay: float = 0) -> None:
        self.parameters = parameters
        self.settings = settings
        self.values = parameters.views_of(parameters.values)
        self.first = parameters.views_of(torch.zeros_like(parameters.values))
        self.second = parameters.views_of(torch.zeros_like(parameters.values))
        self.steps = 0
        kernels = [place for place, value in enumerate(self.values) if value.dim() > 1]
        others = [place for place, value in enumerate(self.values) if value.dim() < 2]
        decayed = [(kernels, weight_decay), (others, 0.0)]
        self.groups = decayed if weight_decay else [(list(range(len(self.values))), 0.0)]

    @property
    def epsilon(self) -> float:
        """What is added to the square root of the corrected mean of squares in the latest step."""
        return self.settings.epsilon / self.correction

    @property
    def correction(self) -> float:
        """Square root of what the bias correction divides the mean of squares by in the latest step."""
        return math.sqrt(1 - self.settings.beta2**self.steps)

    def step(self, factor: float = 1.0) -> None:
        """Update the parameters from their gradients at `factor * learning_rate`, then drop the gradients."""
        settings = self.settings
        self.steps += 1
        steps = torch.tensor(float(self.steps), device=self.parameters.values.device)
        gradients = [parameter.grad for parameter in self.parameters.parameters if parameter.grad is not None]
        for places, decay in self.groups:
            torch._fused_adamw_(
                [self.values[place] for place in places],
                [gradients[place] for place in places],
                [self.first[place] for place in places],
                [self.second[place] for place in places],
                [],
                [steps] * len(places),
                lr=settings.learning_rate * factor,
                beta1=settings.beta1,
                beta2=settings.beta2,
                weight_decay=decay,
                eps=self.epsilon,
                amsgrad=False,
                maximize=False,
            )
        for parameter in self.parameters.parameters:
            parameter.grad = None

    @torch.no_grad()
    def shrink_(self, l1: float, factor: float = 1.0) -> None:
        """Take the proximal step of `l1 * sum|w|` that belongs to the latest step: penalised kernels get true zeros.

        Each weight goes towards 0 by `factor * learning_rate * l1 / (sqrt(v) + epsilon)`, bias-corrected as in the
        step, and stays at 0 where that would carry it past (ProxGen, Yun, Lozano & Yang 2021).
        """
        reach = factor * self.settings.learning_rate * l1 * self.correction
        penalised = self.parameters.penalised
        # A kernel at a time stays in the cache: four times as fast as all of them at once.
        for kernel, squares in zip(self.values[:penalised], self.second[:penalised], strict=True):
            threshold = squares.sqrt().add_(self.settings.epsilon).reciprocal_().mul_(reach)
            kernel.sub_(torch.clamp(kernel, -threshold, threshold))
