"""The search of one variant with real trainings, from its ranges to resolved strengths."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.searches import RANGE, engine, files, make, one, prepare_images, search, trained

from regbench.config.params import Params
from regbench.engine.tasks import run_training
from regbench.errors import DivergedError
from regbench.search.trainer import Trainer
from regbench.search.tune import make_trainer, plan_study


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare_images(tmp_path_factory.mktemp("tune"))


@pytest.fixture
def no_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no plots, which take most of the time of a tiny search."""
    monkeypatch.setattr("regbench.search.tune.write_plots", lambda *arguments: None)


def trainer(params: Params, images: Path, out: Path) -> Trainer:
    with engine(out) as made:
        return make_trainer(made, params, "v", images / "data", images / "augmented")


def test_a_variant_is_resolved_and_the_files_repeat_to_the_byte(images: Path, tmp_path: Path) -> None:
    resolved = search(make(), images, tmp_path / "a")["v"]
    assert search(make(), images, tmp_path / "b")["v"] == resolved
    assert 1e-6 <= resolved.l2 <= 1e-1 and resolved.recipe == "plain"
    first, second = files(tmp_path / "a"), files(tmp_path / "b")
    assert first == second
    study = tmp_path / "a/studies/v"
    assert (study / "timings.csv").read_bytes() != (tmp_path / "b/studies/v/timings.csv").read_bytes()
    expected = {"trials.csv", "curves.csv", "repeats.csv", "summary.json", "plots/history.png"}
    assert set(first) >= {f"studies/v/{name}" for name in expected} | {"tuned/v.json"}
    trials, repeats = pd.read_csv(study / "trials.csv"), pd.read_csv(study / "repeats.csv")
    summary = json.loads((study / "summary.json").read_text())
    assert trials["trial"].tolist() == list(range(4)) and trials["l2"][0] == 1e-3
    assert trials["l2"][summary["winner"]] == resolved.l2
    assert set(repeats["seed"]) == {29, 30} and 0 in set(repeats["trial"]), "fresh seeds, the start among them"
    means = repeats.groupby("trial")["validation_loss"].mean()
    assert summary["winner"] == means.idxmin()


@pytest.mark.usefixtures("no_plots")
def test_growing_the_budget_continues_and_a_changed_range_starts_anew(images: Path, tmp_path: Path) -> None:
    search(make(), images, tmp_path)
    few = pd.read_csv(tmp_path / "studies/v/timings.csv")
    search(make(trials=6), images, tmp_path)
    more = pd.read_csv(tmp_path / "studies/v/timings.csv")
    assert len(more) == 6 and more.iloc[:4].equals(few), "equal seconds: they were not run again"
    search(make(one(l2={**RANGE, "high": 1e-2})), images, tmp_path)
    anew = pd.read_csv(tmp_path / "studies/v/timings.csv")
    assert not set(anew["wall_seconds"]) & set(more["wall_seconds"])


def test_the_digest_holds_all_but_the_budget(images: Path, tmp_path: Path) -> None:
    def name(params: Params, folder: Path = images) -> str:
        return plan_study(trainer(params, folder, tmp_path)).digest

    same = [make(trials=50), make(per="parameter"), make(top_k=3), make(fresh_seeds=(7,))]
    assert {name(params) for params in same} == {name(make())}
    other = [make(one(l2={**RANGE, "low": 1e-5})), make(one(l2=RANGE, dropout=0.1)), make(sampler="random")]
    other += [make(seed=1), make(seeds=(5,)), make(pruner="none"), make(epochs=2), make(parallel=1)]
    other += [make().model_copy(update={"model": make().model.model_copy(update={"hidden": (7,)})})]
    other += [make().model_copy(update={"train": make().train.model_copy(update={"epochs": 4})})]
    names = [name(make()), *map(name, other)]
    for changed in ("data/train/index.csv", "augmented/plain/digest.txt"):
        shutil.copytree(images, tmp_path / changed)
        (tmp_path / changed / changed).write_text("others")
        names.append(name(make(), tmp_path / changed))
    assert len(set(names)) == len(names)


@pytest.mark.usefixtures("no_plots")
def test_a_trial_that_is_a_known_run_trains_nothing_and_is_the_same_trial(images: Path, tmp_path: Path) -> None:
    """The store has the start's trainings already, as when the pipeline has trained a variant of these values."""
    whole = search(make(), images, tmp_path / "whole")
    known = tmp_path / "known"
    own = trainer(make(), images, known)
    tasks = [own.task({"l2": RANGE["start"]}, seed, epochs) for seed, epochs in ((28, own.length), (29, 0), (30, 0))]
    for task in tasks:
        run_training(task)
    before = trained(known)
    assert len(before) == 3
    assert search(make(), images, known) == whole
    assert before.items() <= trained(known).items() and len(trained(known)) == len(trained(tmp_path / "whole"))
    assert files(known) == files(tmp_path / "whole")


@pytest.mark.fault
@pytest.mark.usefixtures("no_plots")
def test_a_search_whose_journal_is_lost_trains_nothing_again(images: Path, tmp_path: Path) -> None:
    """Pruned trials apart, which no store keeps."""
    first = search(make(pruner="none"), images, tmp_path)
    before, results = trained(tmp_path), files(tmp_path)
    (tmp_path / "studies.journal").unlink()
    shutil.rmtree(tmp_path / "studies")
    assert search(make(pruner="none"), images, tmp_path) == first
    assert trained(tmp_path) == before and files(tmp_path) == results


@pytest.mark.usefixtures("no_plots")
def test_a_finished_search_is_skipped_unless_a_result_is_gone_or_another_is_asked_for(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def searched(params: Params) -> str:
        search(params, images, tmp_path)
        return capsys.readouterr().out.splitlines()[0]

    found, again = (f"tune: 1 studies needed, {n} found, {1 - n} to search" for n in (1, 0))
    assert searched(make()) == again
    results, written = files(tmp_path), (tmp_path / "studies/v/summary.json").stat().st_mtime_ns
    (tmp_path / "studies.journal").unlink()
    assert searched(make()) == found
    assert files(tmp_path) == results and (tmp_path / "studies/v/summary.json").stat().st_mtime_ns == written
    assert not (tmp_path / "studies.journal").exists()
    (tmp_path / "tuned/v.json").unlink()
    assert searched(make()) == again
    (tmp_path / "tuned/v.json").write_text("{")
    assert searched(make()) == again
    (tmp_path / "tuned/v.json").write_text('{"recipe": "plain", "dropout": 0.5}')
    assert searched(make()) == again
    assert files(tmp_path) == results
    assert searched(make(top_k=1)) == again
    assert searched(make(top_k=1)) == found


@pytest.mark.usefixtures("no_plots")
def test_another_name_of_the_recipe_searches_nothing_but_is_handed_on(images: Path, tmp_path: Path) -> None:
    search(make(), images, tmp_path / "out")
    before = trained(tmp_path / "out")
    shutil.copytree(images, tmp_path / "images")
    (tmp_path / "images/augmented/plain").rename(tmp_path / "images/augmented/simple")
    renamed = Params.model_validate(
        make({"v": {"recipe": "simple", "l2": RANGE}}).model_dump() | {"recipes": {"simple": {}}}
    )
    assert search(renamed, tmp_path / "images", tmp_path / "out")["v"].recipe == "simple"
    assert trained(tmp_path / "out") == before


@pytest.mark.fault
@pytest.mark.usefixtures("no_plots")
def test_diverging_trials_fail_with_their_reason_and_the_rest_decides(images: Path, tmp_path: Path) -> None:
    rates = one(train={"learning_rate": {"choices": (1e-3, 1e30), "start": 1e30}})
    resolved = search(make(rates, sampler="random", pruner="none", trials=6), images, tmp_path)["v"]
    assert resolved.train == {"learning_rate": 1e-3}
    trials = pd.read_csv(tmp_path / "studies/v/trials.csv").set_index("train.learning_rate")
    assert set(trials.loc[1e30, "state"]) == {"FAIL"} and set(trials.loc[1e-3, "state"]) == {"COMPLETE"}
    assert trials.loc[1e30, "reason"].str.contains("the loss is nan after epoch 0, it must stay finite").all()


@pytest.mark.fault
def test_a_study_in_which_all_fails_ends_with_one_error(images: Path, tmp_path: Path) -> None:
    rates = one(train={"learning_rate": {"low": 1e29, "high": 1e30}})
    with pytest.raises(DivergedError) as caught:
        search(make(rates), images, tmp_path)
    message = str(caught.value)
    start = "params.yaml: variants.v: none of 4 trials was complete, the last one because variants.v, seed 28: "
    assert message.startswith(start)
    assert message.endswith("lower the upper ends of the ranges") and "\n" not in message


def test_two_objectives_write_a_front(images: Path, tmp_path: Path) -> None:
    sparse = one(l1={"low": 1e-4, "high": 1.0, "log": True})
    search(make(sparse, second="nonzero_weights", pruner="none", zero_below=0.02, trials=6), images, tmp_path)
    trials = pd.read_csv(tmp_path / "studies/v/trials.csv")
    front = json.loads((tmp_path / "studies/v/summary.json").read_text())["front"]
    assert trials["nonzero_weights"].between(0, 1).all() and trials["nonzero_weights"].nunique() > 1
    pairs = trials[["validation_loss", "nonzero_weights"]].to_numpy()
    better = [[bool((a <= b).all() and (a < b).any()) for a in pairs] for b in pairs]
    assert front == [place for place, row in enumerate(better) if not any(row)]
    assert (tmp_path / "studies/v/plots/pareto_front.png").is_file()


@pytest.mark.usefixtures("no_plots")
def test_wilcoxon_stops_trials_between_seeds(images: Path, tmp_path: Path) -> None:
    rates = one(train={"learning_rate": {"low": 1e-5, "high": 1e-1, "log": True, "start": 3e-2}})
    seeds = tuple(range(40, 48))
    search(make(rates, seeds=seeds, pruner="wilcoxon", sampler="random", trials=8, parallel=1), images, tmp_path)
    trials = pd.read_csv(tmp_path / "studies/v/trials.csv")
    pruned = trials[trials["state"] == "PRUNED"]
    assert len(pruned) and (pruned["epochs"] < 3 * len(seeds)).all() and (pruned["epochs"] % 3 == 0).all()


@pytest.mark.usefixtures("no_plots")
def test_pruned_trials_leave_no_checkpoint(images: Path, tmp_path: Path) -> None:
    rates = one(train={"learning_rate": {"choices": (3e-2, 1e-5), "start": 3e-2}})
    params = make(rates, sampler="grid", parallel=1, trials=2)
    frequent = params.model_copy(update={"compute": params.compute.model_copy(update={"checkpoint_epochs": 1})})
    search(frequent, images, tmp_path)
    assert "PRUNED" in set(pd.read_csv(tmp_path / "studies/v/trials.csv")["state"])
    assert not list((tmp_path / "store/checkpoints").glob("*"))
    assert np.isfinite(pd.read_csv(tmp_path / "studies/v/repeats.csv")["validation_loss"]).all()
