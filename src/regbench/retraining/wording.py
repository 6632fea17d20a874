"""Decisions in words and numbers, for MLflow and the page."""

from regbench.retraining.records import Party, Record

SCORES = {
    "error_percent": ("test error", "%"),
    "low": ("its interval from", "%"),
    "high": ("to", "%"),
    "log_loss": ("log-loss", ""),
    "calibration_error": ("calibration error", ""),
    "megabytes": ("size", "MB"),
    "milliseconds": ("time an image", "ms"),
}
"""Score of a party -> its name and unit."""


def heading(record: Record) -> str:
    """Return the outcome in a short sentence."""
    champion, challenger = (party and f"version {party.version}" for party in (record.champion, record.challenger))
    match record.outcome:
        case "promoted":
            return f"{challenger} is champion{f' in the place of {champion}' if champion else ', the first one'}"
        case "rolled back":
            return f"{challenger} is champion again, {champion} was taken back"
        case "rejected":
            return "New data were rejected"
        case "kept":
            return f"{champion} stays champion" if champion else f"There is no champion yet: {challenger} was refused"


def named(party: Party | None) -> str:
    """Return a version with its variant and seed."""
    return f"version {party.version} ({party.variant}, seed {party.seed})" if party else "none"


def markdown(record: Record) -> str:
    """Return a decision as Markdown."""
    lines = [f"**{heading(record)[0].upper()}{heading(record)[1:]}.**", ""]
    lines += [f"- {reason}" for reason in (*record.reasons, *record.warnings)]
    parties = {"champion before": record.champion, "challenger": record.challenger}
    scored = {who: party for who, party in parties.items() if party is not None and party.scores}
    if scored:
        lines += ["", f"| | {' | '.join(f'{who}: {named(party)}' for who, party in scored.items())} |"]
        lines += [f"|---|{'---:|' * len(scored)}"]
        for score, (name, unit) in SCORES.items():
            cells = [_number(party.scores.get(score)) for party in scored.values()]
            lines.append(f"| {name}{unit and f', {unit}'} | {' | '.join(cells)} |")
    lines += ["", f"Data `{record.data_hash[:12]}`, commit `{record.commit[:12]}`, {record.time}."]
    return "\n".join(lines)


def numbers(record: Record) -> dict[str, float]:
    """Return all finite numbers of a decision, by the name of a metric."""
    parties = {"champion": record.champion, "challenger": record.challenger}
    found = {
        f"{who}/{score}": value for who, party in parties.items() if party for score, value in party.scores.items()
    }
    found |= {f"difference/{name}": value for name, value in record.difference.items()}
    found |= {f"images/{split}": float(count) for split, count in record.images.items()}
    return {name: value for name, value in found.items() if value is not None}


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
