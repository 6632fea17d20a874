"""Writes the decision log as a page that opens offline, newest first."""

from datetime import datetime
from pathlib import Path

import jinja2

from regbench.files import atomic
from regbench.retraining.decision_log import champions
from regbench.retraining.decision_record import Party, Record
from regbench.retraining.wording import comparisons, heading, named, table


def write_page(path: Path, records: list[Record], model: str) -> None:
    """Write the page of all decisions about the registered model `model`; equal records give equal bytes."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("regbench.retraining"),
        autoescape=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"named": named, "heading": _sentence, "table": table, "when": _when}
    line = champions(records)
    page = environment.get_template("decisions.html.j2").render(
        model=model,
        champion=line[-1] if line else None,
        judged=_judged(records, line[-1] if line else None),
        records=list(reversed(records)),
        comparisons=comparisons(records),
    )
    with atomic(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _judged(records: list[Record], champion: Party | None) -> Party | None:
    """Return the champion with its latest scores."""
    parties = [party for record in reversed(records) for party in (record.challenger, record.champion)]
    return next((p for p in parties if p and champion and p.key == champion.key and p.scores), None)


def _sentence(record: Record) -> str:
    text = heading(record)
    return f"{text[0].upper()}{text[1:]}"


def _when(time: str) -> str:
    return datetime.fromisoformat(time).strftime("%Y-%m-%d %H:%M UTC") if time else ""
