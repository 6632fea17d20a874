"""Runs the tutorial's protocol on any images, and says for each of its claims whether it held."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regbench.config.params import Params
from regbench.files import read_json
from regbench.protocols.article_steps import STEPS, Step
from regbench.protocols.protocol import ingest_raw, run_protocol
from regbench.protocols.protocol_files import draw_pairs, interval, points, write_study
from regbench.report.comparison import Comparison
from regbench.report.summary import NO_TEST_SPLIT, text_table
from regbench.report.tables import table
from regbench.statistics.comparison import compare_pairs
from regbench.statistics.intervals import Interval, mean_interval
from regbench.statistics.pair import Comparison as Found
from regbench.statistics.pair import Verdict

Held = Literal["held", "did not hold", "cannot tell"]
Epochs = Mapping[str, NDArray[np.int64]]
"""Epochs of each seed, by variant."""

HELD: dict[tuple[str, Verdict], Held] = {
    ("better", "better"): "held",
    ("better", "worse"): "did not hold",
    ("not better", "better"): "did not hold",
    ("not better", "worse"): "held",
}
"""Claim and verdict of the step against its reference -> whether the claim held; undecided in all other cases."""


def write_article(params: Params, raw: Path, out: Path) -> str:
    """Run the tutorial's protocol on raw images with the seeds of `params`; write article.csv, .md and .png to `out`.

    `params` are those of `article_params`. Returns the Markdown.

    Raises:
        InputError: as `ingest_raw`.
    """
    data = ingest_raw(params.data, raw, out)
    comparison = run_protocol(params, data, out)
    scores = {step.name: table(out / "evaluation" / step.name / "scores.csv") for step in STEPS}
    claims = judge_claims(comparison, {name: rows["epochs"].to_numpy() for name, rows in scores.items()})
    last = [_last_accuracy(out / "runs" / step.name, params.seeds) for step in STEPS]
    claims.insert(list(claims.columns).index("epochs"), "last_epoch_accuracy", last)
    train_images = read_json(data / "report" / "report.json")["images"]["train"]
    return write_study(out, "article", claims, markdown(claims, comparison, train_images), _picture(claims, comparison))


def judge_claims(comparison: Comparison, epochs: Epochs) -> pd.DataFrame:
    """Return a row per step in the tutorial's order, with the difference that its claim is about and whether it held.

    All claims about accuracies are one family of comparisons. A step with the same record as its reference trains the
    same networks, so nothing is compared and the gain is none. The saving of early stopping is the mean
    difference of the epochs, with Student's t interval over the seeds.
    """
    judged = [step for step in STEPS if step.expects in ("better", "not better") and not same_as_reference(step)]
    pairs = [(step.name, step.against) for step in judged]
    found = compare_pairs(comparison.scores, pairs, comparison.confidence, same=comparison.networks)
    results = {step.name: result for step, result in zip(judged, found, strict=True)}
    return pd.DataFrame([_row(step, comparison, epochs, results.get(step.name)) for step in STEPS])


def same_as_reference(step: Step) -> bool:
    """Return whether a step's record equals that of the step it is compared with."""
    return any(other.variant == step.variant for other in STEPS if other.name == step.against)


def markdown(claims: pd.DataFrame, comparison: Comparison, train_images: int) -> str:
    """Return the table in the tutorial's order, with its data and method, as Markdown."""
    level = f"{100 * comparison.confidence:g} %"
    header = ["step", "accuracy %", f"{level} interval", "last epoch", "epochs", "claim", "gain", "held here"]
    numbers = {step.name: step.number for step in STEPS}
    rows = [
        [
            f"{row['step']} {row['setting']}",
            f"{100 * row['accuracy']:.2f}",
            interval(row["accuracy_low"], row["accuracy_high"], 100),
            f"{100 * row['last_epoch_accuracy']:.2f}",
            f"{row['epochs']:.1f}",
            row["claim"],
            _gain(row, numbers.get(row["against"], "")),
            row["held"] if row["against"] else "",
        ]
        for _, row in claims.iterrows()
    ]
    seeds = ", ".join(str(seed) for seed in comparison.seeds)
    opening = (
        f"- The tutorial's protocol: the first {train_images:,} images train, the last {comparison.images:,} validate; "
        f"seeds {seeds}.\n- {NO_TEST_SPLIT}"
    )
    notes = (
        "Accuracy: mean over seeds, of each run's best epoch; last epoch: as the tutorial reads it. Gain: points of "
        f"accuracy over the step named, or epochs fewer than it, with its {level} interval, which holds for all "
        "claims together. Held, did not hold: the two differ significantly, for all claims about accuracy "
        "together; epochs: Student's t over the seeds. 'No improvement' held where the step is worse.\n"
    )
    return "\n\n".join([opening, text_table(header, rows), notes])


def _picture(claims: pd.DataFrame, comparison: Comparison) -> bytes:
    names = [f"{row['step']} {row['variant']}" for _, row in claims.iterrows()]
    accuracies = claims.assign(difference=claims["difference"].where(claims["unit"] == "accuracy"))
    told = claims["adjusted_p"] <= 1 - comparison.confidence
    return draw_pairs(names, accuracies, list(told), comparison.split)


def _row(step: Step, comparison: Comparison, epochs: Epochs, found: Found | None) -> dict[str, Any]:
    accuracy = comparison.judgement.standings[step.name].accuracy
    row: dict[str, Any] = {
        "step": step.number,
        "variant": step.name,
        "setting": step.setting,
        "seeds": len(comparison.seeds),
        "accuracy": accuracy.mean,
        "accuracy_low": accuracy.low,
        "accuracy_high": accuracy.high,
        "epochs": float(epochs[step.name].mean()),
        "claim": step.claim,
        "against": step.against,
    }
    if found is not None:
        ends = Interval(found.difference.mean, found.difference.low, found.difference.high)
        held = HELD.get((str(step.expects), found.verdict), "cannot tell")
        return row | _difference("accuracy", ends, found.adjusted_p, held)
    if step.expects == "fewer epochs":
        saved = mean_interval(epochs[step.against] - epochs[step.name], comparison.confidence)
        return row | _difference("epochs", saved, float("nan"), _saves(saved))
    if step.against:
        return row | _difference("accuracy", Interval(0.0, 0.0, 0.0), float("nan"), "did not hold")
    return row


def _saves(saved: Interval) -> Held:
    """Evaluate the claim by the interval; NaN ends (one seed) are undecided."""
    if saved.low > 0:
        return "held"
    return "did not hold" if saved.high <= 0 else "cannot tell"


def _difference(unit: str, ends: Interval, adjusted_p: float, held: Held) -> dict[str, Any]:
    return {
        "unit": unit,
        "difference": ends.mean,
        "difference_low": ends.low,
        "difference_high": ends.high,
        "adjusted_p": adjusted_p,
        "held": held,
    }


def _gain(row: "pd.Series[Any]", reference: str) -> str:
    if not reference:
        return ""
    if row["unit"] == "epochs":
        fewer = interval(row["difference_low"], row["difference_high"], digits=1)
        return f"{row['difference']:.1f} epochs fewer than {reference} ({fewer})"
    if row["difference_low"] == row["difference_high"] == 0:
        return f"none: the networks are those of {reference}"
    return f"{points(row)} over {reference}"


def _last_accuracy(runs: Path, seeds: tuple[int, ...]) -> float:
    histories = [table(runs / f"seed-{seed}" / "history.csv") for seed in seeds]
    return float(np.mean([history["validation_accuracy"].iloc[-1] for history in histories]))
