"""A cluster's worker: checks a parcel, finds the files that the call reads, runs it, and returns the result."""

import pickle
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, nullcontext
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from regbench.engine.cluster.cache import find_input
from regbench.engine.cluster.parcel import ClusterError, Parcel, move, versions
from regbench.engine.inputs import Input, digest_of
from regbench.engine.store import Store
from regbench.runtime.code_identity import identity_of

WORK = "work"
"""Folder, in a worker's cache, of stores that hold what is not sent home yet."""
SHOWN = 12
"""Characters of a hash in messages."""

Entries = Mapping[str, Mapping[str, bytes]]
"""The bytes of each file of each entry, both by their names."""


@dataclass(frozen=True)
class Delivery:
    """What a call came to."""

    value: bytes
    """Pickled, so that only the head reads it."""
    entries: Entries
    """What it entered into a store that is not the head's own."""


class Fetcher(Protocol):
    """Lets a worker have files that it cannot see."""

    @property
    def cache(self) -> Store:
        """Where they are kept."""

    def fetch(self, wanted: Input) -> None:
        """Return when the cache may have them; ClusterError where there is no way."""


def open_parcel(parcel: Parcel, fetcher: Fetcher) -> Delivery:
    """Do the call of a parcel.

    Raises:
        ClusterError: code, versions or data are not those of the head, or there is no way to get the data.
        Exception: what the call raises.
    """
    refuse_other("code", identity_of(*parcel.modules), parcel.code, "check out the same commit there, and restart it")
    refuse_other("versions", versions(), parcel.versions, "install the same requirements.txt there, and restart it")
    places = {each.folder: locate(each, fetcher) for each in parcel.inputs if not each.is_project}
    project = next((locate(each, fetcher) for each in parcel.inputs if each.is_project), None)
    with _store(parcel, fetcher) as (store, is_home), chdir(project) if project else nullcontext():
        function, arguments = pickle.loads(parcel.content)
        value = pickle.dumps(function(*move(arguments, {**places, parcel.store: store})))
        return Delivery(value, {} if is_home else read_entries(Store(store)))


def refuse_other(what: str, own: str, expected: str, cure: str) -> None:
    """Raise ClusterError unless two values are equal; hashes are cut to their first characters."""
    if own != expected:
        shown = [value if " " in value else value[:SHOWN] for value in (own, expected)]
        raise ClusterError(f"worker on {socket.gethostname()}: {what} = {shown[0]}: the head has {shown[1]}: {cure}")


def locate(wanted: Input, fetcher: Fetcher) -> Path:
    """Return a folder with the files that a call reads: the head's own where this machine sees it, else a copy.

    Raises:
        ClusterError: a folder is there under the head's name, and holds other files; or as `Fetcher.fetch`.
    """
    if wanted.is_in(wanted.folder):
        cure = "bring them up to date there, or move them away, then they are sent"
        refuse_other(f"{wanted.what} in {wanted.folder}", digest_of(wanted.folder, wanted.marks), wanted.digest, cure)
        return wanted.folder
    while (place := find_input(fetcher.cache, wanted)) is None:
        fetcher.fetch(wanted)
    return place


def read_entries(store: Store) -> Entries:
    """Return the content of all entries."""
    return {
        str(entry.relative_to(store.root)): {path.name: path.read_bytes() for path in sorted(entry.iterdir())}
        for entry in store.entries()
    }


def write_entries(store: Store, entries: Entries) -> None:
    """Enter into a store what `read_entries` read from another one; each entry is there whole or not at all."""
    for name, files in entries.items():
        kind, _, rest = name.partition("/")
        if store.find(kind, rest) is None:
            with store.write(kind, rest) as folder:
                for file, content in files.items():
                    (folder / file).write_bytes(content)


@contextmanager
def _store(parcel: Parcel, fetcher: Fetcher) -> Iterator[tuple[Path, bool]]:
    """Yield the store to work in, and whether it is the head's; another one stays if the call fails, for the next try.

    Its name is that of the call, so that a call which is done again here continues from its checkpoint.
    """
    if (parcel.store / parcel.token).is_file():
        yield parcel.store, True
        return
    own = fetcher.cache.root / WORK / sha256(parcel.content).hexdigest()[:32]
    own.mkdir(parents=True, exist_ok=True)
    yield own, False
    shutil.rmtree(own, ignore_errors=True)
