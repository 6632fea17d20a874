"""The colour of each variant: the same in the report, in DVC's plots and in MLflow."""

from collections.abc import Sequence

COLOURS = (
    *("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255"),
    *("#332288", "#999933", "#77BB22", "#44AA99", "#EE3377", "#7F6000", "#117733", "#AA4499"),
    *("#AA7744", "#6677DD", "#661100", "#005566"),
)
"""Okabe and Ito (2008) without yellow, which is faint on white, then Tol's muted scheme and others: the first eight are
safe for the colour-blind. `.dvc/plots/curves.json` has the same list. MLflow's own colours repeat within ten runs."""


def colours(variants: Sequence[str]) -> dict[str, str]:
    """Return the colour of each variant as #RRGGBB, by its place in `params.yaml`; after twenty they repeat."""
    return {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(variants)}
