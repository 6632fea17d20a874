"""The head's side of a cluster: packs calls, and stores the workers' results."""

import pickle
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from regbench.engine.cluster.parcel import Parcel, pack
from regbench.engine.cluster.worker import Delivery, write_entries
from regbench.engine.store import Store


@dataclass(frozen=True)
class Home:
    """A store, and the token by which a worker knows that it sees it."""

    store: Store
    token: str

    def pack(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Parcel:
        """Return the parcel of a call."""
        return pack(function, arguments, self.store.root, self.token)

    def receive(self, delivery: Delivery) -> Any:
        """Add the results of a call to the store, and return its value."""
        write_entries(self.store, delivery.entries)
        return pickle.loads(delivery.value)


@contextmanager
def open_home(store: Store) -> Iterator[Home]:
    """Yield the home of a store; its token is in the store meanwhile."""
    token = f".home-{uuid.uuid4().hex}"
    store.root.mkdir(parents=True, exist_ok=True)
    (store.root / token).touch()
    try:
        yield Home(store, token)
    finally:
        (store.root / token).unlink(missing_ok=True)
