"""The section `model`: the shape of the network."""

from typing import Annotated

from pydantic import Field

from regbench.config.section import Count, Section


class Model(Section):
    """Shape of the multilayer perceptron; inputs and outputs follow from the data."""

    hidden: Annotated[tuple[Count, ...], Field(min_length=1)] = (500, 500, 500, 500, 500)
    """Width of each hidden layer, units; one layer at least, since penalties are on hidden layers."""
