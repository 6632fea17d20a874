"""The plan of a study."""

from dataclasses import dataclass

from regbench.config.search import Search
from regbench.search.space import Space, budget


@dataclass(frozen=True)
class Plan:
    """All that decides the trials of a study."""

    label: str
    """Name of the variant, for people."""
    digest: str
    """Name of all that decides the trials: another space, other data or other code is another digest."""
    space: Space
    search: Search
    epochs: int
    """Length of a whole trial, for the pruner."""

    @property
    def name(self) -> str:
        """Name in the storage of a study that is new."""
        return f"{self.label}-{self.digest}"

    @property
    def budget(self) -> int:
        """Trials."""
        return budget(self.space, self.search)
