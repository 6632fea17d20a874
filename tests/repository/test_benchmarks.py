"""The benchmark's harness: a smoke run without peers, and what it refuses."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRaw
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, create_trial

from benchmarks import cases, cnn, gate, orders, races, run, search, tables, verdicts
from benchmarks.machine import peer_versions
from benchmarks.race import BenchmarkError, Contender, race
from benchmarks.verdict_draws import Draws
from regbench.engine.run import open_engine
from regbench.search.winner import repeat_one
from regbench.statistics.comparison import compare_pairs
from regbench.statistics.variant_noise import Pool

PRUNED = ("none", "median")
SEEDS = [29, 30, 31, 32]
"""The fresh seeds that the search benchmark takes if none are given."""


@pytest.mark.slow
def test_quick_run_measures_what_it_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["run", "--quick", "--out", str(tmp_path)])
    assert run.main() == 0
    turns = json.loads((tmp_path / "results.json").read_text())["turns"]
    raced = {(turn["race"], turn["contender"]) for turn in turns}
    assert {("train baseline", cases.OWN), ("train baseline", cases.LIMIT), ("ingest", cases.OWN)} <= raced
    assert all(turn["seconds"] > 0 for turn in turns)
    assert all(0 <= t["facts"]["accuracy"] <= 1 for t in turns if t["contender"] == cases.OWN and "train" in t["race"])
    text = (tmp_path / "results.md").read_text()
    assert "Keras/JAX" not in text, "nothing that was not measured is shown"
    assert (tmp_path / "training.png").stat().st_size > 0


@pytest.mark.slow
def test_the_race_of_convolutional_networks_has_all_contenders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["cnn", "--rounds", "1", "--images", "256", "--out", str(tmp_path)])
    cnn.main()
    measured = json.loads((tmp_path / "cnn.json").read_text())
    assert {turn["contender"] for turn in measured["turns"]} == {cnn.OWN, cnn.LOOP, cnn.LOOPS}
    assert measured["ratios"].keys() == {cnn.LOOP, cnn.LOOPS} and "asked: 1.1" in capsys.readouterr().out


def test_no_peers_is_an_error_not_a_shorter_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["run", "--out", str(tmp_path)])
    assert run.main() == 1
    assert "--peers is missing" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_missing_peer_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"no such file: `make bench` installs the peers"):
        peer_versions(tmp_path / "python")
    with pytest.raises(BenchmarkError, match=r"jax.*missing: delete that environment"):
        peer_versions(Path(sys.executable))


def test_a_contender_that_dies_ends_the_race(tmp_path: Path) -> None:
    dying = Contender("dying", (sys.executable, "-c", "raise SystemExit('out of luck')"))
    with pytest.raises(BenchmarkError, match=r"r: dying ended without an answer: \['out of luck'\]"):
        race("r", [dying], 1, tmp_path)


def test_rounds_take_turns_and_divide_by_processes(tmp_path: Path) -> None:
    script = (
        "from benchmarks.worker import Turns\nimport time\nt = Turns(); print('noise'); t.ready()\n"
        "while True:\n    time.sleep(0.1)\n    t.done(0.5)"
    )
    contenders = [Contender(name, (sys.executable, "-c", script), n) for name, n in (("one", 1), ("two", 2))]
    turns = race("r", contenders, 3, tmp_path)
    assert [t.round for t in turns] == [0, 0, 1, 1, 2, 2]
    assert {t.contender for t in turns} == {"one", "two"}
    seconds = {name: min(t.seconds for t in turns if t.contender == name) for name in ("one", "two")}
    assert seconds["one"] >= 0.1 and seconds["two"] >= 0.05
    assert all(t.facts == {"accuracy": 0.5} for t in turns)


@pytest.mark.slow
def test_the_search_is_measured_and_pruners_are_replayed_exactly(
    tmp_path: Path, make_raw: MakeRaw, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = make_raw(tmp_path / "raw", images=90, classes=("a", "b"))
    options = ["--folder", str(tmp_path / "work"), "--trials", "5", "--epochs", "4", "--grid", "4"]
    given = ["--raw", str(raw), "--out", str(tmp_path), "--variant", "tuned_l2", *options]
    monkeypatch.setattr(sys, "argv", ["search", *given])
    search.main()
    found = json.loads((tmp_path / "search.json").read_text())["tuned_l2"]
    assert set(found["tuned"]) == {"values", "tuned", "fixed", "settings"}
    fixed = found["tuned"]["fixed"]
    assert len(fixed["losses"]) == len(found["tuned"]["settings"]["seeds"]) and fixed["deviation"] > 0
    assert found["pruning"]["none"]["epochs"] == 5 * 4 and found["pruning"]["none"]["fraction"] == 1
    assert (found["grid"]["grid_trials"], found["grid"]["tpe_trials"]) == (4, 2)
    # What a pruner does to recorded curves is what it does while they are made.
    params = search._params(4, "float32", SEEDS)
    with open_engine(params.compute, tmp_path / "work/store") as engine:
        case = search.Case(engine, params, "tuned_l2", tmp_path / "work")
        plan, trials = case._study(trials=5, sampler="random", pruner="median")
    spent, replayed = search._spent(plan, trials), found["pruning"]["median"]
    assert spent == {key: replayed[key] for key in ("epochs", "pruned", "best")}
    assert replayed["lost"] == spent["best"] - found["pruning"]["none"]["best"] >= 0
    # The best trial's settings under fresh seeds, as the search itself would train them.
    best, trainer = trials[search._best(trials)], case.trainer(params)
    losses = [float(repeat_one(trainer, best.params, seed)[0]) for seed in SEEDS]
    assert replayed["again"] == np.mean(losses)
    assert replayed["lost_again"] == pytest.approx(np.mean(losses) - found["pruning"]["none"]["again"], abs=1e-12)
    assert found["pruning"]["none"]["lost_again"] == found["pruning"]["none"]["error"] == 0
    assert set(found["pruning"]["half"]) == {"epochs", "smoothed_loss", "none", *search.PRUNERS}
    # One question alone leaves the others as they were.
    monkeypatch.setattr(sys, "argv", ["search", *given, "--ask", "grid"])
    search.main()
    assert json.loads((tmp_path / "search.json").read_text())["tuned_l2"] == found


def recorded(curves: list[list[float]], **values: list[float]) -> list[FrozenTrial]:
    """Return whole trials with these losses by epoch and these settings."""
    return [
        create_trial(
            params={key: column[place] for key, column in values.items()},
            distributions={key: FloatDistribution(0, 1) for key in values},
            intermediate_values=dict(enumerate(curve)),
            value=min(curve),
        )
        for place, curve in enumerate(curves)
    ]


def test_half_of_the_epochs_reach_half_as_many_trials_unless_they_are_pruned() -> None:
    """The third is the best of all, the second is pruned after two of four epochs, the limit is two whole trials."""
    params = search._params(4, "float32", SEEDS)
    settings = params.searching("tuned_dropout").model_copy(update={"startup": 1})
    curves = [np.array(curve) for curve in ([3.0, 2, 2, 2], [9.0, 9, 9, 1], [1.0, 0.5, 0.5, 0.5], [5.0, 5, 5, 0])]
    order = np.arange(4)
    chosen = {
        (name, limit): orders.winner(settings, name, curves, order, limit) for name in PRUNED for limit in (8, 16)
    }
    assert chosen == {("none", 8): 1, ("none", 16): 3, ("median", 8): 2, ("median", 16): 2}
    assert orders.winner(settings, "none", curves, order[::-1], 4) == 3


def test_pruning_that_never_prunes_loses_what_fewer_trials_lose() -> None:
    params = search._params(4, "float32", SEEDS)
    variant, settings = params.variants["tuned_dropout"], params.searching("tuned_dropout")
    rates = np.random.default_rng(1).uniform(0, 0.3, (2, 24))
    losses = 1 + (rates[0] - 0.1) ** 2 + (rates[1] - 0.2) ** 2
    trials = recorded([[4.0, 3.0, 2.0, loss] for loss in losses], dropout=[*rates[0]], input_dropout=[*rates[1]])
    usual = losses <= np.quantile(losses, orders.USUAL)
    np.testing.assert_allclose(orders.smoothed(variant.ranges, trials)[usual], losses[usual], atol=1e-3)
    found = orders.compare_orders(variant.ranges, settings.model_copy(update={"startup": 99}), trials, ["median"])
    assert found["epochs"] == [48, 24] and found["median"] == found["none"]
    assert found["none"]["difference"] > 0 < found["none"]["error"]


def test_without_any_race_the_tables_still_name_machine_and_data(tmp_path: Path) -> None:
    machine = {"commit": "c", "processor": "p", "cores": 2, "load_at_start": 0.0, "python": "3", "torch": "2"}
    data = {"raw": "raw.zip", "train_images": 3, "validation_images": 1}
    tables.write({"machine": machine, "data": data, "peers": {}, "rounds": 5, "turns": []}, tmp_path)
    assert "raw.zip, 3 train and 1 validation images" in (tmp_path / "results.md").read_text()


def test_simulated_verdicts_are_those_of_the_library() -> None:
    """The sufficient statistics of a draw give the half-widths that the scores themselves give."""
    random = np.random.default_rng(1)
    scores = {name: random.standard_normal((4, 1)) + random.standard_normal((4, 60)) for name in "abc"}
    runs, profiles = (np.array([cells.mean(axis) for cells in scores.values()]) for axis in (1, 0))
    pool = Pool.of(scores)
    draws = Draws(
        (runs.mean(1)[1:] - runs.mean(1)[0])[np.newaxis],
        runs.var(1, ddof=1)[np.newaxis],
        pool.remainder[np.newaxis],
        (profiles[1:] - profiles[0]).var(1, ddof=1)[np.newaxis],
    )
    half, _ = verdicts.half_widths(draws, np.array([4.0, 4.0, 4.0]), 60)
    found = compare_pairs(scores, [("b", "a"), ("c", "a")], 0.95)
    expected = [max(one.difference.high - one.difference.mean, abs(one.difference.mean)) for one in found]
    assert np.maximum(half[0], np.abs(draws.differences[0])) == pytest.approx(expected, rel=1e-4)


def test_simulated_draws_keep_their_level() -> None:
    setting = verdicts.Setting(6, (4,), "equal", "both")
    found = verdicts.measure(verdicts.simulate(setting, 1000, 1), setting.dealt_seeds, setting.images)
    assert 0.01 < found["family_error"] < 0.08 and found["power_2.0"] > found["power_1.2"] > 0.05


def test_races_train_less_and_agree() -> None:
    setting = races.Setting("two", (3.0, 0.0), looks=(4, 6, 9, 14, 16))
    found = races.measure(setting, 3, 0)
    assert found["family_error"] == found["contradiction"] == 0 and found["trainings"] < 1


def test_simulated_nights_hold_the_level_of_their_horizon(tmp_path: Path) -> None:
    """Few years: of equal networks a horizon of a year lets none through, and a clearly better one gets through."""
    night, year = (gate.simulate(gate.Setting("locked", 1_000, horizon, 0.0), 4, 0) for horizon in (1, 365))
    assert night["false_a_year"] > year["false_a_year"] == 0
    assert gate.simulate(gate.Setting("locked", 1_000, 365, 8.0), 2, 0)["promoted_in_30_nights"] == 1
    assert gate.promotes(6, 0, 1_000, 1) and not gate.promotes(6, 0, 1_000, 365)
