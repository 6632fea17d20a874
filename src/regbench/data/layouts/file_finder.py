"""Finds the files that the cells of a table name."""

import unicodedata
from collections.abc import Iterable, Sequence
from functools import cached_property
from posixpath import basename, splitext


class FileFinder:
    """The files of a source, by the names that people give them."""

    def __init__(self, names: Iterable[str]) -> None:
        self._by_path = {compose(name): name for name in names}

    @cached_property
    def _by_last(self) -> dict[str, list[str]]:
        """Paths by last part, with and without extension."""
        found: dict[str, list[str]] = {}
        for path in sorted(self._by_path):
            last = basename(path)
            for key in {last, splitext(last)[0]}:
                found.setdefault(key, []).append(path)
        return found

    @cached_property
    def _by_folded(self) -> dict[str, str]:
        """A path for each key of `_by_last` in lower case."""
        return {key.lower(): paths[0] for key, paths in self._by_last.items()}

    def find(self, cell: str, folders: Sequence[str]) -> tuple[str, str]:
        """Return the file that a cell names and "", or "" and what is wrong.

        Tried in this order: the path below each of `folders` (each ends with a slash, or is "" for the top), with or
        without extension; then the one file anywhere whose path, with or without extension, ends with the cell. Names
        are compared in Unicode normalization form C, since macOS saves others, which look the same.
        """
        wanted = compose(cell).removeprefix("./")
        for folder in folders:
            if hit := self._by_path.get(compose(folder) + wanted):
                return hit, ""
        ending = [path for path in self._by_last.get(basename(wanted), ()) if _ends_with(path, wanted)]
        below = [path for path in ending for folder in folders if splitext(path)[0] == compose(folder) + wanted]
        chosen = below or [path for path in ending if path.endswith(wanted)] or ending
        if len(chosen) == 1:
            return self._by_path[chosen[0]], ""
        if chosen:
            return (
                "",
                f"several files are called so ({', '.join(chosen[:3])}): give the folder too, or data.train_images",
            )
        return "", self._absent(basename(wanted))

    def _absent(self, last: str) -> str:
        if other := self._by_last.get(last):
            return f"no such file, but there is {other[0]!r}: correct the folder"
        if folded := self._by_folded.get(last.lower()):
            return f"no such file, but there is {folded!r}: correct upper and lower case"
        return "no such file: add it, or remove the row"


def compose(name: str) -> str:
    """Return a name in Unicode normalization form C."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _ends_with(path: str, wanted: str) -> bool:
    return any(f"/{name}".endswith(f"/{wanted}") for name in (path, splitext(path)[0]))
