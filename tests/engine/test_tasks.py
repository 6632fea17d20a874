"""A task is a value: any process that sees its paths can do it, continue it, or replay it."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.small_engine import CPU, runs, small_engine, trainings_of, write_data
from support.small_study import small_params

from regbench.config.compute import Compute
from regbench.config.experiment import SearchedExperiment
from regbench.config.variants import SearchableVariant
from regbench.engine.augment import AugmentationTask
from regbench.engine.store import Store
from regbench.engine.tasks import TrainingTask, run_training
from regbench.errors import DivergedError
from regbench.evaluation.tasks import EvaluationTask
from regbench.search.objective import TrialObjective
from regbench.search.trainer import Trainer
from regbench.training.history import EpochRecord

EPOCHS = 5


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> TrainingTask:
    """A training of the variant with most hyperparameters, for some epochs; its store has augmentations only."""
    folder = tmp_path_factory.mktemp("tasks")
    params, data = small_params(), write_data(folder)
    variants = {"cocktail": params.variants["cocktail"].model_copy(update={"patience": 0})}
    train = params.train.model_copy(update={"epochs": EPOCHS})
    engine = small_engine(folder / "store")
    found = trainings_of(engine, params.model_copy(update={"variants": variants, "train": train}), data)[0]
    return TrainingTask(found.spec, 128, data, found.augmentation, folder / "store", found.label, 2)


@pytest.fixture
def task(prepared: TrainingTask, tmp_path: Path) -> TrainingTask:
    """The same, in a store of its own."""
    return replace(prepared, store=tmp_path / "store", live=tmp_path / "live")


def collect(task: TrainingTask) -> list[str]:
    records: list[str] = []
    run_training(task, lambda record: records.append(repr(record)))
    return records


def stop_after(epoch: int) -> Callable[[EpochRecord], None]:
    def stop(record: EpochRecord) -> None:
        if record.epoch == epoch:
            raise InterruptedError

    return stop


def test_every_task_is_the_same_after_pickling(task: TrainingTask) -> None:
    params = small_params()
    searched = SearchedExperiment.model_validate(params.model_dump(include=set(SearchedExperiment.model_fields)))
    ranged = SearchableVariant.model_validate({"recipe": "plain", "l2": {"low": 0.0, "high": 1.0}})
    searched = searched.model_copy(update={"variants": {"v": ranged}})
    trainer = Trainer(searched, "v", CPU, task.data, "d", task.augmentation, "a", task.store)
    tasks = [
        task,
        EvaluationTask(task.store, task.data, "test", 10, CPU, task.store),
        AugmentationTask(params.recipes["affine"], params.augment, task.data, task.store, "name", "affine"),
        TrialObjective(trainer),
        Compute(),
    ]
    assert [pickle.loads(pickle.dumps(one)) for one in tasks] == tasks
    assert pickle.loads(pickle.dumps(run_training)) is run_training


def test_a_stored_run_is_replayed_to_the_bit(task: TrainingTask) -> None:
    live = collect(task)
    (entry,) = Store(task.store).entries()
    written = entry.stat().st_mtime_ns, (entry / "model.safetensors").stat().st_mtime_ns
    assert len(live) == EPOCHS
    assert collect(task) == live
    assert (entry / "model.safetensors").stat().st_mtime_ns == written[1], "it was not trained again"
    assert entry.stat().st_mtime_ns > written[0], "it was used now"


@pytest.mark.fault
@pytest.mark.parametrize("epoch", [0, 2, 3])
def test_an_interrupted_training_continues_to_the_same_bits(task: TrainingTask, epoch: int, tmp_path: Path) -> None:
    undisturbed = collect(task)
    other = replace(task, store=tmp_path / "other")
    with pytest.raises(InterruptedError):
        run_training(other, stop_after(epoch))
    assert Store(other.store).entries() == []
    assert Store(other.store).checkpoint(other.name).is_file() == (epoch >= 2)
    assert collect(other) == undisturbed, "epochs of the checkpoint are told again"
    assert runs(other.store) == runs(task.store)
    assert list((other.store / "checkpoints").glob("*")) == []


def test_without_checkpoints_a_training_starts_again(task: TrainingTask) -> None:
    with pytest.raises(InterruptedError):
        run_training(replace(task, checkpoint_epochs=0), stop_after(3))
    assert not (task.store / "checkpoints").exists()
    assert len(collect(task)) == EPOCHS


@pytest.mark.fault
def test_a_broken_checkpoint_is_not_used(task: TrainingTask) -> None:
    checkpoint = Store(task.store).checkpoint(task.name)
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"broken")
    assert len(collect(task)) == EPOCHS
    assert not checkpoint.exists()


@pytest.mark.fault
def test_a_diverged_training_names_its_variant_and_seed_and_enters_nothing(task: TrainingTask) -> None:
    high = task.spec.train.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(DivergedError) as error:
        run_training(replace(task, spec=replace(task.spec, train=high)))
    assert str(error.value) == (
        "variants.cocktail, seed 128: the loss is nan after epoch 0, it must stay finite: lower train.learning_rate = "
        "1e+30 or the variant's strengths"
    )
    assert Store(task.store).entries() == []


def test_a_running_training_shows_its_epochs_in_a_file(task: TrainingTask) -> None:
    run_training(task)
    lines = (task.live / "cocktail-128.jsonl").read_text().splitlines() if task.live else []
    assert len(lines) == EPOCHS + 2
    assert f'"epochs": {EPOCHS}' in lines[0] and '"ended": "FINISHED"' in lines[-1]


@pytest.mark.fault
def test_a_file_that_cannot_be_written_stops_no_training(task: TrainingTask, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert len(collect(replace(task, live=tmp_path / "file"))) == EPOCHS
