"""Waits for trainings, and shows their progress on a terminal."""

import math
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue

from tqdm import tqdm

from regbench.engine.live import count_epochs, live_file
from regbench.engine.tasks import TrainingTask

SECONDS = 1.0
"""Between two looks at running trainings, where a terminal shows them."""

Futures = dict[Future[Path], TrainingTask]


def wait_for(futures: Futures, deadline: float = math.inf) -> Iterator[Future[Path]]:
    """Yield trainings as they end; those that have not begun at `deadline`, of `time.monotonic`, are cancelled then.

    A training that ends costs the same however many there are, and is taken out of `futures`: each holds two kilobytes.
    """
    ended: SimpleQueue[Future[Path]] = SimpleQueue()
    for future in futures:
        future.add_done_callback(ended.put)
    progress = _Progress(futures)
    try:
        while futures:
            seconds = deadline - time.monotonic()
            if seconds <= 0:
                deadline, seconds = math.inf, math.inf
                for future in futures:
                    future.cancel()
            limit = min(seconds, math.inf if progress.bar.disable else SECONDS)
            try:
                future = ended.get(timeout=limit if limit < math.inf else None)
            except Empty:
                progress.show()
                continue
            progress.count(future)
            if not future.cancelled():
                yield future
    finally:
        progress.bar.close()


class _Progress:
    """A bar of epochs: those of trainings that ended, and those that running ones have written so far."""

    def __init__(self, futures: Futures) -> None:
        self.futures, self.runs, self.epochs, self.shown = futures, len(futures), 0, 0.0
        total = sum(task.spec.epochs for task in futures.values())
        self.bar = tqdm(total=total, desc="train", unit="epoch", disable=None)

    def count(self, future: Future[Path]) -> None:
        """Take note of a training that ended."""
        self.epochs += self.futures.pop(future).spec.epochs
        if time.monotonic() - self.shown >= SECONDS or not self.futures:
            self.show()

    def show(self) -> None:
        """Draw the bar where there is a terminal."""
        if not self.bar.disable:
            self.shown = time.monotonic()
            running = sum(_epochs(task) for future, task in self.futures.items() if future.running())
            self.bar.n = max(self.bar.n, self.epochs + running)
            self.bar.set_postfix_str(f"{self.runs - len(self.futures)} of {self.runs} runs")


def _epochs(task: TrainingTask) -> int:
    return count_epochs(live_file(task.live, task.shown, task.seed)) if task.live else 0
