"""The files that a call reads, named by their content, so that they are the same on any machine."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256 as sha256_of
from pathlib import Path
from typing import Self

from regbench.data.dataset import INDEX, SplitName
from regbench.files import digest, sha256
from regbench.networks.own import is_own
from regbench.runtime.code_identity import import_closure, module_file

SHAPE = "dataset.json"
AUGMENTATION = "digest.txt"


@dataclass(frozen=True)
class Input:
    """Files that a call reads."""

    what: str
    """In a word, for messages."""
    folder: Path
    names: tuple[str, ...]
    """Files and folders below `folder`; empty for all."""
    marks: tuple[str, ...]
    """Files below `folder` whose content tells that of all: an index, for instance, has the hash of every image."""
    digest: str
    """Of the marks, as `digest_of`."""
    is_project: bool = False
    """Relative paths in the call are below this folder."""

    @classmethod
    def of(cls, what: str, folder: Path, marks: tuple[str, ...]) -> Self:
        """Return files that are their own marks, as they are now."""
        return cls(what, folder, marks, marks, digest_of(folder, marks))

    def files(self) -> Iterator[str]:
        """Yield the names of all files, relative to `folder`; what is written at the moment is none."""
        for name in self.names or ("",):
            place = self.folder / name
            paths = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
            yield from (path.relative_to(self.folder).as_posix() for path in paths if not path.name.startswith("."))

    def is_in(self, folder: Path) -> bool:
        """Return whether a folder has the marks, whatever their content."""
        return all((folder / mark).is_file() for mark in self.marks)


def learned_data(folder: Path, digest: str) -> Input:
    """Return what trainings read of a data set; `digest` is its `data_digest`."""
    marks = (SHAPE, f"train/{INDEX}", f"validation/{INDEX}")
    return Input("data", folder, (SHAPE, "train", "validation"), marks, digest)


def split_data(folder: Path, split: SplitName) -> Input:
    """Return what an evaluation reads of a data set."""
    marks = (SHAPE, f"{split}/{INDEX}")
    return Input("data", folder, (SHAPE, split), marks, digest_of(folder, marks))


def augmentation(folder: Path, name: str) -> Input:
    """Return the files of an augmentation, by its name in the store."""
    text = sha256_of(f"{name}\n".encode()).hexdigest()
    return Input("augmentation", folder, (), (AUGMENTATION,), digest([text]))


def project_files(network: str, weights: str = "") -> tuple[Input, ...]:
    """Return the project's files that a network is made of: the code of the user's own, and its starting weights."""
    project, names = Path.cwd(), [weights] if weights else []
    if is_own(network):
        module = module_file(project, network.partition(":")[0].split("."))
        closure = import_closure(module, [project], project)
        names += [path.relative_to(project.resolve()).as_posix() for path in closure]
    found = Input.of("project", project, tuple(sorted(names))) if names else None
    return (replace(found, is_project=True),) if found else ()


def digest_of(folder: Path, marks: tuple[str, ...]) -> str:
    """Return a hash of the content of files."""
    return digest([_sha256(path, path.stat().st_mtime_ns, path.stat().st_size) for path in map(folder.joinpath, marks)])


@lru_cache(maxsize=1024)
def _sha256(path: Path, changed: int, size: int) -> str:
    """Read a file once as long as it stays as it is: all trainings of a stage have the same data."""
    return sha256(path)
