"""The first screen: what it claims follows from the verdicts, and every variant stands in one group."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.outputs import small_params, write_outputs

from regbench.report.comparison import Comparison, compare
from regbench.report.findings import advice, finding, groups, log_loss_verdict, standing, verdict
from regbench.statistics.verdicts import Standing


def outcome(root: Path, errors: dict[str, int], losses: dict[str, float] | None = None, seeds: int = 3) -> Comparison:
    """Variants that err on about so many of 1,000 images, by seed; `losses` scales the log-loss of right answers."""
    params = small_params(tuple(errors), seeds)
    write_outputs(root, params, images=1000)
    labels = np.loadtxt(root / "evaluation/labels.csv", delimiter=",", skiprows=1, usecols=1, dtype=int)
    for name, wrong in errors.items():
        sure = 1 - (losses or {}).get(name, 0.01)
        probabilities = np.full((seeds, 1000, 10), (1 - sure) / 9)
        for seed in range(seeds):
            order = np.random.default_rng(seed).permutation(1000)
            said = np.where(np.isin(np.arange(1000), order[: wrong + seed]), (labels + 1) % 10, labels)
            probabilities[seed, np.arange(1000), said] = sure
        np.save(root / f"evaluation/{name}/probabilities.npy", probabilities.astype(np.float32))
    return compare(params, root / "evaluation")


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    return outcome(tmp_path, {"baseline": 100, "l2": 20, "l1": 101, "dropout": 300}, {"l1": 0.1}, seeds=6)


def test_the_finding_names_who_is_better_and_who_is_worse(comparison: Comparison) -> None:
    assert (
        finding(comparison) == "l2 is better than baseline; l1 is better than baseline by log-loss; dropout is worse."
    )


def test_a_large_group_names_the_best_and_counts_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    comparison = outcome(tmp_path, {"baseline": 100, "l2": 20, "l1": 21, "dropout": 22})
    monkeypatch.setattr("regbench.report.findings.LISTED", 1)
    ((title, members),) = groups(comparison)
    assert title == "Better than baseline"
    assert members.startswith("l2 (+8.0") and members.endswith("), and 2 more in the table")


def test_every_variant_stands_in_one_group(comparison: Comparison) -> None:
    found = dict(groups(comparison))
    assert list(found) == ["Better than baseline", "Better by log-loss only", "Worse than baseline"]
    assert [standing(comparison, name) for name in ("l2", "l1", "dropout")] == [
        "better",
        "better by log-loss only",
        "worse",
    ]
    assert found["Better than baseline"].startswith("l2 (+8.0") and found["Worse than baseline"].startswith(
        "dropout (-20"
    )


def test_the_advice_says_what_it_gains(comparison: Comparison) -> None:
    gain = comparison.verdicts["l2"].difference
    assert advice(comparison) == (
        f"Use l2: 2.25 % test error, {100 * gain.mean:.2f} points less than baseline (95 % interval "
        f"{100 * gain.low:.2f} to {100 * gain.high:.2f}). It is the simplest of the variants that are statistically "
        "tied with the best, are better than baseline and lose no class."
    )


def test_where_every_tied_variant_loses_a_class_the_advice_says_so(
    comparison: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Standing, "vetoed", True)
    assert advice(comparison).endswith(
        "are statistically tied with the best and are better than baseline; each that is tied loses a class."
    )


def test_the_same_networks_are_named_as_such(tmp_path: Path) -> None:
    comparison = outcome(tmp_path, {"baseline": 100, "l2": 100})
    networks = {name: "one" for name in comparison.variants}
    probabilities = np.load(tmp_path / "evaluation/baseline/probabilities.npy")
    np.save(tmp_path / "evaluation/l2/probabilities.npy", probabilities)
    comparison = compare(small_params(("baseline", "l2")), tmp_path / "evaluation")
    assert comparison.networks is not None and len(set(comparison.networks.values())) == len(set(networks.values()))
    assert dict(groups(comparison)) == {"Same networks": "l2 = baseline"}
    assert (verdict(comparison, "l2"), log_loss_verdict(comparison, "l2")) == ("same as baseline", "")
    assert finding(comparison) == "No variant differs significantly from baseline."


def test_an_undecided_one_says_how_many_seeds_would_decide(tmp_path: Path) -> None:
    comparison = outcome(tmp_path, {"baseline": 100, "l2": 98}, {"l2": 0.01})
    found = comparison.verdicts["l2"]
    assert found.verdict == "undecided"
    some = replace(found, seeds_needed=12.0)
    standings = comparison.judgement.standings
    judgement = replace(comparison.judgement, standings={**standings, "l2": replace(standings["l2"], to_baseline=some)})
    shown = replace(comparison, judgement=judgement)
    assert verdict(shown, "l2") == "undecided (12 seeds)"
    assert dict(groups(shown))["Undecided"] == "l2 (+0.20; 12 seeds would decide)"


def test_a_single_variant_is_compared_with_nothing(tmp_path: Path) -> None:
    comparison = outcome(tmp_path, {"baseline": 100})
    assert (finding(comparison), groups(comparison)) == ("There is nothing to compare it with.", [])
