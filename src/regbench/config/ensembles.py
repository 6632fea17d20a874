"""The section `ensembles`: several networks that predict as one, compared like any variant."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from regbench.config.messages import nearest
from regbench.config.section import AtLeastTwo, Name, Section
from regbench.config.training import Train
from regbench.config.variants import SearchableVariant

Method = Literal["bagging", "boosting", "stacking"]
UNWEIGHTED = {"class_weights": "none", "sampling": "shuffled"}
"""Settings of `train` that boosting has a use for at these values alone: it weights the images itself."""


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class Ensemble(Section):
    """Networks of one or several variants that answer as one; each of its seeds is an ensemble of its own."""

    method: Method
    """`bagging`: networks of one variant, each trained on a bootstrap sample of the train split under a seed of its
    own, answer by their mean probability (Breiman 1996). `boosting`: networks of one variant, trained one after the
    other, each with more weight on the images that those before it got wrong, have a weighted vote each (SAMME, Zhu,
    Zou, Rosset & Hastie 2009). `stacking`: a multinomial logistic regression on the probabilities of several variants'
    networks, fitted on the validation images by cross-validation (Wolpert 1992)."""
    of: Annotated[tuple[Name, ...], Field(min_length=1), BeforeValidator(_listed)]
    """The variant whose networks they are; for `stacking` a list of two or more."""
    networks: AtLeastTwo = 10
    """Networks of bagging and boosting; boosting has fewer where it ends early."""

    @property
    def size(self) -> int:
        """Networks of each seed's ensemble, at most."""
        return len(self.of) if self.method == "stacking" else self.networks


def ensemble_problems(
    ensembles: Mapping[str, Ensemble], variants: Mapping[str, SearchableVariant], train: Train
) -> Iterator[str]:
    """Yield what is wrong between ensembles and the variants that they are made of, a line each with its dotted key."""
    for name, ensemble in ensembles.items():
        key, shown = f"ensembles.{name}", list(ensemble.of)
        if name in variants:
            yield f"{key}: is the name of a variant too: rename one of them"
        unknown = [variant for variant in ensemble.of if variant not in variants]
        for variant in unknown:
            yield f"{key}.of = {variant!r}: must be a key of variants: {nearest(variant, variants)}"
        if ensemble.method != "stacking":
            if len(shown) > 1:
                yield f"{key}.of = {shown}: {ensemble.method} is of one variant: name one, or use stacking"
            elif ensemble.method == "boosting" and not unknown:
                yield from _boosting_problems(key, shown[0], variants[shown[0]], train)
            continue
        if len(set(shown)) < max(2, len(shown)):
            yield f"{key}.of = {shown}: stacking is of two or more different variants: list them"
        if "networks" in ensemble.model_fields_set:
            yield f"{key}.networks = {ensemble.networks}: stacking has a network per variant: remove it"


def _boosting_problems(key: str, name: str, variant: SearchableVariant, train: Train) -> Iterator[str]:
    reason = "boosting weights the images itself: name another variant"
    if variant.mixup:
        yield f"{key}.of = {name!r}: has mixup, which mixes images of different weights: name another variant"
    for setting, plain in UNWEIGHTED.items():
        if (value := variant.train.get(setting, getattr(train, setting))) != plain:
            yield f"{key}.of = {name!r}: has train.{setting} = {value!r}: {reason}"
