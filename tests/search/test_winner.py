"""Who wins a search: the finalists, and the best mean under fresh seeds; and the file that hands it on."""

from pathlib import Path

import numpy as np
import pytest
from optuna.trial import FrozenTrial, create_trial
from support.search_objectives import SPACE, plan

from regbench.config.params import Params
from regbench.config.search import Search
from regbench.config.tuned import read_tuned, with_tuned, write_tuned
from regbench.config.variants import Variant
from regbench.errors import DivergedError, IntegrityError
from regbench.search.plan import Plan
from regbench.search.space import distribution
from regbench.search.winner import Repeat, finalists, winner


def _complete(number: int, value: float, l2: float) -> FrozenTrial:
    distributions = {key: distribution(key, searched) for key, searched in SPACE.items()}
    trial: FrozenTrial = create_trial(value=value, params={"l2": l2, "dropout": 0.1}, distributions=distributions)
    trial.number = number
    return trial


@pytest.mark.parametrize(
    ("values", "top_k", "expected"),
    [
        ((0.3, 0.1, 0.2), 1, [1]),
        ((0.3, 0.1, 0.2), 2, [1, 0]),
        ((0.1, 0.3, 0.2), 2, [0, 2]),
        ((0.3, 0.1, 0.1), 3, [1, 2, 0]),
        ((0.3, 0.1, 0.2), 9, [1, 2, 0]),
    ],
)
def test_finalists_are_the_best_and_the_start(values: tuple[float, ...], top_k: int, expected: list[int]) -> None:
    trials = [_complete(number, value, 1e-4 / (number + 1)) for number, value in enumerate(values)]
    assert [trial.number for trial in finalists(plan(top_k=top_k), trials)] == expected


def test_equal_settings_are_one_finalist() -> None:
    trials = [_complete(0, 0.3, 1e-4), _complete(1, 0.1, 1e-5), _complete(2, 0.1, 1e-5)]
    assert [trial.number for trial in finalists(plan(top_k=3), trials)] == [1, 0]


def test_the_winner_has_the_best_mean_and_no_divergence() -> None:
    loss = Plan("p", "d", SPACE, Search(), 3)
    accuracy = Plan("p", "d", SPACE, Search(objective="validation_accuracy"), 3)
    repeats = [Repeat(4, 29, 0.1, 0.8), Repeat(4, 30, 0.5, 0.8), Repeat(7, 29, 0.2, 0.7), Repeat(7, 30, 0.3, 0.8)]
    assert (winner(loss, repeats), winner(accuracy, repeats)) == (7, 4)
    diverged = [*repeats, Repeat(9, 29, 0.0, 1.0), Repeat(9, 30, float("inf"), 0.0)]
    assert (winner(loss, diverged), winner(accuracy, diverged)) == (7, 4)
    with pytest.raises(DivergedError, match="every finalist diverged under a fresh seed"):
        winner(loss, diverged[-1:])


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        # Gains 0.1, 0.1, 0.4: mean 0.2, standard error 0.1.
        ((0.5, 0.5, 0.2), 1),
        # Gains 0.1, 0, 0.5: mean 0.2, standard error 0.153.
        ((0.5, 0.6, 0.1), 1),
        # Gains -0.2, 0.1, 0.4: mean 0.1, standard error 0.173.
        ((0.8, 0.5, 0.2), 0),
        # Equal means.
        ((0.6, 0.6, 0.6), 0),
        # One seed has no error: the better one wins.
        ((0.59,), 1),
        ((0.61,), 0),
    ],
)
def test_the_start_gives_way_by_more_than_a_standard_error(losses: tuple[float, ...], expected: int) -> None:
    start = [Repeat(0, 29 + place, 0.6, 0.5) for place in range(len(losses))]
    other = [Repeat(1, 29 + place, loss, 0.5) for place, loss in enumerate(losses)]
    assert winner(plan(), start + other) == winner(plan(), other + start) == expected
    # Without a start, the best mean wins.
    best = 1 if np.mean(losses) < 0.6 else 0
    assert winner(plan(sampler="grid"), start + other) == best


def test_a_resolved_variant_survives_its_file(tmp_path: Path) -> None:
    variant = Variant(recipe="plain", l2=1e-5, batch_norm=True, patience=3, train={"learning_rate": 0.002})
    write_tuned(tmp_path / "v.json", variant)
    assert read_tuned(tmp_path / "v.json") == variant
    searched = {"recipe": "plain", "l2": {"low": 1e-6, "high": 1e-1}}
    sections = ("data", "augment", "model", "train", "compute", "evaluate", "track")
    params = Params.model_validate(
        {**{name: {} for name in sections}, "recipes": {"plain": {}}, "seeds": (1,), "variants": {"v": searched}}
    )
    assert with_tuned(params, tmp_path).strengths("v") == variant
    with pytest.raises(IntegrityError, match=r"absent.json: cannot be read: .*: run `dvc repro`"):
        read_tuned(tmp_path / "absent.json")
    (tmp_path / "v.json").write_text('{"recipe": "plain", "l2": {"low": 1}}')
    with pytest.raises(IntegrityError, match=r"v.json: cannot be read"):
        read_tuned(tmp_path / "v.json")
