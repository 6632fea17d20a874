"""Describes decisions in words and numbers, for MLflow and the page."""

from collections.abc import Mapping, Sequence

from regbench.retraining.decision_record import Party, Record

ERROR = "test error, % (interval)"
SCORES = {
    "log_loss": ("log-loss", 1, 4),
    "calibration_error": ("calibration error, %", 100, 2),
    "megabytes": ("size, MB", 1, 2),
    "milliseconds": ("time an image, ms", 1, 3),
}
"""Score of a party other than the error -> its name with the unit, the factor to that unit, and decimals."""


def heading(record: Record) -> str:
    """Return the outcome in a short sentence."""
    champion, challenger = (party and f"version {party.version}" for party in (record.champion, record.challenger))
    match record.outcome:
        case "promoted":
            return (
                f"{challenger} is champion in the place of {champion}"
                if champion
                else f"{challenger} is the first champion"
            )
        case "rolled back":
            return f"{challenger} is champion again, {champion} was taken back"
        case "rejected":
            return "New data were rejected"
        case "kept":
            return f"{champion} stays champion" if champion else f"There is no champion yet: {challenger} was refused"


def named(party: Party | None) -> str:
    """Return a version with its variant and seed."""
    return f"version {party.version} ({party.variant}, seed {party.seed})" if party else "none"


def comparisons(records: Sequence[Record]) -> tuple[int, float]:
    """Return in how many decisions two networks were compared, and the sum of the levels of these tests.

    If no challenger was better than the gate demands, the expected number of false promotions is at most this sum.
    """
    gates = [record.gate for record in records if record.difference and record.gate]
    return len(gates), sum((1 - gate["confidence"]) / 2 / gate.get("horizon", 1) for gate in gates)


def markdown(record: Record) -> str:
    """Return a decision as Markdown."""
    lines = [f"**{heading(record)[0].upper()}{heading(record)[1:]}.**", ""]
    lines += [f"- {reason}" for reason in (*record.reasons, *record.warnings)]
    parties = {"champion before": record.champion, "challenger": record.challenger}
    scored = {who: party for who, party in parties.items() if party is not None and party.scores}
    if scored:
        lines += ["", f"| | {' | '.join(f'{who}: {named(party)}' for who, party in scored.items())} |"]
        lines += [f"|---|{'---:|' * len(scored)}"]
        for name, cells in table(list(scored.values())).items():
            lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", f"Data `{record.data_hash[:12]}`, commit `{record.commit[:12]}`, {record.time}."]
    return "\n".join(lines)


def table(parties: Sequence[Party]) -> dict[str, list[str]]:
    """Return the scores of parties as text: name of a row -> one cell per party."""
    rows = {ERROR: [_error(party.scores) for party in parties]}
    for score, (name, factor, digits) in SCORES.items():
        rows[name] = [_number(party.scores.get(score), factor, digits) for party in parties]
    return rows


def numbers(record: Record) -> dict[str, float]:
    """Return all finite numbers of a decision, by metric name."""
    parties = {"champion": record.champion, "challenger": record.challenger}
    found = {
        f"{who}/{score}": value for who, party in parties.items() if party for score, value in party.scores.items()
    }
    found |= {f"difference/{name}": value for name, value in record.difference.items()}
    found |= {f"images/{split}": float(count) for split, count in record.images.items()}
    return {name: value for name, value in found.items() if value is not None}


def _error(scores: Mapping[str, float | None]) -> str:
    error, low, high = (_number(scores.get(name), 1, 2) for name in ("error_percent", "low", "high"))
    return f"{error} ({low} to {high})"


def _number(value: float | None, factor: float, digits: int) -> str:
    return "" if value is None else f"{factor * value:.{digits}f}"
