"""Shows searches in optuna-dashboard."""

import os
import sys
from pathlib import Path
from typing import NoReturn

from regbench.errors import InputError

HOST = "127.0.0.1"


def show_dashboard(trials: Path, port: int) -> NoReturn:
    """Replace this process by optuna-dashboard, which serves the searches of a journal until Ctrl-C.

    Raises:
        InputError: there is no such journal.
    """
    if not trials.is_file():
        raise InputError(f"{trials}: no such file: give a variant a range and run `dvc repro tune`")
    program = Path(sys.executable).with_name("optuna-dashboard")  # that of this environment, whatever PATH says
    os.execv(program, [str(program), "--host", HOST, "--port", str(port), str(trials)])
