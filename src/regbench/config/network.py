"""The section `model`: the shape of the network."""

from regbench.config.section import Count, Section


class Model(Section):
    """Shape of the multilayer perceptron; inputs and outputs follow from the data."""

    hidden: tuple[Count, ...] = (500, 500, 500, 500, 500)
    """Width of each hidden layer, units."""
