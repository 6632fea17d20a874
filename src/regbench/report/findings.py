"""The first screen of a comparison in words: the finding, the recommendation, and groups of variants."""

from collections.abc import Sequence

import numpy as np

from regbench.report.comparison import Comparison

NAMED = 4
"""Maximum number of variants that a sentence names."""
LISTED = 30
"""Maximum number of variants that a group names, best first; the table has all."""


def finding(comparison: Comparison) -> str:
    """Return the finding in one sentence."""
    baseline = comparison.baseline
    if not comparison.verdicts:
        return "There is nothing to compare it with."
    better, by_loss, worse = (_names(comparison, kind) for kind in ("better", "better by log-loss only", "worse"))
    parts = [_are(names, f"better than {baseline}{how}") for names, how in ((better, ""), (by_loss, " by log-loss"))]
    parts += [_are(worse, f"worse than {baseline}" if not any(parts) else "worse")]
    said = "; ".join(part for part in parts if part)
    return f"{said}." if said else f"No variant differs significantly from {baseline}."


def advice(comparison: Comparison) -> str:
    """Return which variant to use, its gain, and the reason."""
    name, best = comparison.judgement.recommendation, comparison.best
    errors = comparison.table.set_index("variant")["test_error_percent"]
    standing = comparison.judgement.standings[name]
    merits = ["are statistically tied with the best"]
    merits += [f"are better than {comparison.baseline}"] if standing.better else []
    merits += [] if standing.vetoed else ["lose no class"]
    why = f"the simplest of the variants that {_enumerated(merits)}"
    if standing.vetoed:
        why += "; each that is tied loses a class"
    beside = "" if name == best else f"; the best, {best}, has {errors[best]:.2f} %"
    found = comparison.verdicts.get(name)
    if found is None or found.same_network:
        return f"Use {name}: {errors[name]:.2f} % {comparison.measure}{beside}. It is {why}."
    gain = found.difference
    return (
        f"Use {name}: {errors[name]:.2f} % {comparison.measure}, {100 * gain.mean:.2f} points less than "
        f"{comparison.baseline} ({100 * comparison.confidence:g} % interval {100 * gain.low:.2f} to "
        f"{100 * gain.high:.2f}){beside}. It is {why}."
    )


def groups(comparison: Comparison) -> list[tuple[str, str]]:
    """Return title and members, with their gains, of each nonempty group of variants of equal verdict, best first."""
    texts = {name: _member(comparison, name) for name in comparison.order if name != comparison.baseline}
    kinds = {
        "better": f"Better than {comparison.baseline}",
        "better by log-loss only": "Better by log-loss only",
        "practically equal": "Practically equal",
        "undecided": "Undecided",
        "worse by log-loss only": "Worse by log-loss only",
        "worse": f"Worse than {comparison.baseline}",
        "same networks": "Same networks",
    }
    found = [(title, _names(comparison, kind)) for kind, title in kinds.items()]
    return [(title, _list([texts[name] for name in names])) for title, names in found if names]


def vetoes(comparison: Comparison) -> list[str]:
    """Name the variants that are no worse on average but significantly worse on a class."""
    sentences = []
    for name in comparison.order:
        lost = comparison.judgement.standings[name].lost_classes
        if lost and comparison.verdicts[name].verdict != "worse":
            classes = ", ".join(comparison.classes[index] for index in lost)
            sentences.append(f"Flagged: {name} is significantly worse than {comparison.baseline} on class {classes}.")
    return sentences


def power(comparison: Comparison) -> str:
    """Say how large a difference must be to be detected."""
    points = 100 * comparison.judgement.smallest_detectable
    if points >= 100:
        return f"No difference can be detected on so few {comparison.split} images and seeds."
    return f"Smallest detectable difference (power 0.8, median over variants): {points:.2f} points."


def verdict(comparison: Comparison, variant: str) -> str:
    """Return the verdict by error.

    An undecided verdict has the number of seeds that would decide it; a twin's verdict has the name of its twin.
    """
    found, twin = comparison.verdicts.get(variant), comparison.judgement.standings[variant].twin
    if twin is not None:
        return f"same as {twin}"
    if found is None:
        return ""
    if found.verdict != "undecided" or not np.isfinite(found.seeds_needed):
        return found.verdict
    return f"undecided ({found.seeds_needed:g} seeds)"


def log_loss_verdict(comparison: Comparison, variant: str) -> str:
    """Return the verdict by log-loss."""
    found = comparison.log_loss.get(variant)
    return found.verdict if found is not None and not found.same_network else ""


def standing(comparison: Comparison, variant: str) -> str:
    """Return the group of a variant other than the baseline; a difference by log-loss alone is a separate group."""
    if comparison.judgement.standings[variant].twin is not None:
        return "same networks"
    error, by_loss = comparison.verdicts[variant].verdict, log_loss_verdict(comparison, variant)
    if error in ("practically equal", "undecided") and by_loss in ("better", "worse"):
        return f"{by_loss} by log-loss only"
    return error


def _names(comparison: Comparison, kind: str) -> list[str]:
    others = (name for name in comparison.order if name != comparison.baseline)
    return [name for name in others if standing(comparison, name) == kind]


def _member(comparison: Comparison, name: str) -> str:
    found, twin = comparison.verdicts[name], comparison.judgement.standings[name].twin
    if twin is not None:
        return f"{name} = {twin}"
    if standing(comparison, name).endswith("by log-loss only"):
        return f"{name} ({comparison.log_loss[name].difference.mean:+.3f} nats)"
    gain = f"{100 * found.difference.mean:+.2f}"
    if found.verdict != "undecided" or not np.isfinite(found.seeds_needed):
        return f"{name} ({gain})"
    return f"{name} ({gain}; {found.seeds_needed:g} seeds would decide)"


def _list(members: Sequence[str]) -> str:
    rest = [f"and {len(members) - LISTED:,} more in the table"] if len(members) > LISTED else []
    return ", ".join([*members[:LISTED], *rest])


def _are(names: Sequence[str], what: str) -> str:
    if not names:
        return ""
    shown = [*names[:NAMED], *([f"{len(names) - NAMED} more"] if len(names) > NAMED else [])]
    return f"{_enumerated(shown)} {'is' if len(names) == 1 else 'are'} {what}"


def _enumerated(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
