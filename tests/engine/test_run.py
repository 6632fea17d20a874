"""`train` trains what the store lacks, once, longest first; what diverges stops nothing else."""

import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from support.small_engine import runs, small_engine, train_all, trainings_of, write_data
from support.small_study import small_params, times

from regbench.config.variants import Variant
from regbench.engine.local import InlineExecutor
from regbench.engine.results import adopt_results, write_results
from regbench.engine.run import Engine, train_until
from regbench.engine.store import Store
from regbench.engine.tasks import run_training
from regbench.errors import DivergedError

DIVERGING = Variant(recipe="plain", train={"learning_rate": 1e30})


class Recorder(InlineExecutor):
    """Notes what was submitted."""

    def __init__(self) -> None:
        self.trained: list[tuple[str, int]] = []

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> "Future[Any]":
        if function is run_training:
            self.trained.append((arguments[0].label, arguments[0].seed))
        return super().submit(function, *arguments)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return small_engine(tmp_path / "store", Recorder(), store_gigabytes=1)


def trained(engine: Engine) -> list[tuple[str, int]]:
    """Return what was submitted since the last call."""
    recorder = engine.executor
    assert isinstance(recorder, Recorder)
    found, recorder.trained = recorder.trained, []
    return found


def of(variants: Mapping[str, Variant], **changes: Any) -> Any:
    return small_params().model_copy(update={"variants": dict(variants), "seeds": (1,), **changes})


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith("train: ")]


PLAIN, L2 = Variant(recipe="plain"), Variant(recipe="plain", l2=1e-3)


def test_only_what_is_missing_is_trained_and_one_line_says_so(
    engine: Engine, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps: list[tuple[dict[str, Variant], tuple[int, ...], list[tuple[str, int]]]] = [
        ({"a": PLAIN, "b": L2}, (1,), [("a", 1), ("b", 1)]),
        ({"a": PLAIN, "b": L2}, (1,), []),
        ({"a": PLAIN, "b": L2}, (1, 2), [("a", 2), ("b", 2)]),
        ({"a": PLAIN, "b": L2.model_copy(update={"l2": 0.1})}, (1, 2), [("b", 1), ("b", 2)]),
        ({"a": PLAIN, "b": L2}, (1, 2), []),
        ({"renamed": PLAIN, "b": L2, "again": L2}, (2, 1), []),
        ({"new": Variant(recipe="plain", l1=1e-4)}, (1,), [("new", 1)]),
    ]
    for variants, seeds, expected in steps:
        train_all(engine, of(variants), data, seeds)
        assert trained(engine) == expected
    assert said(capsys) == [
        "train: 2 runs needed, 0 of 2 different ones found, 2 to train",
        "train: 2 runs needed, 2 of 2 different ones found, 0 to train",
        "train: 4 runs needed, 2 of 4 different ones found, 2 to train",
        "train: 4 runs needed, 2 of 4 different ones found, 2 to train",
        "train: 4 runs needed, 4 of 4 different ones found, 0 to train",
        "train: 6 runs needed, 4 of 4 different ones found, 0 to train",
        "train: 1 runs needed, 0 of 1 different ones found, 1 to train",
    ]


def test_equal_variants_are_trained_once(engine: Engine, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train_all(engine, of({"a": L2, "b": L2, "c": PLAIN}), data, (1, 2))
    assert trained(engine) == [("a", 1), ("c", 1), ("a", 2), ("c", 2)]
    assert said(capsys) == ["train: 6 runs needed, 0 of 4 different ones found, 4 to train"]


def test_the_longest_trainings_start_first_and_equal_ones_seed_by_seed(engine: Engine, data: Path) -> None:
    long = Variant(recipe="plain", train={"epochs": 3})
    train_all(engine, of({"a": PLAIN, "long": long, "b": L2}), data, (1, 2))
    assert trained(engine) == [("long", 1), ("long", 2), ("a", 1), ("b", 1), ("a", 2), ("b", 2)]


def test_runs_begin_in_their_order_until_the_deadline(engine: Engine, data: Path, tmp_path: Path) -> None:
    plain, l2 = trainings_of(engine, of({"a": PLAIN, "b": L2}), data)
    wanted = [(l2, 5), (plain, 5), (plain, 4)]
    assert train_until(engine, wanted, data, tmp_path, time.monotonic() - 1) == set() and trained(engine) == []
    assert train_until(engine, wanted, data, tmp_path, math.inf) == {("b", 5), ("a", 5), ("a", 4)}
    assert trained(engine) == [("b", 5), ("a", 5), ("a", 4)]
    assert train_until(engine, [*wanted, (l2, 4)], data, tmp_path, 0) == {("b", 5), ("a", 5), ("a", 4)}


class OneWorker(Recorder):
    """Does the first training; what comes later waits for ever."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> "Future[Any]":
        return Future() if function is run_training and self.trained else super().submit(function, *arguments)


def test_what_has_not_begun_at_the_deadline_is_left(data: Path, tmp_path: Path) -> None:
    engine = small_engine(tmp_path / "store", OneWorker())
    plain, l2 = trainings_of(engine, of({"a": PLAIN, "b": L2}), data)
    found = train_until(engine, [(plain, 1), (l2, 1), (plain, 2)], data, tmp_path, time.monotonic() + 5)
    assert found == {("a", 1)} and list(runs(engine.store.root))


@pytest.mark.fault
def test_a_diverged_training_stops_nothing_else(engine: Engine, data: Path) -> None:
    variants = {"high": DIVERGING, "a": PLAIN, "less": Variant(recipe="plain", train={"learning_rate": 1e29})}
    rule = "the loss is nan after epoch 0, it must stay finite: lower train.learning_rate"
    for expected in (6, 4):
        with pytest.raises(DivergedError) as error:
            train_all(engine, of(variants), data, (3, 4))
        assert sorted(str(error.value).splitlines()) == [
            f"variants.{name}, seed {seed}: {rule} = {rate} or the variant's strengths"
            for name, rate in (("high", "1e+30"), ("less", "1e+29"))
            for seed in (3, 4)
        ]
        assert len(trained(engine)) == expected, "finished runs are not repeated"
    train_all(engine, of({"a": PLAIN}), data, (3, 4))
    assert trained(engine) == []


def test_the_store_is_cut_back_but_never_below_what_is_in_use(data: Path, tmp_path: Path) -> None:
    engine = small_engine(tmp_path / "store", Recorder(), store_gigabytes=0)
    train_all(engine, of({"a": PLAIN, "b": L2}), data)
    train_all(engine, of({"b": L2}), data)
    assert trained(engine) == [("a", 1), ("b", 1)]
    assert len(times(tmp_path / "store/runs")) == 1
    train_all(engine, of({"a": PLAIN}), data)
    assert trained(engine) == [("a", 1)]


def test_results_are_the_runs_of_these_variants_and_seeds_alone(engine: Engine, data: Path, tmp_path: Path) -> None:
    out, timings = tmp_path / "runs", tmp_path / "timings"
    for variants, seeds in (({"a": PLAIN, "b": L2}, (1, 2)), ({"c": L2}, (2,))):
        specs = {one.label: one.spec for one in train_all(engine, of(variants), data, seeds)}
        write_results(engine.store, specs, seeds, out, timings)
    assert [str(path.relative_to(out)) for path in sorted(out.glob("*/*"))] == ["c/seed-2"]
    assert [path.name for path in timings.iterdir()] == ["c.csv"]
    assert not (out / "c/seed-2/timings.csv").exists(), "seconds are no result"


def test_a_store_that_was_removed_is_filled_from_the_results(engine: Engine, data: Path, tmp_path: Path) -> None:
    specs = {one.label: one.spec for one in train_all(engine, of({"a": PLAIN, "b": L2}), data, (1, 2))}
    write_results(engine.store, specs, (1, 2), tmp_path / "runs", tmp_path / "timings")
    trained(engine)
    other = small_engine(tmp_path / "other", engine.executor)
    adopt_results(other.store, tmp_path / "runs", tmp_path / "timings")
    train_all(other, of({"a": PLAIN, "b": L2}), data, (1, 2, 3))
    assert trained(engine) == [("a", 3), ("b", 3)]
    both = runs(engine.store.root)
    assert both and both.items() <= runs(other.store.root).items()
    for name in both:
        if name.endswith("result.json"):
            folder = Path(name).parent / "timings.csv"
            assert (other.store.root / folder).read_bytes() == (engine.store.root / folder).read_bytes()


def test_results_of_a_version_before_the_store_are_not_adopted(tmp_path: Path) -> None:
    (tmp_path / "runs/a/seed-1").mkdir(parents=True)
    (tmp_path / "runs/a/seed-1/result.json").write_text("{}")
    store = Store(tmp_path / "store")
    adopt_results(store, tmp_path / "runs", tmp_path / "timings")
    assert store.entries() == [] or store.root.exists() is False
