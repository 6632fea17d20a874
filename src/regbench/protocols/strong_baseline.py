"""Compares the networks of a parameter file without the pipeline: tables, and ensembles of their seeds."""

from pathlib import Path

from regbench.config.params import Params
from regbench.files import atomic, read_json, write_csv
from regbench.protocols.protocol import run_protocol
from regbench.report.sections import Further, sections_markdown
from regbench.report.summary import markdown


def write_strong_baseline(params: Params, data: Path, out: Path) -> str:
    """Train, evaluate and compare all variants of `params` on the ingested `data`; return the Markdown.

    Writes strong-baseline.csv, ensembles.csv, robustness.csv and compression.csv to `out`, and all of them as
    strong-baseline.md.

    Raises:
        InputError: a variant has ranges.
    """
    comparison = run_protocol(params, data, out)
    further = Further.read(params, comparison, out / "evaluation")
    further.write(out)
    write_csv(out / "strong-baseline.csv", comparison.table)
    record = read_json(data / "report" / "report.json")
    text = f"{markdown(comparison, record)}\n{sections_markdown(further.sections())}"
    with atomic(out / "strong-baseline.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    return text
