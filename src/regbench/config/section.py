"""The types of numbers and names in `params.yaml`, and the base class of its sections."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

LARGEST = 1e30
"""Of a number that trainings compute with: they do so in single precision, which ends at 3.4e38."""
Strength = Annotated[float, Field(ge=0, le=LARGEST, allow_inf_nan=False)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0, le=LARGEST, allow_inf_nan=False)]
MOST = 2**31 - 1
"""Largest whole number that is no seed: libraries keep counts in 32 bits."""
Count = Annotated[int, Field(ge=1, le=MOST)]
CountOrZero = Annotated[int, Field(ge=0, le=MOST)]
AtLeastTwo = Annotated[int, Field(ge=2, le=MOST)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
Precision = Literal["float32", "bfloat16"]
Seeds = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]


class Section(BaseModel):
    """A part of `params.yaml`: frozen, no unknown keys, no silent conversion of one type to another."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)
