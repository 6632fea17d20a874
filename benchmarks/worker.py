"""A contender's side of a race. Standard library only, since peers run it in an environment of their own.

A worker is started once and then takes turns: it is told to go, does one unit of work (an epoch, mostly), and answers.
So compiling and importing are outside the time, and the rounds of all contenders are interleaved.
"""

import json
import os
import sys
import time


class Turns:
    """Waits for the next turn and reports the last one, over standard input and output."""

    def __init__(self) -> None:
        # What libraries print must not mix with the answers: from here on it goes to standard error.
        self._answers = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        self._cpu = 0.0

    def ready(self) -> None:
        """Say that the work can start, and wait for the first turn."""
        self._answer({"ready": True})

    def done(self, accuracy: float | None = None, **facts: float) -> None:
        """Report the turn that just ended and wait for the next; ends the process when there is none."""
        cpu = time.process_time() - self._cpu
        self._answer({"cpu_seconds": cpu, "accuracy": accuracy, **facts})

    def _answer(self, answer: dict[str, float | bool | None]) -> None:
        print(json.dumps(answer), file=self._answers, flush=True)
        if not sys.stdin.readline():
            # Not sys.exit: libraries may catch it, or wait for threads of their own.
            os._exit(0)
        self._cpu = time.process_time()
