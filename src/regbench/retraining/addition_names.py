"""Choose file names for new images in the raw folder; a part of the file's hash is added if the name is taken."""

import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath

import pandas as pd

from regbench.config.data import Data
from regbench.data.sources import FolderSource
from regbench.data.sources.source import Source
from regbench.retraining.raw_folder import Addition


@dataclass(frozen=True)
class Places:
    """Where the raw folder keeps tables and images."""

    top: str
    data: Data

    def table(self, labelled: bool) -> str:
        """Return the name of the table."""
        return self.top + (self.data.train_csv if labelled else self.data.test_csv)

    def file(self, labelled: bool, filename: str) -> str:
        """Return the name of an image."""
        folder = self.data.train_images if labelled else self.data.test_images
        return self.top + str(PurePosixPath(folder) / filename)


def name_additions(
    new: pd.DataFrame, source: Source, raw: FolderSource, places: Places, listed: frozenset[tuple[bool, str]]
) -> tuple[Addition, ...]:
    """Choose the file name of each new row; add a part of the file's hash where another image has that name."""
    planned: dict[str, str] = {}
    additions = []
    columns = (new[column].tolist() for column in ("labelled", "filename", "label", "group", "name"))
    for labelled, filename, label, group, name in zip(*columns, strict=True):
        path = PurePosixPath(filename)
        # A table may name files without extension.
        filename = filename if path.suffix else str(path.with_suffix(PurePosixPath(name).suffix))
        wanted = target = places.file(labelled, filename)
        taken = (labelled, filename) in listed or planned.get(target, name) != name
        if taken or _holds_other(raw, target, source.read(name)):
            digest = hashlib.sha256(source.read(name)).hexdigest()[:16]
            path = PurePosixPath(filename)
            filename = str(path.with_name(f"{path.stem}-{digest}{path.suffix}"))
            target = places.file(labelled, filename)
        planned[target] = name
        additions.append(Addition(places.table(labelled), filename, label, group, name, target, wanted))
    return tuple(additions)


def _holds_other(raw: FolderSource, name: str, content: bytes) -> bool:
    """Return whether a file of this name has other content; equal bytes come from a killed merge and are reused."""
    path = raw.top / name
    return path.exists() and not (path.is_file() and raw.read(name) == content)
