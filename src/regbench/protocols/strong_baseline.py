"""The strongest networks of a parameter file, compared without a pipeline: tables, and ensembles of their seeds."""

from pathlib import Path

from regbench.config.params import Params
from regbench.files import atomic, read_json, write_csv
from regbench.protocols.protocol import run_protocol
from regbench.report.sections import Further, sections_markdown
from regbench.report.summary import markdown


def write_yardstick(params: Params, data: Path, out: Path) -> str:
    """Train, evaluate and compare all variants of `params` on the ingested `data`; return the Markdown.

    Writes yardstick.csv, ensembles.csv, robustness.csv, compression.csv, and all of them as yardstick.md, to `out`.

    Raises:
        InputError: a variant has ranges.
    """
    comparison = run_protocol(params, data, out)
    further = Further.read(params, comparison, out / "evaluation")
    further.write(out)
    write_csv(out / "yardstick.csv", comparison.table)
    record = read_json(data / "report" / "report.json")
    text = f"{markdown(comparison, record)}\n{sections_markdown(further.sections())}"
    with atomic(out / "yardstick.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    return text
