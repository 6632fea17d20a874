"""Trainings on a cluster, in a thread, while a test does harm; and what they must come to."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from support.hosts import wait_until
from support.small_engine import runs, small_engine, train_all
from support.small_study import small_params

from regbench.config.params import Params
from regbench.engine.live import count_epochs
from regbench.engine.run import Engine

EPOCHS = 60
"""Of trainings that last some seconds."""

OpenEngine = Callable[[], AbstractContextManager[Engine]]


def long_params() -> Params:
    """Return the small study, four variants and two seeds, with longer trainings."""
    params = small_params()
    variants = {name: variant.model_copy(update={"patience": 0}) for name, variant in params.variants.items()}
    train = params.train.model_copy(update={"epochs": EPOCHS})
    return params.model_copy(update={"train": train, "variants": variants})


class Reference:
    """The bytes of all runs as this process makes them, which are made once."""

    def __init__(self, data: Path, folder: Path) -> None:
        self.data, self.folder = data, folder
        self.made: dict[int, dict[str, bytes]] = {}

    def __call__(self, params: Params) -> dict[str, bytes]:
        """Return the bytes of all runs; params differ in their epochs alone."""
        epochs = params.train.epochs
        if epochs not in self.made:
            store = self.folder / f"{epochs}/store"
            train_all(small_engine(store), params, self.data)
            self.made[epochs] = runs(store)
        return self.made[epochs]


class Training(threading.Thread):
    """Trains all variants of a study with an engine whose store is in the folder of the head."""

    def __init__(self, open_engine: OpenEngine, head: Path, params: Params) -> None:
        super().__init__(daemon=True)
        self.open_engine, self.head, self.params = open_engine, head, params
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Train, and keep the error."""
        try:
            with self.open_engine() as engine:
                train_all(engine, self.params, self.head / "data")
        except BaseException as error:
            self.error = error

    def wait_for_epochs(self, count: int) -> None:
        """Return when trainings have shown so many epochs together."""
        for _ in wait_until(f"{count} epochs"):
            assert self.error is None, self.error
            if sum(count_epochs(path) for path in (self.head / "live").glob("*.jsonl")) >= count:
                break

    def finish(self) -> None:
        """Wait for the end, which must be a good one."""
        self.join(300)
        assert not self.is_alive() and self.error is None, self.error

    def fail(self) -> BaseException:
        """Wait for the end, and return the error that there must be."""
        self.join(60)
        assert self.error is not None and not self.is_alive()
        return self.error
