"""The keys `retrain.drift` of `params.yaml`: how far new data may differ from the champion's training data."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from regbench.config.section import Section

Fraction = Annotated[float, Field(ge=0, le=1)]


class Limits(Section):
    """Two distances in 0..1, of which new data must exceed one to raise a warning or stop the job; 1: never."""

    warn: Fraction
    """Above it the job warns and goes on."""
    stop: Fraction
    """Above it the job leaves the data alone and ends."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.warn > self.stop:
            raise ValueError(f"warn = {self.warn} must not be above stop = {self.stop}: exchange or change them")
        return self


class DriftSettings(Section):
    """A distance counts only if it is also larger than chance makes it, so that a few images raise no false alarm."""

    alpha: Annotated[float, Field(ge=0.001, lt=1)] = 0.01
    """Probability of any alarm about new images that come from where the champion's came from, at most."""
    labels: Limits = Limits(warn=0.1, stop=0.3)
    """Total variation distance between the shares of the labels: the part of the images that changed class."""
    pixels: Limits = Limits(warn=0.2, stop=0.4)
    """Kolmogorov-Smirnov distance of the images' brightness, contrast and arrangement, each for itself."""
    confidence: Limits = Limits(warn=0.2, stop=0.4)
    """Kolmogorov-Smirnov distance of the champion's confidence from that on images it was not trained on."""
    agreement: Limits = Limits(warn=0.1, stop=0.3)
    """How much less often the champion agrees with the new labels than with those of images it was not trained on:
    wrong labels show here, and so do right ones of a new kind of image; for those, raise `stop`."""
