"""The user's own networks: functions in modules of the project's folder `networks`."""

import importlib
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from regbench.config.network import OWN
from regbench.errors import InputError
from regbench.runtime.code_identity import code_identity, module_file


def is_own(network: str) -> bool:
    """Return whether `model.network` names a function of the user's own."""
    return network.startswith(f"{OWN}.")


def own_code(network: str) -> str:
    """Return the identity of the code behind a network of the user's own, with all of the project that it imports.

    Empty for the networks that regbench builds.

    Raises:
        InputError: there is no such module.
        IntegrityError: a file is not valid Python.
    """
    return code_identity([_file(network)], [Path.cwd()], Path.cwd())[:16] if is_own(network) else ""


def own_function(network: str, code: str) -> Callable[..., Any]:
    """Return the function that `networks.MODULE:FUNCTION` names, if its code is still the one of an identity.

    Raises:
        InputError: there is no such module or function, or the code is another one by now.
        IntegrityError: a file is not valid Python.
    """
    if own_code(network) != code:
        raise InputError(
            f"network = {network!r}: {_shown(network)} or what it imports was edited since: restore it from git, or "
            "train again; a changed network that is to be compared with the old one gets a module of its own"
        )
    return _import(network, code)


@lru_cache
def _import(network: str, code: str) -> Callable[..., Any]:
    module, _, function = network.partition(":")
    project = str(Path.cwd())
    sys.path[:] = [project, *(path for path in sys.path if path != project)]
    # Code that was imported before an edit is another one.
    for known in [name for name in sys.modules if name.partition(".")[0] == OWN]:
        del sys.modules[known]
    importlib.invalidate_caches()
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"network = {network!r}: cannot be imported: {reason}: correct {_shown(network)}") from error
    return found


def _file(network: str) -> Path:
    file = module_file(Path.cwd(), network.partition(":")[0].split("."))
    if not file.is_file():
        raise InputError(f"network = {network!r}: {_shown(network)}: no such file: write it, or correct the name")
    return file


def _shown(network: str) -> Path:
    return module_file(Path.cwd(), network.partition(":")[0].split(".")).relative_to(Path.cwd())
