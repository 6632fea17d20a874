"""The Prometheus file, read back by the library's own parser."""

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from regbench.retraining.decision_record import Party, Record
from regbench.retraining.metrics_file import OUTCOMES, write_metrics

SCORES = {
    "error_percent": 2.5,
    "low": 2.1,
    "high": 3.0,
    "log_loss": 0.1,
    "calibration_error": 0.02,
    "megabytes": 5.6,
    "milliseconds": 0.4,
}
FIRST = Party("1", "k1", "baseline", "128", {**SCORES, "error_percent": 4.0})
SECOND = Party("2", "k2", 'odd "name"\\', "129", SCORES)
PROMOTED = Record("promoted", ("It won.",), champion=FIRST, challenger=SECOND)


def read(path: Path) -> dict[tuple[str, frozenset[str]], float]:
    """Return name and label values -> value, as a scraper sees them."""
    families = list(text_string_to_metric_families(path.read_text()))
    assert all(family.documentation and family.type != "unknown" for family in families)
    samples = [sample for family in families for sample in family.samples]
    found = {(sample.name, frozenset(sample.labels.values())): sample.value for sample in samples}
    assert len(found) == len(samples)
    return found


def value(found: dict[tuple[str, frozenset[str]], float], name: str, *labels: str) -> float:
    return found[name, frozenset(labels)]


def test_time_outcome_champion_and_scores_are_there(tmp_path: Path) -> None:
    path = tmp_path / "new" / "regbench.prom"
    write_metrics(path, "promoted", 1.7e9, 12.5, [PROMOTED])
    found = read(path)
    assert value(found, "regbench_retrain_finished_timestamp_seconds") == 1.7e9
    assert value(found, "regbench_retrain_duration_seconds") == 12.5
    assert {o: value(found, "regbench_retrain_outcome", o) for o in OUTCOMES} == {o: o == "promoted" for o in OUTCOMES}
    assert value(found, "regbench_champion_version") == 2
    (info,) = (labels for name, labels in found if name == "regbench_champion_info")
    assert sorted(info) == sorted(("2", 'odd "name"\\', "129"))
    errors = [value(found, "regbench_test_error_ratio", "champion", b) for b in ("estimate", "low", "high")]
    assert errors == pytest.approx([0.025, 0.021, 0.03])
    assert value(found, "regbench_test_log_loss", "champion") == 0.1
    assert value(found, "regbench_model_size_bytes", "champion") == pytest.approx(5.6e6)
    assert value(found, "regbench_model_latency_seconds", "champion") == pytest.approx(4e-4)
    assert [p.name for p in path.parent.iterdir()] == ["regbench.prom"]


def test_a_kept_champion_and_its_challenger_stand_side_by_side(tmp_path: Path) -> None:
    kept = Record("kept", ("No better.",), champion=SECOND, challenger=Party("3", "k3", "l2", "1", FIRST.scores))
    write_metrics(tmp_path / "m.prom", "kept", 1, 1, [PROMOTED, kept])
    found = read(tmp_path / "m.prom")
    estimates = [value(found, "regbench_test_error_ratio", who, "estimate") for who in ("champion", "challenger")]
    assert estimates == pytest.approx([0.025, 0.04])
    assert value(found, "regbench_champion_version") == 2
    assert value(found, "regbench_decisions") == 2


def test_after_a_rollback_the_champion_has_the_scores_it_was_last_judged_by(tmp_path: Path) -> None:
    back = Record(
        "rolled back", ("It hurt.",), champion=Party("2", "k2", "l2", "1"), challenger=Party("1", "k1", "b", "1")
    )
    write_metrics(tmp_path / "m.prom", "nothing new", 1, 1, [PROMOTED, back])
    found = read(tmp_path / "m.prom")
    assert value(found, "regbench_champion_version") == 1
    assert value(found, "regbench_test_error_ratio", "champion", "estimate") == pytest.approx(0.04)
    assert ("regbench_test_error_ratio", frozenset({"challenger", "estimate"})) not in found


def test_without_a_champion_only_the_job_is_there_and_the_file_is_replaced(tmp_path: Path) -> None:
    write_metrics(tmp_path / "m.prom", "promoted", 1, 1, [PROMOTED])
    write_metrics(tmp_path / "m.prom", "failed", 2, 1, [])
    assert {name for name, _ in read(tmp_path / "m.prom")} == {
        "regbench_retrain_finished_timestamp_seconds",
        "regbench_retrain_duration_seconds",
        "regbench_retrain_outcome",
        "regbench_decisions",
    }


def test_numbers_that_are_not_finite_are_left_out(tmp_path: Path) -> None:
    odd = Party("1", "k", "l2", "1", {**SCORES, "log_loss": float("nan"), "milliseconds": None})  # type: ignore[dict-item]
    write_metrics(tmp_path / "m.prom", "promoted", 1, 1, [Record("promoted", (), challenger=odd)])
    found = read(tmp_path / "m.prom")
    assert not {"regbench_test_log_loss", "regbench_model_latency_seconds"} & {name for name, _ in found}


def test_an_unknown_outcome_is_an_error_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="odd"):
        write_metrics(tmp_path / "m.prom", "odd", 1, 1, [])
    assert not (tmp_path / "m.prom").exists()


@pytest.mark.fault
def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.prom").mkdir()
    write_metrics(tmp_path / "m.prom", "kept", 1, 1, [PROMOTED])
    assert capsys.readouterr().err == f"{tmp_path / 'm.prom'}: not written: Is a directory\n"
    assert [path.name for path in tmp_path.iterdir()] == ["m.prom"]
