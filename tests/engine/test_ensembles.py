"""Ensembles in the engine: of runs in the store, which are trained once; what they are, and what they cost."""

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from support.learnable import learnable_params, write_learnable
from support.small_engine import small_engine, trainings_of
from support.small_study import files

from regbench.config.ensembles import Ensemble
from regbench.config.params import Params
from regbench.data import ingest
from regbench.data.dataset import load_split
from regbench.engine.ensemble_spec import EnsembleSpec
from regbench.engine.ensembles import train_all
from regbench.engine.local import InlineExecutor
from regbench.engine.results import adopt_results, write_results
from regbench.engine.run import Engine
from regbench.engine.spec import TrainingSpec
from regbench.engine.tasks import RUNS, TIMINGS
from regbench.errors import InputError
from regbench.files import read_json
from regbench.networks.ensemble import load_predictor
from regbench.training.boosting import read_vote, read_weights

ENSEMBLES = {
    "bagged": Ensemble(method="bagging", of=("baseline",), networks=3),
    "boosted": Ensemble(method="boosting", of=("baseline",), networks=3),
    "stacked": Ensemble(method="stacking", of=("baseline", "l2")),
}
Specs = dict[str, TrainingSpec | EnsembleSpec]


class Counter(InlineExecutor):
    """Counts what was submitted, by the function's name."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> "Future[Any]":
        self.calls.append(function.__name__)
        return super().submit(function, *arguments)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    raw = write_learnable(folder / "raw.zip")
    ingest.write(ingest.ingest(learnable_params().data.model_copy(update={"raw": str(raw)})), folder / "data")
    return folder / "data"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return small_engine(tmp_path_factory.mktemp("engine") / "store", Counter())


@pytest.fixture(scope="module")
def specs(engine: Engine, data: Path) -> Specs:
    return make(engine, learnable_params(ensembles=ENSEMBLES), data)


def make(engine: Engine, params: Params, data: Path) -> Specs:
    return train_all(engine, params, trainings_of(engine, params, data), data, engine.store.root.parent / "live")


def calls(engine: Engine) -> list[str]:
    """Return what was submitted since the last call."""
    assert isinstance(engine.executor, Counter)
    found, engine.executor.calls = engine.executor.calls, []
    return [name for name in found if name != "make_augmentation"]


def entry(engine: Engine, spec: TrainingSpec | EnsembleSpec, seed: int = 128) -> Path:
    found = engine.store.find(RUNS, spec.run(seed))
    assert found is not None
    return found


def members(engine: Engine, spec: TrainingSpec | EnsembleSpec, seed: int = 128) -> list[Path]:
    assert isinstance(spec, EnsembleSpec)
    return [entry(engine, member, key) for member, key in spec.runs(seed)]


def pixels(data: Path) -> torch.Tensor:
    return torch.from_numpy(load_split(data, "validation").images)


def test_bagging_is_of_networks_with_seeds_and_samples_of_their_own(engine: Engine, data: Path, specs: Specs) -> None:
    bagged = specs["bagged"]
    assert isinstance(bagged, EnsembleSpec) and all(member.bootstrap for member in bagged.members)
    seeds = [seed for number in (128, 129) for _, seed in bagged.runs(number)]
    assert len(set(seeds)) == 6
    said = [load_predictor(member).probabilities(pixels(data)) for member in members(engine, bagged)]
    assert not torch.equal(said[0], said[1])
    found = load_predictor(entry(engine, bagged)).probabilities(pixels(data))
    torch.testing.assert_close(found, torch.stack(said).mean(0))


def test_boosting_passes_weights_from_round_to_round(engine: Engine, data: Path, specs: Specs) -> None:
    rounds = members(engine, specs["boosted"])
    train = load_split(data, "train")
    weights = np.full(len(train), 1 / len(train))
    votes = []
    for place in rounds:
        wrong = load_predictor(place).probabilities(torch.from_numpy(train.images)).argmax(1).numpy() != train.labels
        error = weights[wrong].sum()
        votes.append(np.log((1 - error) / error) + np.log(2))
        weights = weights * np.exp(votes[-1] * wrong)
        weights /= weights.sum()
        found = read_weights(place)
        assert found is not None
        np.testing.assert_allclose(found, weights, rtol=1e-9)
        assert read_vote(place) == pytest.approx(votes[-1])
    said = torch.stack([load_predictor(place).probabilities(pixels(data)) for place in rounds]).argmax(2)
    logits = (torch.tensor(votes)[:, None, None] * torch.nn.functional.one_hot(said, 3)).sum(0)
    found_here = load_predictor(entry(engine, specs["boosted"])).probabilities(pixels(data))
    torch.testing.assert_close(found_here, logits.softmax(1).float())


def test_stacking_trains_nothing_and_never_opens_test_images(engine: Engine, data: Path, specs: Specs) -> None:
    assert members(engine, specs["stacked"]) == [entry(engine, specs["baseline"]), entry(engine, specs["l2"])]
    source = Path("src/regbench/engine/ensemble_run.py")
    assert '"test"' not in (Path(__file__).parents[2] / source).read_text()


def test_each_has_the_files_and_numbers_of_a_run(engine: Engine, specs: Specs, data: Path) -> None:
    labels = load_split(data, "validation").labels
    for name, networks, epochs in (("bagged", 3, 3), ("boosted", 3, 3), ("stacked", 2, 1)):
        folder = entry(engine, specs[name])
        result, history = read_json(folder / "result.json"), pd.read_csv(folder / "history.csv")
        single = pd.read_csv(entry(engine, specs["baseline"]) / "history.csv")
        assert list(history.columns) == list(single.columns)
        assert (result["networks"], result["epochs"], len(history)) == (networks, epochs, epochs)
        one = read_json(entry(engine, specs["baseline"]) / "result.json")
        assert result["parameters"] == networks * one["parameters"] + (6 * 3 + 3 if name == "stacked" else 0)
        assert result["validation_accuracy"] == history["validation_accuracy"].iloc[-1]
        if name != "stacked":
            said = load_predictor(folder).probabilities(pixels(data)).argmax(1).numpy()
            assert result["validation_accuracy"] == (said == labels).mean()
            first = read_json(members(engine, specs[name])[0] / "result.json")
            assert history["validation_accuracy"].iloc[0] == first["validation_accuracy"]
        seconds = pd.read_csv(folder / TIMINGS)["wall_seconds"].sum()
        assert seconds > sum(pd.read_csv(m / TIMINGS)["wall_seconds"].sum() for m in members(engine, specs[name]))


def test_nothing_is_made_twice(engine: Engine, data: Path, specs: Specs) -> None:
    calls(engine)
    make(engine, learnable_params(ensembles=ENSEMBLES), data)
    assert calls(engine) == []
    renamed = {"other": ENSEMBLES["bagged"], "again": ENSEMBLES["stacked"]}
    make(engine, learnable_params(ensembles=renamed), data)
    assert calls(engine) == []
    more = {name: ENSEMBLES[name].model_copy(update={"networks": 4}) for name in ("bagged", "boosted")}
    before = files(engine.store.root / RUNS)
    make(engine, learnable_params(ensembles=more), data)
    # A network more for each seed, and both ensembles anew; the boosted one goes on after its third round.
    assert calls(engine) == ["run_training"] * 4 + ["assemble"] * 4
    after = files(engine.store.root / RUNS)
    assert before.items() <= after.items() and len({Path(name).parent for name in after.keys() - before}) == 8


def test_ensembles_of_one_chain_train_each_round_once_and_equal_ones_are_one(data: Path, tmp_path: Path) -> None:
    engine = small_engine(tmp_path / "store", Counter())
    boosted = ENSEMBLES["boosted"]
    more = boosted.model_copy(update={"networks": 4})
    make(engine, learnable_params(ensembles={"a": boosted, "b": more, "c": boosted}, seeds=(1,)), data)
    assert calls(engine) == ["run_training"] * 3 + ["assemble"] * 2, "two variants and one chain; a and c are the same"


def test_variants_are_the_same_runs_with_and_without_ensembles(data: Path, specs: Specs, tmp_path: Path) -> None:
    alone = make(small_engine(tmp_path / "store"), learnable_params(), data)
    assert alone == {name: specs[name] for name in ("baseline", "l2")}


def test_a_new_clone_adopts_them_whole(engine: Engine, data: Path, specs: Specs, tmp_path: Path) -> None:
    write_results(engine.store, specs, (128, 129), tmp_path / "runs", tmp_path / "timings")
    clone = small_engine(tmp_path / "store", Counter(), store_gigabytes=0)
    adopt_results(clone.store, tmp_path / "runs", tmp_path / "timings")
    make(clone, learnable_params(ensembles=ENSEMBLES), data)
    assert calls(clone) == []
    write_results(clone.store, specs, (128, 129), tmp_path / "again", tmp_path / "timings again")
    assert files(tmp_path / "again") == files(tmp_path / "runs")


def test_boosting_that_ends_early_has_fewer_networks(data: Path, tmp_path: Path) -> None:
    """A training without a step leaves a network that is no better than chance, or nearly."""
    weak = learnable_params(
        train=learnable_params().train.model_copy(update={"learning_rate": 1e-12, "epochs": 1}),
        ensembles={"boosted": ENSEMBLES["boosted"].model_copy(update={"networks": 10})},
        seeds=(3,),
    )
    engine = small_engine(tmp_path / "store")
    spec = make(engine, weak, data)["boosted"]
    result = read_json(entry(engine, spec, 3) / "result.json")
    assert result["networks"] < 10
    assert load_predictor(entry(engine, spec, 3)).probabilities(pixels(data)).isfinite().all()


def test_too_few_validation_images_are_refused_by_name(tmp_path: Path) -> None:
    raw = write_learnable(tmp_path / "raw.zip", images=60)
    ingest.write(ingest.ingest(learnable_params().data.model_copy(update={"raw": str(raw)})), tmp_path / "data")
    params = learnable_params(ensembles={"stacked": ENSEMBLES["stacked"]}, seeds=(1,))
    with pytest.raises(InputError, match=r"ensembles.stacked: class '\w' has \d validation images: stacking needs 5"):
        make(small_engine(tmp_path / "store"), params, tmp_path / "data")
