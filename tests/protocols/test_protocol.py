"""Studies beside the pipeline: what they train, what they never train twice, and that a kill changes nothing."""

import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path

import pandas as pd
import pytest
from support.small_study import COCKTAIL, files, small_data, small_params, times, trained

from regbench.config.augmentation import Recipe
from regbench.config.network import Model
from regbench.config.params import Params
from regbench.config.ranges import Range
from regbench.config.tuned import write_tuned
from regbench.config.variants import SearchableVariant, Variant
from regbench.data.dataset import data_digest, load_split
from regbench.engine.augment import augmentation_digest, write_augmentations
from regbench.engine.experiment_spec import training_spec
from regbench.engine.pipeline import train_variants
from regbench.engine.run import open_engine
from regbench.errors import InputError, IntegrityError
from regbench.protocols.protocol import resolve_variants, run_protocol, select_variants
from regbench.runtime.device import resolve_hardware


@pytest.fixture
def params() -> Params:
    return small_params()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_data(tmp_path_factory.mktemp("data"))


class TestDriver:
    def test_compares_what_was_trained(self, params: Params, data: Path, tmp_path: Path) -> None:
        found = run_protocol(params, data, tmp_path / "out", tmp_path / "store")
        assert found.variants == tuple(params.variants) and found.seeds == params.seeds
        assert found.split == "test" and found.images == len(load_split(data, "test"))
        assert len(trained(tmp_path / "store")) == 4 * 2 == len(times(tmp_path / "out/runs"))

    def test_nothing_is_trained_twice_and_a_change_trains_its_own_alone(
        self, params: Params, data: Path, tmp_path: Path
    ) -> None:
        out, store = tmp_path / "out", tmp_path / "store"
        run_protocol(params, data, out, store)
        before = trained(store)
        run_protocol(params.model_copy(update={"seeds": (128, 129, 130)}), data, out, store)
        after = trained(store)
        assert before.items() <= after.items() and len(after) == len(before) + 4
        changed = params.with_resolved({"l2": Variant(recipe="plain", l2=0.1)})
        run_protocol(changed, data, out, store)
        last = trained(store)
        assert after.items() <= last.items() and len(last) == len(after) + 2
        assert len(times(out / "runs")) == 4 * 2, "of the last protocol alone"

    def test_variants_of_one_record_are_trained_once(self, params: Params, data: Path, tmp_path: Path) -> None:
        twins = params.model_copy(update={"variants": {"baseline": Variant(recipe="plain"), "twin": COCKTAIL}})
        twins = twins.with_resolved({"again": COCKTAIL, "baseline": Variant(recipe="plain")})
        found = run_protocol(twins, data, tmp_path / "out", tmp_path / "store")
        assert len(trained(tmp_path / "store")) == 2 * 2
        assert (found.scores["twin"] == found.scores["again"]).all()

    def test_the_pipeline_and_protocols_train_nothing_that_the_other_has_trained(
        self, params: Params, data: Path, tmp_path: Path
    ) -> None:
        out, store = tmp_path / "out", tmp_path / "store"
        run_pipeline(params, data, tmp_path / "pipeline", store)
        known = trained(store)
        assert len(known) == 4 * 2
        more = {**params.variants, "other": Variant(recipe="affine", dropout=0.5)}
        run_protocol(params.model_copy(update={"variants": more}), data, out, store)
        both = trained(store)
        assert known.items() <= both.items() and len(both) == len(known) + 2
        # The other way round: what the protocol trained is there for the pipeline, under any name.
        renamed = params.model_copy(update={"variants": {"renamed": more["other"]}})
        run_pipeline(renamed, data, tmp_path / "pipeline", store)
        assert trained(store) == both
        network = "runs/{}/seed-128/model.safetensors"
        expected = (out / network.format("other")).read_bytes()
        assert (tmp_path / "pipeline" / network.format("renamed")).read_bytes() == expected

    def test_all_that_decides_the_bits_trains_again(self, params: Params, data: Path, tmp_path: Path) -> None:
        same = digest(params, data)
        update = params.model_copy(update={"seeds": (1,), "compute": params.compute.model_copy(update={"workers": 1})})
        assert digest(update, data) == same
        other = [
            params.model_copy(update={"augment": params.augment.model_copy(update={"seed": 7})}),
            params.model_copy(update={"model": Model(hidden=(9,))}),
            params.model_copy(update={"train": params.train.model_copy(update={"epochs": 3})}),
            params.model_copy(update={"recipes": {**params.recipes, "affine": Recipe(rotate=11)}}),
            params.model_copy(update={"compute": params.compute.model_copy(update={"precision": "bfloat16"})}),
            params.with_resolved({"cocktail": COCKTAIL.model_copy(update={"l2": 0.5})}),
        ]
        found = {digest(changed, data) for changed in other}
        assert len(found) == len(other) and same not in found
        shutil.copytree(data, tmp_path / "data")
        index = pd.read_csv(data / "train/index.csv", dtype=str)
        index.iloc[1:].to_csv(tmp_path / "data/train/index.csv", index=False)
        assert digest(params, tmp_path / "data") != same

    @pytest.mark.slow
    def test_killed_half_way_it_goes_on_to_the_same_bytes(self, params: Params, data: Path, tmp_path: Path) -> None:
        whole, killed, store = tmp_path / "whole", tmp_path / "killed", tmp_path / "store"
        params = params.model_copy(update={"seeds": tuple(range(128, 133))})
        run_protocol(params, data, whole, tmp_path / "other store")
        one = params.model_copy(update={"compute": params.compute.model_copy(update={"workers": 1})})
        process = multiprocessing.get_context("spawn").Process(target=run_protocol, args=(one, data, killed, store))
        process.start()
        deadline = time.monotonic() + 120
        while len(trained(store)) < 3 and time.monotonic() < deadline:
            time.sleep(0.002)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        done = trained(store)
        assert 3 <= len(done) < 4 * 5
        run_protocol(params, data, killed, store)
        assert done.items() <= trained(store).items()
        assert files(killed) == files(whole)

    def test_test_images_are_opened_by_evaluate_alone(self, params: Params, data: Path, tmp_path: Path) -> None:
        shutil.copytree(data, tmp_path / "data")
        for path in (tmp_path / "data/test" / name for name in ("images.npy", "index.csv")):
            path.write_text("locked")
        with pytest.raises(IntegrityError, match=r"test: unreadable"):
            run_protocol(params, tmp_path / "data", tmp_path / "out", tmp_path / "store")
        assert len(trained(tmp_path / "store")) == 4 * 2

    def test_refuses_a_folder_that_was_not_ingested(self, params: Params, tmp_path: Path) -> None:
        with pytest.raises(IntegrityError, match="run the stage ingest"):
            run_protocol(params, tmp_path / "nothing", tmp_path / "out", tmp_path / "store")


def run_pipeline(params: Params, data: Path, folder: Path, store: Path) -> None:
    """Do what the stages `augment` and `train` do."""
    with open_engine(params.compute, store) as engine:
        write_augmentations(engine, params.recipes, params.augment, data, folder / "augmented")
        places = (folder / name for name in ("augmented", "runs", "timings", "live"))
        train_variants(engine, params, data, *places)


def digest(params: Params, data: Path) -> str:
    """Return the name of the trainings of `cocktail` in the store."""
    augmentation = augmentation_digest(params.recipe("cocktail"), params.augment, data)
    hardware = resolve_hardware(params.compute, Path("no file is needed"))
    return training_spec(params, "cocktail", hardware, data_digest(data), augmentation).digest


class TestRanges:
    @pytest.fixture
    def searched(self, params: Params) -> Params:
        record = SearchableVariant(recipe="plain", dropout=Range(low=0.1, high=0.5))
        return params.model_copy(update={"variants": {**params.variants, "tuned_dropout": record}})

    def test_take_the_value_that_tune_chose(self, searched: Params, tmp_path: Path) -> None:
        write_tuned(tmp_path / "tuned_dropout.json", Variant(recipe="plain", dropout=0.3))
        assert resolve_variants(searched, ["tuned_dropout"], tmp_path).strengths("tuned_dropout").dropout == 0.3
        assert select_variants(searched, [], tmp_path)[1] == []

    def test_without_one_are_refused_by_name_and_left_out_of_all(self, searched: Params, tmp_path: Path) -> None:
        with pytest.raises(IntegrityError, match=r"tuned_dropout.json: cannot be read: .*run `dvc repro`"):
            resolve_variants(searched, ["tuned_dropout"], tmp_path)
        chosen, left_out = select_variants(searched, [], tmp_path)
        assert left_out == ["tuned_dropout"] and set(chosen.variants) == set(searched.variants) - {"tuned_dropout"}

    def test_a_named_variant_brings_the_baseline_and_an_unknown_one_is_refused(
        self, params: Params, tmp_path: Path
    ) -> None:
        assert list(select_variants(params, ["l2"], tmp_path)[0].variants) == ["baseline", "l2"]
        with pytest.raises(InputError, match=r"variant = coctail: must be one in params.yaml: did you mean 'cocktail'"):
            select_variants(params, ["coctail"], tmp_path)
