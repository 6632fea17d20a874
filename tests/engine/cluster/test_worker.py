"""A parcel is done wherever its files are: where the head's are seen, or in a cache that gets a copy; else refused."""

import pickle
import shutil
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from support.own_network import NETWORK, write_own
from support.small_engine import runs, small_engine, trainings_of, write_data
from support.small_study import small_params

from regbench.config.network import Model
from regbench.engine.cluster.cache import INPUTS, complete, open_cache, pieces, receive
from regbench.engine.cluster.home import Home, open_home
from regbench.engine.cluster.parcel import ClusterError, Parcel, describe, has_inputs, move, pack
from regbench.engine.cluster.worker import WORK, open_parcel
from regbench.engine.inputs import Input
from regbench.engine.store import Store
from regbench.engine.tasks import TrainingTask, run_training, settle_hardware
from regbench.errors import DivergedError


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with ingested data."""
    folder = tmp_path_factory.mktemp("prepared") / "project"
    write_data(folder)
    return folder


@pytest.fixture
def project(prepared: Path, tmp_path: Path) -> Iterator[Path]:
    """Return a project of its own, which is the current folder."""
    shutil.copytree(prepared, tmp_path / "project")
    with chdir(tmp_path / "project"):
        yield tmp_path / "project"


def task_in(project: Path, model: Model | None = None, **variant: Any) -> TrainingTask:
    """Return the training of a variant whose store is in the project, all paths being relative."""
    params = small_params()
    changed = params.variants["cocktail"].model_copy(update=variant)
    params = params.model_copy(update={"variants": {"cocktail": changed}, "model": model or params.model})
    engine = small_engine(Path("store"))
    found = trainings_of(engine, params, Path("data"))[0]
    return TrainingTask(found.spec, 128, Path("data"), found.augmentation, Path("store"), "cocktail", 1, Path("live"))


@dataclass
class Copies:
    """Lets a worker have copies from where the project is by now."""

    folder: Path
    moved: dict[Path, Path] = field(default_factory=dict)
    gigabytes: float = 1.0
    asked: list[str] = field(default_factory=list)

    @property
    def cache(self) -> Store:
        return open_cache(str(self.folder))

    def fetch(self, wanted: Input) -> None:
        self.asked.append(wanted.what)
        there = move(wanted, self.moved)
        for name in there.files():
            for offset, piece in pieces(there.folder / name):
                receive(str(self.folder), wanted.digest, "test", name, offset, piece)
        complete(str(self.folder), wanted, "test", self.gigabytes)


def packed(task: TrainingTask) -> Parcel:
    with open_home(Store(task.store)) as home:
        return home.pack(run_training, (task,))


def test_where_the_heads_files_are_seen_nothing_is_sent_and_nothing_copied(project: Path, tmp_path: Path) -> None:
    task, copies = task_in(project), Copies(tmp_path / "cache")
    with open_home(Store(task.store)) as home:
        delivery = open_parcel(home.pack(run_training, (task,)), copies)
        assert home.receive(delivery) == (project / "store/runs" / task.name)
    assert delivery.entries == {} and copies.asked == [] and not copies.folder.exists()
    assert len(runs(project / "store")) == 5


def test_elsewhere_the_files_are_sent_once_and_the_run_comes_home(project: Path, tmp_path: Path) -> None:
    task = task_in(project)
    run_training(replace(task, store=project / "here"))
    parcels = [packed(task), packed(replace(task, seed=129))]
    gone = tmp_path / "elsewhere"
    project.rename(gone)
    copies = Copies(tmp_path / "cache", {project: gone})
    with chdir(tmp_path):
        deliveries = [open_parcel(parcel, copies) for parcel in parcels]
    assert copies.asked == ["data", "augmentation"]
    assert not project.exists() or not list(project.rglob("*.safetensors"))
    assert list(copies.folder.glob(f"{WORK}/*")) == [], "what goes home is not kept"
    home = Home(Store(gone / "store"), "token")
    for delivery in [*deliveries, deliveries[0]]:
        home.receive(delivery)
    found = runs(gone / "store")
    assert len(found) == 10 and runs(gone / "here").items() <= found.items()


def test_a_network_of_ones_own_and_its_weights_travel_with_the_call(project: Path, tmp_path: Path) -> None:
    write_own(project)
    task = task_in(project, Model(network=NETWORK), batch_norm=False, dropout=0.0)
    run_training(replace(task, store=project / "here"))
    parcel = packed(task)
    gone = tmp_path / "elsewhere"
    project.rename(gone)
    copies = Copies(tmp_path / "cache", {project: gone})
    with chdir(tmp_path):
        delivery = open_parcel(parcel, copies)
    assert copies.asked == ["data", "augmentation", "project"]
    Home(Store(gone / "store"), "token").receive(delivery)
    assert runs(gone / "store") == runs(gone / "here")


@pytest.mark.fault
def test_a_call_that_failed_continues_from_its_checkpoint_where_it_is_tried_again(
    project: Path, tmp_path: Path
) -> None:
    parcel = packed(task_in(project))
    copies = Copies(tmp_path / "cache")
    function, arguments = pickle.loads(parcel.content)
    failing = replace(parcel, content=pickle.dumps((interrupted, arguments)))
    with pytest.raises(InterruptedError):
        open_parcel(failing, copies)
    (work,) = copies.folder.glob(f"{WORK}/*")
    assert len(list(work.glob("checkpoints/*.safetensors"))) == 1
    with pytest.raises(InterruptedError):
        open_parcel(failing, copies)
    assert list(copies.folder.glob(f"{WORK}/*")) == [work], "the same call works in the same folder"
    assert function is run_training


def interrupted(task: TrainingTask) -> None:
    def stop(record: object) -> None:
        if getattr(record, "epoch", 0) == 1:
            raise InterruptedError

    run_training(task, stop)


def test_an_error_of_a_call_is_the_callers(project: Path, tmp_path: Path) -> None:
    task = task_in(project, train={"learning_rate": 1e30})
    with pytest.raises(DivergedError, match=r"variants\.cocktail, seed 128: the loss is nan"):
        open_parcel(packed(task), Copies(tmp_path / "cache"))


@pytest.mark.fault
@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"code": "0" * 64}, "code = [0-9a-f]{12}: the head has 000000000000: check out the same commit there"),
        ({"versions": "numpy 1.0"}, "versions = CPython 3.* torch .*: the head has numpy 1.0: install the same"),
    ],
)
def test_other_code_and_other_versions_are_refused_before_anything_is_unpickled(
    project: Path, tmp_path: Path, change: dict[str, str], rule: str
) -> None:
    parcel = replace(packed(task_in(project)), content=b"no pickle", **change)  # type: ignore[arg-type]
    with pytest.raises(ClusterError, match=rule):
        open_parcel(parcel, Copies(tmp_path / "cache"))


@pytest.mark.fault
def test_other_data_under_the_heads_path_are_refused(project: Path, tmp_path: Path) -> None:
    parcel = packed(task_in(project))
    index = project / "data/train/index.csv"
    index.write_text(index.read_text().replace(",a,", ",b,", 1))
    with pytest.raises(ClusterError, match=rf"data in {project}/data = [0-9a-f]{{12}}: the head has [0-9a-f]{{12}}: "):
        open_parcel(parcel, Copies(tmp_path / "cache"))


@pytest.mark.fault
def test_files_that_arrived_changed_are_not_used(project: Path, tmp_path: Path) -> None:
    wanted = packed(task_in(project)).inputs[0]
    cache = str(tmp_path / "cache")
    for name in wanted.files():
        receive(cache, wanted.digest, "s", name, 0, (wanted.folder / name).read_bytes() + b" ")
    complete(cache, wanted, "s", 1.0)
    assert open_cache(cache).find(INPUTS, wanted.digest) is None
    assert list((tmp_path / "cache/unfinished").iterdir()) == []


def test_the_cache_is_cut_back_but_never_below_what_came_last(project: Path, tmp_path: Path) -> None:
    copies = Copies(tmp_path / "cache", gigabytes=1e-9)
    for wanted in packed(task_in(project)).inputs:
        copies.fetch(wanted)
        assert [path.name for path in copies.folder.glob(f"{INPUTS}/*")] == [wanted.digest]


def test_a_call_is_named_by_variant_and_seed_and_says_what_it_reads(project: Path) -> None:
    task = task_in(project)
    assert describe(run_training, (task,)) == "cocktail seed 128"
    assert describe(settle_hardware, (small_params().compute, Path())) == "settle_hardware"
    assert has_inputs((task,)) and not has_inputs((small_params().compute, Path()))
    parcel = pack(run_training, (task,), Path("store"), "token")
    assert [each.what for each in parcel.inputs] == ["data", "augmentation"]
    assert all(each.folder.is_absolute() for each in parcel.inputs) and parcel.store == project / "store"
    (moved,) = pickle.loads(parcel.content)[1]
    assert moved == replace(
        task,
        data=project / "data",
        augmentation=project / task.augmentation,
        store=project / "store",
        live=project / "live",
    )
