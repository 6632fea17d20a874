"""The section `retrain` of `params.yaml`: the scheduled job, and the rules for promotion."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from regbench.config.drift import DriftSettings
from regbench.config.notify import NotifySettings
from regbench.config.section import Count, Name, Section, Strength

BEST = "best"


class Gate(Section):
    """Champion and challenger answer for the same locked test images of today; whatever is in doubt stays as it is."""

    rule: Literal["superiority", "non_inferiority"] = "superiority"
    """`superiority`: the challenger must be more accurate by more than `margin`, noise considered.
    `non_inferiority`: it must not be less accurate by `margin` or more, noise considered."""
    margin: Annotated[float, Field(ge=0, lt=100)] = 0
    """Points of accuracy."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Level of the paired interval: of challengers that are just as far from the champion as `margin` allows, at most
    the part (1 - confidence) / 2 is promoted."""
    horizon: Count = 1
    """Decisions over which that part is held: each of them spends an equal share of it, so that in any `horizon`
    decisions in a row (365: a year of nights) the expected number of false promotions, and so the probability of any,
    is at most (1 - confidence) / 2, however alike the networks and whatever the test images (Bonferroni's inequality).
    1: each decision for itself."""
    class_veto: bool = True
    """Whether a challenger that is significantly worse on any class is refused, Holm's correction included."""
    max_megabytes: Strength = 0
    """Size of the challenger's weights, at most; 0: no limit."""
    max_milliseconds: Strength = 0
    """Median time of the challenger for one image, at most, measured now on one thread; 0: no limit."""
    max_calibration_error: Annotated[float, Field(ge=0, le=1)] = 1
    """Expected calibration error of the challenger, a fraction, at most (`evaluate.calibration_bins`); 1: no limit."""
    require_commit: bool = True
    """Whether uncommitted code or parameters, or a project without git, refuse promotion."""

    @property
    def level(self) -> float:
        """Probability of a false promotion in one decision, at most."""
        return (1 - self.confidence) / 2 / self.horizon

    @model_validator(mode="after")
    def _has_a_margin(self) -> Self:
        if self.rule == "non_inferiority" and self.margin == 0:
            raise ValueError("margin must be above 0 where rule is non_inferiority: say how many points may be lost")
        return self


class Publish(Section):
    """What becomes of data and models once a decision is made: data first, then the commit that names them."""

    push: bool = False
    """Whether to `dvc push`, and then to commit `dvc.lock`, and nothing else, to the current git branch."""
    remote: str = ""
    """DVC remote to push to; empty: the default one."""


class Retrain(Section):
    """The job of `regbench retrain`."""

    model: Name = "regbench"
    """Name of the registered model; its alias `champion` is what is in use."""
    challenger: Name = BEST
    """Variant whose best seed, by validation accuracy, challenges the champion; `best`: the variant with the best mean
    validation accuracy."""
    incoming: str = ""
    """Folder or .zip of new images in the canonical layout that are merged into the folder `data.raw`; empty: none."""
    gate: Gate = Gate()
    publish: Publish = Publish()
    drift: DriftSettings = DriftSettings()
    notify: NotifySettings = NotifySettings()


class RetrainSection(Section):
    """What is read where the rest of the file may be wrong."""

    retrain: Retrain = Retrain()
