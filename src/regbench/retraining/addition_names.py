"""Names new images in the raw folder: their own name, or with a part of the file's hash if it is taken."""

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
    """Give each new row the name of its file, with a part of the file's hash where another image has that name."""
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
    """Whether a name is taken by other content; equal bytes are left from a killed merge, and are used."""
    path = raw.top / name
    return path.exists() and not (path.is_file() and raw.read(name) == content)
