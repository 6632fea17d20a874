"""Presents the results of a race as tables and sentences."""

from typing import Literal

import pandas as pd

from regbench.evaluation.evaluate import Evaluated
from regbench.protocols.protocol_files import interval
from regbench.statistics.race import Race, Seen

Score = Literal["error", "log-loss"]
SCALES: dict[Score, tuple[float, str, int]] = {"error": (100.0, "points", 2), "log-loss": (1.0, "nats", 4)}
"""Factor for the display of a gain, its unit after that, and its decimals."""
COLUMNS = ("variant", "look", "seeds", "gain", "low", "high", "p", "verdict", "chance", "seeds_needed")
"""Columns of looks.csv; `look` counts from 1, gain and interval are fractions of accuracy, or nats."""
NOTES = (
    "Gain: above 0, the variant is better; its interval is that of the look that settled it, or of the last one. "
    "Given up: it would hardly be decided by the last look. Settled variants get no more seeds."
)


def progress(race: Race) -> str:
    """Return a line about the last look."""
    place = race.seen[-1].look
    settled = [seen for seen in race.seen if seen.look == place and seen.found.verdict != "undecided"]
    names = ", ".join(f"{seen.variant} {seen.found.verdict}" for seen in settled) or "nothing settled"
    return f"look {place + 1} of {len(race.looks)}, {race.looks[place]} seeds: {names}; {len(race.open)} open"


def seen_rows(race: Race) -> pd.DataFrame:
    """Return a row per look and variant, in the order of the looks; gains as fractions, or nats."""
    return pd.DataFrame([_row(seen) for seen in race.seen], columns=list(COLUMNS))


def _row(seen: Seen) -> dict[str, object]:
    found = seen.found
    return {
        "variant": seen.variant,
        "look": seen.look + 1,
        "seeds": seen.seeds,
        "gain": found.difference.mean,
        "low": found.difference.low,
        "high": found.difference.high,
        "p": found.difference.p_value,
        "verdict": "same network" if found.same_network else found.verdict,
        "chance": found.chance,
        "seeds_needed": found.seeds_needed,
    }


def decisions(race: Race) -> pd.DataFrame:
    """Return a row per variant with its state at its last look: settled, given up, or open because time was up."""
    rows = []
    for name, seen in race.latest.items():
        status = "settled"
        if seen.found.verdict == "undecided":
            status = "open" if name in race.open else "given up" if seen.hopeless else "last look"
        rows.append({**_row(seen), "status": status})
    found = pd.DataFrame(rows, columns=[*COLUMNS, "status"])
    return found.sort_values("gain", ascending=False, kind="stable", ignore_index=True)


def sentences(
    race: Race, table: pd.DataFrame, score: Score, trained: tuple[int, int], evaluated: Evaluated
) -> list[str]:
    """Return the data and method behind the decisions; `trained`: networks trained, and those of a full comparison."""
    settled, still = int((table["status"] == "settled").sum()), race.open
    found = [
        f"{settled} of {len(race.rivals)} comparisons with {race.baseline} are settled, by {score} on "
        f"{len(evaluated.split.labels):,} {evaluated.name} images.",
        f"{trained[0]} networks were trained; {race.looks[-1]} seeds for every variant would be {trained[1]}.",
        f"Looks at {', '.join(str(count) for count in race.looks)} seeds. The chance of any wrong better or worse, "
        f"over all variants and looks, is at most {100 * (1 - race.confidence):g} %.",
    ]
    return found + ([f"Time is up for {', '.join(still)}: the same command goes on from here."] if still else [])


def shown_rows(table: pd.DataFrame, score: Score) -> tuple[list[str], list[list[str]]]:
    """Return the header and the formatted cells of the decisions."""
    factor, unit, digits = SCALES[score]
    header = ["variant", f"gain, {unit}", "interval", "verdict", "status", "seeds", "P(single look)"]
    rows = [
        [
            str(row["variant"]),
            f"{factor * row['gain']:+.{digits}f}",
            interval(row["low"], row["high"], factor, digits),
            str(row["verdict"]),
            str(row["status"]),
            f"{row['seeds']}",
            f"{row['p']:.2g}",
        ]
        for _, row in table.iterrows()
    ]
    return header, rows
