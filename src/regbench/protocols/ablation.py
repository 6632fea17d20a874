"""Ablation: the effect of each strength of a combination alone, and the loss of the combination without it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from regbench.config.augmentation import Recipe
from regbench.config.params import Params
from regbench.config.variants import SearchableVariant
from regbench.errors import InputError
from regbench.protocols.protocol import run_protocol
from regbench.protocols.protocol_files import draw_pairs, interval, points, write_study
from regbench.report.comparison import Comparison
from regbench.report.summary import NO_TEST_SPLIT, text_table
from regbench.statistics.comparison import compare_pairs

BASELINE, WHOLE = "baseline", "whole"
OFF_RECIPE = "plain"
SETTINGS = ("model", "train", "search")
"""Fields of a variant that are not strengths; all rows share them."""


def write_ablation(params: Params, variant: str, data: Path, out: Path) -> str:
    """Train the combination, each strength alone and left out; write ablation.csv, .md, .png to `out`.

    Returns the Markdown.

    Raises:
        InputError: the combination has fewer than two strengths.
    """
    settings, members = ablation_params(params, variant)
    comparison = run_protocol(settings, data, out)
    rows = judge_members(comparison, members)
    told = list(rows["verdict"].isin(["better", "worse"]))
    picture = draw_pairs(list(rows["name"]), rows, told, comparison.split)
    return write_study(out, "ablation", rows, markdown(rows, comparison, variant), picture)


def ablation_params(params: Params, variant: str) -> tuple[Params, dict[str, str]]:
    """Return the parameters of all rows, and the combination's members: name of the row -> name of the member.

    A recipe counts as one member, even if it has several steps. All rows, including the baseline, keep the
    combination's overrides of the section `train`: they are settings.
    """
    whole = params.strengths(variant)
    off = {name: field.default for name, field in type(whole).model_fields.items() if name not in SETTINGS}
    off["recipe"] = next((name for name, recipe in params.recipes.items() if recipe == Recipe()), OFF_RECIPE)
    recipe = params.recipe(variant)
    active = [name for name in off if name != "recipe" and getattr(whole, name) != off[name]]
    members = {"recipe": f"recipe {whole.recipe}"} if recipe != Recipe() else {}
    members |= {name: f"{name} {_short(getattr(whole, name))}".strip() for name in active}
    if len(members) < 2:
        raise InputError(f"variant = {variant}: has {len(members)} strengths: a combination has 2 or more")
    alone = {f"only-{name}": whole.model_copy(update={**off, name: getattr(whole, name)}) for name in members}
    without = {f"without-{name}": whole.model_copy(update={name: off[name]}) for name in members}
    variants: dict[str, SearchableVariant] = {
        BASELINE: whole.model_copy(update=off),
        **alone,
        **without,
        WHOLE: whole,
    }
    recipes = {**params.recipes, off["recipe"]: Recipe()}
    return params.model_copy(update={"variants": variants, "recipes": recipes}), members


def judge_members(comparison: Comparison, members: Mapping[str, str]) -> pd.DataFrame:
    """Return the rows: baseline, each member alone, the combination without each member, the combination.

    Rows that leave out a member are compared with the combination, all others with the baseline, in one family.
    """
    named = {
        **{f"only-{name}": (f"+ {called}", BASELINE) for name, called in members.items()},
        **{f"without-{name}": (f"- {called}", WHOLE) for name, called in members.items()},
        WHOLE: ("the combination", BASELINE),
    }
    pairs = [(name, against) for name, (_, against) in named.items()]
    found = compare_pairs(comparison.scores, pairs, comparison.confidence, same=comparison.networks)
    rows = [_accuracy(comparison, BASELINE, BASELINE)]
    for (name, (called, against)), result in zip(named.items(), found, strict=True):
        rows.append(
            _accuracy(comparison, name, called)
            | {
                "against": "the combination" if against == WHOLE else against,
                "difference": result.difference.mean,
                "difference_low": result.difference.low,
                "difference_high": result.difference.high,
                "adjusted_p": result.adjusted_p,
                "verdict": result.verdict,
            }
        )
    return pd.DataFrame(rows)


def markdown(rows: pd.DataFrame, comparison: Comparison, variant: str) -> str:
    """Return the table as Markdown."""
    level = f"{100 * comparison.confidence:g} % interval"
    header = ["", f"{comparison.measure} %", level, "gain", "over", "p", "verdict"]
    cells = []
    for _, row in rows.iterrows():
        error = interval(1 - row["accuracy_high"], 1 - row["accuracy_low"], 100)
        compared = ["", "", "", ""]
        if row["name"] != BASELINE:
            compared = [points(row), row["against"], f"{row['adjusted_p']:.2g}", row["verdict"]]
        cells.append([row["name"], f"{row['error_percent']:.2f}", error, *compared])
    seeds = ", ".join(str(seed) for seed in comparison.seeds)
    opening = (
        f"- {variant}: each strength added to the baseline (+), and left out of the combination (-); judged on "
        f"{comparison.images:,} {comparison.split} images, seeds {seeds}."
    )
    warning = f"\n- {NO_TEST_SPLIT}" if comparison.split != "test" else ""
    notes = (
        "Gain: points less error, with its interval. Verdict: of the row against what it is "
        "compared with; p-values and intervals hold for the whole table. Where leaving a strength out is "
        "worse, the combination needs it.\n"
    )
    return "\n\n".join([opening + warning, text_table(header, cells), notes])


def _accuracy(comparison: Comparison, variant: str, called: str) -> dict[str, Any]:
    accuracy = comparison.judgement.standings[variant].accuracy
    return {
        "name": called,
        "variant": variant,
        "seeds": len(comparison.seeds),
        "error_percent": 100 * (1 - accuracy.mean),
        "accuracy": accuracy.mean,
        "accuracy_low": accuracy.low,
        "accuracy_high": accuracy.high,
    }


def _short(value: Any) -> str:
    return "" if value is True else f"{value:g}" if isinstance(value, int | float) else str(value)
