"""Writes the last job as a Prometheus text file, for node_exporter's textfile collector or another scraper."""

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeGuard

from prometheus_client import CollectorRegistry, Enum, Gauge, Info, write_to_textfile

from regbench.retraining.decision_record import Party, Record

OUTCOMES = ("promoted", "kept", "nothing new", "rejected", "rolled back", "failed")
"""Outcomes of a job in the metric; a job that exits because another one is running writes nothing."""

ERROR = {"error_percent": "estimate", "low": "low", "high": "high"}
"""Score of a party -> the label `bound` of its test error."""
SCORES = {
    "log_loss": ("regbench_test_log_loss", "Mean negative log-likelihood, nats an image", 1),
    "calibration_error": ("regbench_test_calibration_error_ratio", "Expected calibration error", 1),
    "megabytes": ("regbench_model_size_bytes", "Size of the weights", 1e6),
    "milliseconds": ("regbench_model_latency_seconds", "Median time for one image", 1e-3),
}
"""Score of a party -> name and meaning of its metric, and the factor to its unit."""


def write_metrics(path: Path, outcome: str, finished: float, seconds: float, records: Sequence[Record]) -> None:
    """Replace the file at `path` by the state after a job.

    `outcome` is one of `OUTCOMES`, `finished` a Unix time, `seconds` the job's duration. Champion and scores come from
    the log of decisions: the champion's scores from its last evaluation, the challenger's from the last decision.
    Without a champion its metrics are absent. A number that is not finite is left out. If the file cannot be written,
    one line on stderr says so.
    """
    registry = CollectorRegistry()
    Gauge("regbench_retrain_finished_timestamp_seconds", "When the last job ended", registry=registry).set(finished)
    Gauge("regbench_retrain_duration_seconds", "How long the last job took", registry=registry).set(seconds)
    states = Enum("regbench_retrain_outcome", "How the last job ended", states=list(OUTCOMES), registry=registry)
    states.state(outcome)
    Gauge("regbench_decisions", "Decisions in the log", registry=registry).set(len(records))
    _write_parties(registry, records)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not by `regbench.files`: its temporary file would end in .prom too, and a collector could read half of it.
        write_to_textfile(str(path), registry)
    except OSError as error:  # A full disk is no reason to hide how the job itself ended.
        print(f"{path}: not written: {error.strerror}", file=sys.stderr)


def _write_parties(registry: CollectorRegistry, records: Sequence[Record]) -> None:
    champion = records[-1].in_use if records else None
    if champion is None:
        return
    named = {"version": champion.version, "variant": champion.variant, "seed": champion.seed}
    Info("regbench_champion", "The model in use", registry=registry).info(named)
    if champion.version.isdecimal():
        number = Gauge("regbench_champion_version", "Version of the model in use", registry=registry)
        number.set(int(champion.version))
    parties = {"champion": _judged(champion, records), "challenger": records[-1].challenger}
    error = Gauge("regbench_test_error_ratio", "Error on the locked test images", ["party", "bound"], registry=registry)
    others = {score: Gauge(name, meaning, ["party"], registry=registry) for score, (name, meaning, _) in SCORES.items()}
    for who, party in parties.items():
        scores = {name: value for name, value in (party.scores if party else {}).items() if _finite(value)}
        for score, bound in ERROR.items():
            if score in scores:
                error.labels(who, bound).set(scores[score] / 100)
        for score in SCORES.keys() & scores.keys():
            others[score].labels(who).set(scores[score] * SCORES[score][2])


def _judged(champion: Party, records: Sequence[Record]) -> Party | None:
    """Return the champion with its last scores; records of rollbacks have none, since a rollback evaluates no model."""
    parties = (party for record in reversed(records) for party in (record.challenger, record.champion))
    return next((party for party in parties if party and party.version == champion.version and party.scores), None)


def _finite(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)
