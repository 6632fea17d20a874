"""Search ranges in params.yaml: what is one, what it resolves to, and what is refused before the first trial."""

from pathlib import Path
from typing import Any

import pytest
from support.params import change, refused

from regbench.config.checking import load_params
from regbench.config.ranges import Choices, Range
from regbench.config.variants import Variant
from regbench.errors import InputError

GOOD: dict[str, Any] = {"low": 1e-6, "high": 1e-2, "log": True}


def tuned(search: dict[str, Any]) -> dict[str, Any]:
    """Return a variant with one range and search settings of its own."""
    return {"recipe": "plain", "l2": GOOD, "search": search}


@pytest.mark.fault
@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("l2__l2", {"low": 1e-2, "high": 1e-6}, "l2.l2.low = 0.01: must be below high = 1e-06: swap them, or give one"),
        ("l2__l2", {"low": 0.1, "high": 0.1}, "l2.l2.low = 0.1: must be below high = 0.1"),
        ("l2__l2", {"low": 0, "high": 1, "log": True}, "l2.l2.low = 0: must be above 0 where log is true: raise it"),
        ("l2__l2", {**GOOD, "step": 0.1}, "l2.l2.step = 0.1: must be 0 where log is true: remove one of them"),
        ("l2__l2", {"low": 0, "high": 1, "step": 0.3}, "l2.l2.step = 0.3: must divide 1 - 0: change it or high"),
        ("l2__l2", {**GOOD, "start": 1}, "l2.l2.start = 1: must be one of the range's values"),
        ("l2__l2", {**GOOD, "hihg": 1}, "l2.l2.hihg = 1: unknown key: did you mean 'high'?"),
        ("l2__l2", {"low": 1e-6}, "l2.l2.high: missing: add it"),
        ("l2__l2", {"low": "1e-6", "high": 1}, "l2.l2.low = '1e-6': must be a number"),
        ("l2__l2", {"low": -1, "high": 1}, "l2.l2.low = -1: must be greater than or equal to 0"),
        ("l2__l2", {"low": 0, "high": float("inf")}, "l2.l2.high = inf: must be a finite number"),
        ("l2__dropout", {"low": 0, "high": 1}, "l2.dropout.high = 1: must be less than 1"),
        ("l2__patience", {"low": 1, "high": 2.5}, "l2.patience.high = 2.5: must be a whole number"),
        ("l2__l2", {"choices": []}, "l2.l2.choices = []: must not be empty: give at least 1"),
        ("l2__l2", {"choices": [0, -1]}, "l2.l2.choices.1 = -1: must be greater than or equal to 0"),
        ("l2__l2", {"choices": [0, "a"]}, "l2.l2.choices.1 = 'a': must be a number"),
        ("l2__l2", {"choices": [0, 0]}, "l2.l2.choices = [0, 0]: must differ from each other: remove the repeated"),
        ("l2__l2", {"choices": [0, 1], "start": 2}, "l2.l2.start = 2: must be one of choices = [0, 1]"),
        ("l2__l2", {"choices": [0], "low": 1}, "l2.l2.low = 1: unknown key: use one of choices, start"),
        (
            "l2__recipe",
            {"choices": ["plain", "zca"]},
            "l2.recipe = {'choices': ('plain', 'zca')}: must be text",
        ),
        (
            "l2__train",
            {"epochs": {"low": 1, "high": 9}},
            "l2.train.epochs: takes no range: give a value; in train only",
        ),
        (
            "l2__train",
            {"learning_rate": {"low": 0, "high": 1}},
            "l2.train.learning_rate.low = 0: must be greater than 0",
        ),
        ("l2__train", {"lr": 0.1}, "l2.train.lr = 0.1: unknown key: use one of"),
        ("l2__search", {"trial": 3}, "l2.search.trial = 3: unknown key: did you mean 'trials'?"),
        ("tuned_l2", tuned({"sampler": "cmaes"}), "tuned_l2: search.sampler = 'cmaes': needs two or more ranges"),
        ("tuned_l2", tuned({"pruner": "wilcoxon"}), "tuned_l2: search.seeds = [28]: wilcoxon needs 5 or more"),
        ("tuned_l2", tuned({"second": "nonzero_weights"}), "search.pruner = 'asha': must be 'none' where there is"),
        ("tuned_l2", tuned({"seeds": [29]}), "search.fresh_seeds = [29]: must not be among seeds: replace [29]"),
        ("tuned_l2", tuned({"seeds": [1, 1]}), "search.seeds = [1, 1]: must differ from each other"),
    ],
)
def test_a_wrong_range_is_one_line(tmp_path: Path, key: str, value: Any, line: str) -> None:
    lines = refused(change(tmp_path, **{f"variants__{key}": value}))
    assert len(lines) == 1, lines
    assert lines[0].startswith("variants.") and line in lines[0]


@pytest.mark.fault
@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("sampler", "tpr", "search.sampler = 'tpr': must be 'tpe', 'random', 'grid', 'gp' or 'cmaes'"),
        ("pruner", "off", "search.pruner = 'off': must be 'none', 'median', 'asha', 'hyperband' or 'wilcoxon'"),
        (
            "objective",
            "test_loss",
            "search.objective = 'test_loss': must be 'validation_loss' or 'validation_accuracy'",
        ),
        ("trials", 0, "search.trials = 0: must be greater than or equal to 1"),
        ("epochs", 2**62, "search.epochs = 4611686018427387904: must be less than or equal to 2147483647"),
        ("trails", 5, "search.trails = 5: unknown key: did you mean 'trials'?"),
    ],
)
def test_a_wrong_search_setting_is_one_line(tmp_path: Path, key: str, value: Any, line: str) -> None:
    assert refused(change(tmp_path, **{f"search__{key}": value})) == [line]


@pytest.mark.fault
def test_all_wrong_ranges_are_reported_at_once(tmp_path: Path) -> None:
    wrong = {"low": 2, "high": 1}
    batch_norm = {"low": 0, "high": 1}
    lines = refused(change(tmp_path, variants__l1__l1=wrong, variants__l2__batch_norm=batch_norm))
    assert [line.split(": ")[0] for line in lines] == [
        "variants.l1.l1.low = 2",
        "variants.l2.batch_norm.low = 0",
        "variants.l2.batch_norm.high = 1",
    ]


def test_ranges_are_found_and_resolved(tmp_path: Path) -> None:
    path = change(
        tmp_path,
        variants__l2={
            "recipe": "plain",
            "l1": {"choices": [0, 1e-5]},
            "l2": GOOD,
            "patience": {"low": 1, "high": 5, "step": 2},
            "train": {"learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}, "batch_size": 64},
        },
    )
    params = load_params(path)
    searchable = params.variants["l2"]
    assert list(searchable.ranges) == ["l1", "l2", "patience", "train.learning_rate"]
    assert searchable.ranges["l1"] == Choices(choices=(0, 1e-5))
    assert searchable.ranges["patience"] == Range(low=1.0, high=5.0, step=2.0)
    values = {"l1": 0, "l2": 1e-3, "patience": 3, "train.learning_rate": 0.002}
    resolved = params.with_resolved({"l2": searchable.resolve(values)})
    assert resolved.strengths("l2") == Variant(
        recipe="plain", l2=1e-3, patience=3, train={"learning_rate": 0.002, "batch_size": 64}
    )
    assert (resolved.training("l2").learning_rate, resolved.training("l2").batch_size) == (0.002, 64)


def test_a_range_never_reaches_training(tmp_path: Path) -> None:
    params = load_params(change(tmp_path, variants__l2__l2=GOOD))
    for function in (params.strengths, params.training):
        with pytest.raises(InputError, match=r"params.yaml: variants.l2.l2: is a range: run the stage tune"):
            function("l2")


def test_a_plain_variant_is_a_searchable_one_with_narrower_fields(tmp_path: Path) -> None:
    assert list(Variant.model_fields) == list(type(load_params(change(tmp_path)).variants["l2"]).model_fields)


def test_a_variant_overrides_search_settings_of_its_own(tmp_path: Path) -> None:
    params = load_params(change(tmp_path, variants__tuned_l2=tuned({"sampler": "grid", "trials": 5})))
    assert (params.searching("tuned_l2").sampler, params.searching("tuned_l2").trials) == ("grid", 5)
    assert params.searching("tuned_dropout") == params.search
