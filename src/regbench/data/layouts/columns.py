"""Finds the columns of a table, by their usual names or by the names that the parameters give."""

from collections.abc import Sequence
from dataclasses import dataclass

from regbench.config.data import Data

IMAGE_COLUMNS: tuple[str, ...]
IMAGE_COLUMNS = ("filename", "file_name", "file", "filepath", "path", "image", "image_path", "image_name")
IMAGE_COLUMNS += ("image_id", "img", "id")
"""Usual names of the column of file names, by rank: `id` is often something else."""
LABEL_COLUMNS: tuple[str, ...] = ("label", "class", "target", "category", "labels", "class_name", "category_name")
SPLIT_COLUMNS = ("split", "subset")


@dataclass(frozen=True)
class Roles:
    """What the columns of a table are; "" for none."""

    image: str
    label: str
    split: str
    group: str

    @property
    def used(self) -> set[str]:
        """Return the columns that have a role."""
        return {self.image, self.label, self.split, self.group} - {""}


def roles_of(columns: Sequence[str], data: Data) -> Roles:
    """Return what columns are: those that parameters name, else the usual names in any case."""
    lower = {name.lower(): name for name in reversed(columns)}

    def pick(named: str, usual: Sequence[str]) -> str:
        if named:
            return named if named in columns else ""
        return next((lower[name] for name in usual if name in lower), "")

    return Roles(
        pick(data.image_column, IMAGE_COLUMNS),
        pick(data.label_column, LABEL_COLUMNS),
        pick(data.split_column, SPLIT_COLUMNS),
        pick(data.group, ()),
    )
