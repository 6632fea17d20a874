"""Read everything to log in MLflow from the pipeline's files; does not import mlflow."""

import hashlib
from collections.abc import Iterable

from regbench.config.params import Params
from regbench.errors import InputError
from regbench.files import sha256
from regbench.layout import Results, missing
from regbench.tracking.run_record import RunRecord
from regbench.tracking.searches import read_search
from regbench.tracking.variant_runs import FinalsReader


def read_records(params: Params, results: Results) -> list[RunRecord]:
    """Return a record per variant, then one per variant and seed, then the searches: a study and its trials each.

    All in the order of `params.yaml`; a variant that was not searched has no study.

    Raises:
        InputError: a file, a variant or a seed is missing: the pipeline has not finished.
    """
    try:
        reader = FinalsReader(params, results)
        variants = [reader.variant(name) for name in params.names]
        seeds = [reader.seed(name, seed) for name in params.names for seed in params.seeds]
        searches = [record for name in params.variants for record in read_search(params, results, name)]
        return variants + seeds + searches
    except FileNotFoundError as error:
        raise missing(error) from None
    except KeyError as error:
        raise InputError(f"{results.reports}: lacks {error}: run `make repro` first") from None


def read_table(results: Results) -> str:
    """Return the comparison in Markdown."""
    try:
        return (results.reports / "comparison.md").read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise missing(error) from None


def report_id(records: list[RunRecord]) -> str:
    """Return the hash of the report's files."""
    try:
        files = sorted({path for record in records for path in record.report})
        return hashlib.sha256("".join(sha256(path) for path in files).encode()).hexdigest()[:12]
    except FileNotFoundError as error:
        raise missing(error) from None


def results_id(records: Iterable[RunRecord]) -> str:
    """Return the name of a set of results that belong together."""
    return hashlib.sha256("".join(sorted(record.key for record in records)).encode()).hexdigest()[:12]
