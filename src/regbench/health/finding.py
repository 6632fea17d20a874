"""Define the result of one check."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """The result of a check: all is well, or there is a cure."""

    what: str
    """One line."""
    cure: str = ""
    """What to do; empty if all is well."""

    @property
    def well(self) -> bool:
        """Whether there is nothing to do."""
        return not self.cure

    def __str__(self) -> str:
        """Return the finding as one line for people."""
        return f"ok       {self.what}" if self.well else f"PROBLEM  {self.what}: {self.cure}"
