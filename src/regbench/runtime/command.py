"""Runs a command or a stage: process settings, one-line failures, and exit codes."""

import gc
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import regbench
from regbench.errors import InputError, RegbenchError, StorageError, WorkerDiedError
from regbench.runtime.processes import follow_parent
from regbench.runtime.redaction import redact

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 + SIGINT."""
TERMINATED = 143
"""Exit code after `kill`: 128 + SIGTERM."""

OUT_OF_MEMORY = (
    "memory ran out: lower compute.workers, train.batch_size or model.hidden, then run the same command again: what "
    "was finished is kept"
)


class TerminationError(KeyboardInterrupt):
    """SIGTERM, which ends a command as Ctrl-C does: workers are killed, and nothing is left half written."""


def prepare_process() -> None:
    """Set what PyTorch and the garbage collector read; call it before torch is imported."""
    # With several threads, OpenMP's workers would spin at every barrier and starve a neighbour's; PyTorch reads this
    # when it is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Importing torch makes hundreds of thousands of objects that live on: looking through them again and again for
    # garbage takes a fifth of a second of it.
    gc.set_threshold(50_000)
    # Processes that a DVC stage starts die with it.
    if "DVC_STAGE" in os.environ:
        follow_parent()
        # Until `run` handles it, Ctrl-C would print the traceback of an import.
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def run(command: Callable[[], object]) -> None:
    """Run a command; a failure that has an explanation is printed without a traceback and sets the exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        command()
    except RegbenchError as error:
        print(redact(str(error)), file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt as interrupt:
        terminated = isinstance(interrupt, TerminationError)
        print("terminated" if terminated else "interrupted", file=sys.stderr)
        sys.exit(TERMINATED if terminated else INTERRUPTED)
    except BrokenPipeError:
        raise  # The reader closed the pipe early, as `| head` does.
    except OSError as error:
        explained = StorageError.of(error)
        print(explained, file=sys.stderr)
        sys.exit(explained.exit_code)
    except (MemoryError, RuntimeError) as error:
        if not _lacks_memory(error):
            raise
        print(OUT_OF_MEMORY, file=sys.stderr)
        sys.exit(WorkerDiedError.exit_code)
    finally:
        # Leaving takes 0.8 s after torch was imported, and 0.2 s with its objects set aside. Not with MLflow: its
        # connections are closed as garbage, and the last one merges SQLite's write-ahead log.
        if "mlflow" not in sys.modules:
            gc.freeze()


def _lacks_memory(error: Exception) -> bool:
    """Return whether an allocation failed; PyTorch says so by a RuntimeError's text alone."""
    return isinstance(error, MemoryError) or "allocate memory" in str(error) or "out of memory" in str(error)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise TerminationError


def require_own_code(project: Path) -> None:
    """Refuse to work on a checkout with the code of another one, as in an environment that several clones share.

    Raises:
        InputError: `project` is a checkout, and the imported package is not the one in its `src`.
    """
    own, imported = (project / "src" / "regbench").resolve(), Path(regbench.__file__).resolve().parent
    if own.is_dir() and own != imported:
        raise InputError(
            f"regbench is imported from {imported}, not from {own}: run `make install` in this folder, which points "
            "the environment to it, or set PYTHONPATH=src"
        )
