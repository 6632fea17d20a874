"""Complexity of a variant: among equally good variants, the simplest is recommended."""

from regbench.config.experiment import EvaluatedExperiment


def complexity_of(params: EvaluatedExperiment, name: str) -> int:
    """Return the number of active strengths of a variant.

    For an ensemble, this is the number for its variants, plus one for each further network.
    """
    if name in params.variants:
        return active_strengths(params, name)
    ensemble = params.ensembles[name]
    return ensemble.size - 1 + sum(active_strengths(params, variant) for variant in ensemble.of)


def active_strengths(params: EvaluatedExperiment, variant: str) -> int:
    """Count the enabled strengths of a variant and of its recipe."""
    records = (
        params.variants[variant].model_dump(exclude={"recipe", "model", "train", "search"}),
        params.recipe(variant).strengths,
    )
    return sum(bool(strength) for record in records for strength in record.values())
