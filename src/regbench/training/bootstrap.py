"""Bootstrap samples of the train split."""

import torch
from torch import Tensor

from regbench.runtime.randomness import generator


def bootstrap_rows(count: int, seed: int) -> Tensor:
    """Return `count` rows drawn with replacement from as many, in order, (count,), int64 (Efron 1979).

    A seed gives the same rows in every epoch. About 63 % of the rows are among them, some several times.
    """
    return torch.from_numpy(generator(seed, "bootstrap").integers(count, size=count)).sort().values
