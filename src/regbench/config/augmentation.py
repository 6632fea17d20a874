"""The sections `recipes` and `augment`: how images are transformed before the network sees them."""

from typing import Annotated

from pydantic import Field

from regbench.config.section import Count, CountOrZero, Name, Rate, Section, Strength


class Recipe(Section):
    """What is done to images before the network sees them: a frozen record of strengths, 0 = off.

    >>> Recipe(rotate=10, shift=2).augments, Recipe(zca=0.1).augments
    (True, False)
    """

    rotate: Annotated[float, Field(ge=0, le=180)] = 0
    """Largest rotation either way, degrees."""
    shift: Strength = 0
    """Largest shift along each axis, pixels."""
    scale: Rate = 0
    """Largest relative change of size: 0.1 means 90 % to 110 %."""
    shear: Annotated[float, Field(ge=0, lt=90)] = 0
    """Largest shear along x, degrees."""
    flip_horizontal: Annotated[float, Field(ge=0, le=1)] = 0
    """Probability of a left-right flip."""
    flip_vertical: Annotated[float, Field(ge=0, le=1)] = 0
    """Probability of a top-bottom flip."""
    elastic: Strength = 0
    """Elastic distortion (Simard et al. 2003): factor, pixels, of two random fields of displacements that are uniform
    in -1..1 and then smoothed; the displacements' root mean square is about 0.16 * elastic / elastic_sigma."""
    elastic_sigma: Annotated[float, Field(gt=0, le=16)] = 4
    """Standard deviation of the Gaussian that smooths the fields of `elastic`, pixels: a setting, it changes nothing
    on its own."""
    cutout: CountOrZero = 0
    """Side, pixels, of a square that is set to 0 about a random pixel; it may reach over the edge (DeVries & Taylor
    2017)."""
    brightness: Annotated[float, Field(ge=0, le=1)] = 0
    """Largest relative change of brightness: 0.2 multiplies pixels by 0.8 to 1.2. This and the next three are
    torchvision's `ColorJitter`, applied in this order and before all changes above, so that what comes from outside
    the image, and what is cut out, stays 0."""
    contrast: Annotated[float, Field(ge=0, le=1)] = 0
    """Largest relative change of contrast, the distance of pixels from the image's mean gray."""
    saturation: Annotated[float, Field(ge=0, le=1)] = 0
    """Largest relative change of saturation, the distance of pixels from their own gray; needs RGB images."""
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0
    """Largest turn of the hue either way, turns of the colour wheel: 0.5 reaches every hue; needs RGB images."""
    zca: Strength = 0
    """Epsilon added to the eigenvalues in ZCA whitening (pixels scaled to 0..1)."""

    @property
    def strengths(self) -> dict[str, float]:
        """All fields whose 0 means off."""
        return self.model_dump(exclude={"elastic_sigma"})

    @property
    def augments(self) -> bool:
        """Whether training images are changed at random."""
        return any(value > 0 for name, value in self.strengths.items() if name != "zca")


class Augment(Section):
    """How augmented copies are made."""

    copies: Count = 10
    """Augmented copies of the train split; epoch e reads copy e modulo this."""
    seed: Annotated[int, Field(ge=0)] = 128
    """Key of all random changes, so that every run of a recipe sees the same copies."""


class AugmentSections(Section):
    """What the stage `augment` reads of `params.yaml`."""

    recipes: dict[Name, Recipe]
    augment: Augment
