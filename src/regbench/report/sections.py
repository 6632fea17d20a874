"""The further sections of a report: calibration, ensembles of seeds, robustness to corrupted images, and size."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from altair.typing import ChartType

from regbench.config.experiment import EvaluatedExperiment
from regbench.files import write_csv
from regbench.report.calibration import calibration, calibration_chart, calibration_rows
from regbench.report.comparison import Comparison
from regbench.report.compression import SPARSE, compression, compression_charts, compression_rows
from regbench.report.ensembles import ensemble_rows, ensembles
from regbench.report.robustness import robustness, robustness_chart, robustness_rows
from regbench.report.summary import text_table


@dataclass(frozen=True)
class Section:
    """A further table of the report, with its title and an explanation."""

    name: str
    title: str
    note: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Further:
    """The further sections of the report, beyond the comparison of single networks; a table may be empty."""

    comparison: Comparison
    evaluation: Path
    """Folder of predictions and scores."""
    calibration: pd.DataFrame
    ensembles: pd.DataFrame
    robustness: pd.DataFrame
    compression: pd.DataFrame

    @classmethod
    def read(cls, params: EvaluatedExperiment, comparison: Comparison, evaluation: Path) -> "Further":
        """Compute all tables from what `evaluate` wrote."""
        return cls(
            comparison,
            evaluation,
            calibration(comparison, evaluation),
            ensembles(params, evaluation),
            robustness(params, evaluation),
            compression(comparison, evaluation),
        )

    def write(self, out: Path) -> None:
        """Write the tables as CSV."""
        write_csv(out / "calibration.csv", self.calibration)
        write_csv(out / "ensembles.csv", self.ensembles)
        write_csv(out / "robustness.csv", self.robustness)
        write_csv(out / "compression.csv", self.compression)

    @property
    def charts(self) -> dict[str, tuple[ChartType, ...]]:
        """Charts by the name of the section they belong to."""
        charts: dict[str, tuple[ChartType, ...]] = {
            "calibration": (calibration_chart(self.calibration, self.comparison),),
            "compression": compression_charts(self.compression, self.comparison),
        }
        if len(self.robustness):
            charts["robustness"] = (robustness_chart(self.robustness, self.comparison.order),)
        return charts

    def sections(self) -> Iterator[Section]:
        """Yield a section for each table that has rows."""
        comparison = self.comparison
        yield Section(
            "calibration",
            "Calibration",
            "Whether accuracy equals confidence: below the diagonal the networks are overconfident. ECE: expected "
            "calibration error. Temperature: the number that divides the logits, fitted on validation images where "
            "`train.calibration` is `temperature`, else 1.",
            *calibration_rows(self.calibration, comparison, self.evaluation),
        )
        if len(self.ensembles):
            yield Section(
                "ensembles",
                "Ensembles",
                "The networks of all seeds as one, by their mean probability. Interval: images only. Gain: points less "
                "error than its members' mean; * significant (Holm).",
                *ensemble_rows(self.ensembles, comparison.split, comparison.confidence),
            )
        if len(self.robustness):
            yield Section(
                "robustness",
                "Robustness",
                f"Error on corrupted {comparison.split} images, mean over seeds and three severities.",
                *robustness_rows(self.robustness, comparison.order),
            )
        yield Section(
            "compression",
            "Size",
            "The saved weights after compression, mean over seeds. Zeros: hidden weights that are exactly 0; variants "
            f"with more than {100 * SPARSE:g} % of them are blue in the charts. Dead: hidden units without a nonzero "
            "weight before or after them.",
            *compression_rows(self.compression, comparison),
        )


def sections_markdown(sections: Iterable[Section]) -> str:
    """Return sections with their titles, notes and tables as Markdown."""
    return "\n".join(f"## {each.title}\n\n{each.note}\n\n{text_table(each.header, each.rows)}\n" for each in sections)
