"""Studies beside the pipeline: what they train, what they never train twice, and that a kill changes nothing."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pandas as pd
import pytest
from support.small_study import COCKTAIL, files, small_data, small_params, times

from regbench.config.augmentation import Recipe
from regbench.config.network import Model
from regbench.config.params import Params
from regbench.config.ranges import Range
from regbench.config.tuned import write_tuned
from regbench.config.variants import SearchableVariant, Variant
from regbench.data.dataset import load_split
from regbench.errors import InputError, IntegrityError
from regbench.protocols.protocol import compared, identity, resolved, run_protocol


@pytest.fixture
def params() -> Params:
    return small_params()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return small_data(tmp_path)


class TestDriver:
    def test_compares_what_was_trained(self, params: Params, data: Path, tmp_path: Path) -> None:
        found = run_protocol(params, data, tmp_path / "out")
        assert found.variants == tuple(params.variants) and found.seeds == params.seeds
        assert found.split == "test" and found.images == len(load_split(data, "test"))
        assert len(times(tmp_path / "out" / "trained")) == 4 * 2

    def test_nothing_is_trained_twice_and_a_change_trains_its_own_alone(
        self, params: Params, data: Path, tmp_path: Path
    ) -> None:
        out = tmp_path / "out"
        run_protocol(params, data, out)
        before = times(out / "trained")
        run_protocol(params.model_copy(update={"seeds": (128, 129, 130)}), data, out)
        after = times(out / "trained")
        assert before.items() <= after.items() and len(after) == len(before) + 4
        changed = params.with_resolved({"l2": Variant(recipe="plain", l2=0.1)})
        run_protocol(changed, data, out)
        last = times(out / "trained")
        assert after.items() <= last.items() and len(last) == len(after) + 2

    def test_variants_of_one_record_are_trained_once(self, params: Params, data: Path, tmp_path: Path) -> None:
        twins = params.model_copy(update={"variants": {"baseline": Variant(recipe="plain"), "twin": COCKTAIL}})
        twins = twins.with_resolved({"again": COCKTAIL, "baseline": Variant(recipe="plain")})
        found = run_protocol(twins, data, tmp_path / "out")
        assert len(times(tmp_path / "out" / "trained")) == 2 * 2
        assert (found.correct["twin"] == found.correct["again"]).all()

    def test_identity_holds_all_that_decides_the_bits(self, params: Params, data: Path) -> None:
        same = identity(params, "cocktail", data)
        update = params.model_copy(update={"seeds": (1,), "compute": params.compute.model_copy(update={"workers": 1})})
        assert identity(update, "cocktail", data) == same
        other = [
            params.model_copy(update={"augment": params.augment.model_copy(update={"seed": 7})}),
            params.model_copy(update={"model": Model(hidden=(9,))}),
            params.model_copy(update={"train": params.train.model_copy(update={"epochs": 3})}),
            params.model_copy(update={"recipes": {**params.recipes, "affine": Recipe(rotate=11)}}),
            params.model_copy(update={"compute": params.compute.model_copy(update={"precision": "bfloat16"})}),
            params.with_resolved({"cocktail": COCKTAIL.model_copy(update={"l2": 0.5})}),
        ]
        found = {identity(changed, "cocktail", data) for changed in other}
        assert len(found) == len(other) and same not in found
        index = pd.read_csv(data / "train/index.csv", dtype=str)
        index.iloc[1:].to_csv(data / "train/index.csv", index=False)
        assert identity(params, "cocktail", data) != same

    def test_killed_half_way_it_goes_on_to_the_same_bytes(self, params: Params, data: Path, tmp_path: Path) -> None:
        whole, killed = tmp_path / "whole", tmp_path / "killed"
        run_protocol(params, data, whole)
        one = params.model_copy(update={"compute": params.compute.model_copy(update={"workers": 1})})
        process = multiprocessing.get_context("fork").Process(target=run_protocol, args=(one, data, killed))
        process.start()
        deadline = time.monotonic() + 60
        while len(times(killed)) < 3 and time.monotonic() < deadline:
            time.sleep(0.002)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        done = times(killed)
        assert 3 <= len(done) < 8
        run_protocol(params, data, killed)
        assert done.items() <= times(killed).items()
        assert files(killed) == files(whole)

    def test_test_images_are_opened_by_evaluate_alone(self, params: Params, data: Path, tmp_path: Path) -> None:
        for path in (data / "test" / name for name in ("images.npy", "index.csv")):
            path.write_text("locked")
        with pytest.raises(IntegrityError, match=r"test: unreadable"):
            run_protocol(params, data, tmp_path / "out")
        assert len(times(tmp_path / "out" / "trained")) == 4 * 2

    def test_refuses_a_folder_that_was_not_ingested(self, params: Params, tmp_path: Path) -> None:
        with pytest.raises(IntegrityError, match="run the stage ingest"):
            run_protocol(params, tmp_path / "nothing", tmp_path / "out")


class TestRanges:
    @pytest.fixture
    def searched(self, params: Params) -> Params:
        record = SearchableVariant(recipe="plain", dropout=Range(low=0.1, high=0.5))
        return params.model_copy(update={"variants": {**params.variants, "tuned_dropout": record}})

    def test_take_the_value_that_tune_chose(self, searched: Params, tmp_path: Path) -> None:
        write_tuned(tmp_path / "tuned_dropout.json", Variant(recipe="plain", dropout=0.3))
        assert resolved(searched, ["tuned_dropout"], tmp_path).strengths("tuned_dropout").dropout == 0.3
        assert compared(searched, [], tmp_path)[1] == []

    def test_without_one_are_refused_by_name_and_left_out_of_all(self, searched: Params, tmp_path: Path) -> None:
        with pytest.raises(IntegrityError, match=r"tuned_dropout.json: cannot be read: .*run `dvc repro`"):
            resolved(searched, ["tuned_dropout"], tmp_path)
        chosen, left_out = compared(searched, [], tmp_path)
        assert left_out == ["tuned_dropout"] and set(chosen.variants) == set(searched.variants) - {"tuned_dropout"}

    def test_a_named_variant_brings_the_baseline_and_an_unknown_one_is_refused(
        self, params: Params, tmp_path: Path
    ) -> None:
        assert list(compared(params, ["l2"], tmp_path)[0].variants) == ["baseline", "l2"]
        with pytest.raises(InputError, match=r"variant = coctail: must be one in params.yaml: did you mean 'cocktail'"):
            compared(params, ["coctail"], tmp_path)
