"""The registry on a real MLflow store: one champion, versions once, and files that are proven before use."""

import multiprocessing
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from support.offers import offer
from support.tracking_project import write_project
from support.tracking_store import runs_of, track

from regbench.errors import IntegrityError, TrackingError
from regbench.networks.model_files import load_model
from regbench.tracking.model_version import network_key
from regbench.tracking.registry import ChampionChangedError, Registry
from regbench.tracking.store import Store, find_store


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("registry")
    write_project(folder, variants=("l2",), seeds=(1, 2, 3))
    track(folder)
    return folder


@pytest.fixture
def registry(logged: Path, request: pytest.FixtureRequest) -> Registry:
    return Registry(find_store(logged, {}), request.node.name.replace("[", "-").rstrip("]"))


def test_a_registered_model_without_versions_has_no_champion(registry: Registry) -> None:
    assert registry.champion() is None and registry.challenger() is None


def test_a_version_is_made_once_and_says_what_it_is(registry: Registry, logged: Path) -> None:
    first, again = registry.register(offer(logged)), registry.register(offer(logged))
    assert first == again == registry.challenger() == registry.version("1")
    assert registry.champion() is None
    found = registry.client.get_model_version(registry.name, "1")
    assert found.description == "**l2**" and found.source == f"models:/{first.model_id}"
    assert found.run_id == runs_of(registry.client, "digits-seeds")["l2 1"].info.run_id
    assert found.tags["variant"] == "l2" and first.key == network_key(offer(logged).sums)
    registry.describe("1", "new")
    registry.describe("7", "of a version that is not there")
    assert registry.client.get_model_version(registry.name, "1").description == "new"


@pytest.mark.fault
def test_a_doubled_version_is_removed(registry: Registry, logged: Path) -> None:
    """As after a lost reply: both carry the key."""
    version = registry.register(offer(logged))
    registry.client.create_model_version(registry.name, f"models:/{version.model_id}", tags=dict(version.tags))
    assert registry.register(offer(logged)).number == "1"
    assert [found.version for found in registry.client.search_model_versions(f"name = '{registry.name}'")] == [1]


def test_a_champion_gives_its_place_only_to_who_was_judged_against_it(registry: Registry, logged: Path) -> None:
    one, two, three = (registry.register(offer(logged, *run)) for run in (("l2", 1), ("l2", 2), ("l2", 3)))
    registry.promote(one, over=None)
    assert registry.champion() == one
    with pytest.raises(ChampionChangedError, match="the champion is now version 1"):
        registry.promote(two, over=None)
    registry.promote(two, over=one)
    registry.promote(two, over=one)  # the answer to the first time may have been lost
    with pytest.raises(ChampionChangedError, match="the champion is now version 2"):
        registry.promote(three, over=one)
    assert registry.champion() == two and registry.challenger() == three


def test_files_come_back_whole_and_load(registry: Registry, logged: Path, tmp_path: Path) -> None:
    version = registry.register(offer(logged))
    network = load_model(registry.folder(version, tmp_path / "fetched", version.key))
    images = torch.arange(32, dtype=torch.uint8).reshape(2, 1, 4, 4)
    expected = load_model(logged / "runs/l2/seed-1").probabilities(images)
    assert torch.equal(network.probabilities(images), expected)


def _flip(path: Path) -> None:
    tensors = load_file(path)
    tensors["layers.1.bias"][0] += 1
    save_file(tensors, path)


@pytest.mark.fault
@pytest.mark.parametrize("harm", [_flip, Path.unlink, lambda path: path.write_bytes(b"\x80\x04")])
def test_a_file_that_was_changed_is_refused_before_it_is_loaded(
    registry: Registry, logged: Path, tmp_path: Path, harm: object
) -> None:
    assert callable(harm)
    version = registry.register(offer(logged, "l2", 2))
    artifact = logged / f"mlartifacts/models/{version.model_id}/artifacts/regbench/model.safetensors"
    kept = artifact.read_bytes()
    try:
        harm(artifact)
        problem = r"version 1: model.safetensors: (its SHA-256 is not|cannot be fetched)"
        with pytest.raises(IntegrityError, match=problem):
            registry.folder(version, tmp_path / "fetched")
    finally:
        artifact.write_bytes(kept)


@pytest.mark.fault
def test_tags_that_were_changed_are_refused(registry: Registry, logged: Path, tmp_path: Path) -> None:
    """Whoever changes a file and its tag does not know the record of the promotion."""
    version = registry.register(offer(logged))
    registry.client.set_model_version_tag(registry.name, "1", "sha256.model.safetensors", "0" * 64)
    with pytest.raises(IntegrityError, match="its tags are not those of the network"):
        registry.folder(registry.version("1"), tmp_path)
    with pytest.raises(IntegrityError, match="its tags are not those of the network"):
        registry.folder(version, tmp_path, key="of another network")


@pytest.mark.fault
def test_a_version_of_another_program_is_refused(registry: Registry, logged: Path, tmp_path: Path) -> None:
    registry.register(offer(logged))
    registry.client.create_model_version(registry.name, f"models:/{offer(logged).model_id}")
    with pytest.raises(IntegrityError, match="has no SHA-256 of its network"):
        registry.folder(registry.version("2"), tmp_path)


@pytest.mark.fault
def test_a_store_that_is_away_is_said_at_once() -> None:
    with pytest.raises(TrackingError, match=r"http://127\.0\.0\.1:9"):
        Registry(Store("http://127.0.0.1:9", Path.cwd() / ".regbench"), "name")


def _try(store: Store, name: str, number: str, accuracies: dict[str, float], start: object) -> None:
    """Promote a version if it is better than the champion, as a job does: decide again where that changed."""
    registry = Registry(store, name)
    mine = registry.version(number)
    start.wait(30)  # type: ignore[attr-defined]
    while True:
        champion = registry.champion()
        assert champion is not None
        if accuracies[mine.number] <= accuracies[champion.number]:
            return
        try:
            registry.promote(mine, champion)
            return
        except ChampionChangedError:
            continue


@pytest.mark.fault
@pytest.mark.slow
def test_a_race_of_promotions_ends_with_the_best(registry: Registry, logged: Path) -> None:
    versions = [registry.register(offer(logged, *run)) for run in (("l2", 1), ("l2", 2), ("l2", 3))]
    registry.promote(versions[0], over=None)
    accuracies = {"1": 0.90, "2": 0.92, "3": 0.97}
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2)
    racers = [
        context.Process(target=_try, args=(registry.store, registry.name, number, accuracies, start))
        for number in ("2", "3")
    ]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(60)
    assert [racer.exitcode for racer in racers] == [0, 0]
    assert registry.champion() == versions[2]
