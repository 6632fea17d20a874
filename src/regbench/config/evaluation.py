"""The section `evaluate`: how results are summarised."""

from typing import Annotated, Literal

from pydantic import Field

from regbench.config.section import Count, CountOrZero, Section


class Evaluate(Section):
    """How results are summed up."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Level of the intervals."""
    score: Literal["error", "balanced_error"] = "error"
    """What variants are ranked and compared by, beside log-loss. `balanced_error`: 1 - the mean recall of the classes,
    so that small classes count as much as large ones."""
    margin: Annotated[float, Field(ge=0, lt=100)] = 0.3
    """Points of accuracy: variants that surely differ by less are called practically equal; 0: never."""
    calibration_bins: Count = 15
    """Equal-width bins of confidence in the expected calibration error."""
    robustness_images: CountOrZero = 300
    """Images of the split, chosen by hash, that are also scored under each corruption and severity; 0: none."""
