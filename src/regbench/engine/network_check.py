"""Reject networks that do not fit images or strengths before anything runs; a worker builds them."""

from pathlib import Path

from regbench.config.network import MLP, Model
from regbench.config.params import Params
from regbench.engine.local import local_executor
from regbench.errors import InputError


def refuse_networks(params: Params, path: Path) -> None:
    """Build the variants' networks, apart from plain perceptrons, which take all images and strengths.

    Raises:
        InputError: every problem found, one line each; `path` is that of `params.yaml`.
    """
    plain = Model(network=MLP)
    networks = {name: params.network(name).model_copy(update=plain.sizes) for name in params.variants}
    built = [name for name, model in networks.items() if model != plain]
    if not built:
        return
    with local_executor(1) as executor:
        problems = executor.submit(find_problems, params, built).result()
    if problems:
        raise InputError("\n".join(f"{path}: {problem}" for problem in problems))


def find_problems(params: Params, variants: list[str]) -> list[str]:
    """Return the problems of the variants' networks; runs in a worker."""
    from regbench.engine.network_probe import network_problems

    return network_problems(params, variants)
