"""Search ranges: `params.yaml` may have one in the place of a number."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import Discriminator, Field, Tag

from regbench.config.section import Section, Strength

T = TypeVar("T")
Number = Annotated[float, Field(allow_inf_nan=False)]
Value = float | int | bool
"""What a strength is after the search."""


class Range(Section):
    """All numbers between two ends.

    >>> Range(low=0, high=1e-2, log=True).problems
    ['low = 0: must be above 0 where log is true: raise it, or list 0 among choices']
    """

    low: Number
    """Smallest value, in the unit of the strength."""
    high: Number
    """Largest value."""
    log: bool = False
    """Whether equal ratios, not equal differences, are equally likely; `low` must be above 0."""
    step: Strength = 0
    """Distance of neighbouring values; 0: any value between, or any whole number where the strength is one."""
    start: Number | None = None
    """Value of the first trial, so that the search is never behind what is known to work; the grid ignores it."""

    @property
    def extremes(self) -> dict[str, Any]:
        """Key and value of all that must be a valid value of the strength."""
        values = {"low": self.low, "high": self.high, "start": self.start}
        return {key: plain(value) for key, value in values.items() if value is not None}

    @property
    def problems(self) -> list[str]:
        """What is wrong whatever the strength is, as `key = value: rule: cure`."""
        found = []
        if self.low >= self.high:
            found.append(f"low = {self.low:g}: must be below high = {self.high:g}: swap them, or give one value")
        elif self.step and not self.log and not _whole((self.high - self.low) / self.step):
            found.append(f"step = {self.step:g}: must divide {self.high:g} - {self.low:g}: change it or high")
        if self.log and self.low <= 0:
            found.append(f"low = {self.low:g}: must be above 0 where log is true: raise it, or list 0 among choices")
        if self.log and self.step:
            found.append(f"step = {self.step:g}: must be 0 where log is true: remove one of them")
        if self.start is not None and not self._holds(self.start):
            found.append(f"start = {self.start:g}: must be one of the range's values: move it, or widen the range")
        return found

    def _holds(self, value: float) -> bool:
        return self.low <= value <= self.high and (not self.step or _whole((value - self.low) / self.step))


class Choices(Section):
    """A list of values; 0, or false, switches the strength off."""

    choices: Annotated[tuple[Any, ...], Field(min_length=1)]
    """The values, in the unit of the strength."""
    start: Any = None
    """Value of the first trial; the grid ignores it."""

    @property
    def extremes(self) -> dict[str, Any]:
        """Key and value of all that must be a valid value of the strength."""
        return {f"choices.{place}": value for place, value in enumerate(self.choices)}

    @property
    def problems(self) -> list[str]:
        """What is wrong whatever the strength is, as `key = value: rule: cure`."""
        found = []
        if any(value in self.choices[:place] for place, value in enumerate(self.choices)):
            found.append(f"choices = {list(self.choices)}: must differ from each other: remove the repeated ones")
        if self.start is not None and self.start not in self.choices:
            found.append(f"start = {self.start!r}: must be one of choices = {list(self.choices)}")
        return found


def _kind(value: Any) -> str:
    """Return the tag of what is given for a value, so that only its own rules are reported."""
    if isinstance(value, Choices) or (isinstance(value, Mapping) and "choices" in value):
        return "[choices]"
    return "[range]" if isinstance(value, Range | Mapping) else "[value]"


Searchable = Annotated[
    Annotated[T, Tag("[value]")] | Annotated[Range, Tag("[range]")] | Annotated[Choices, Tag("[choices]")],
    Discriminator(_kind),
]
"""A value of the given type, or a range or choices of such values."""


def plain(value: float) -> Value:
    """Return a whole number as int, which is valid for every strength; YAML's 2 and 2.0 are the same number."""
    return int(value) if _whole(value) else value


def _whole(value: float) -> bool:
    return abs(value - round(value)) < 1e-9 * max(1.0, abs(value))
