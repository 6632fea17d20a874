"""A spec holds all that decides the bits of a training, and no name."""

import json
import pickle
from dataclasses import fields, replace
from typing import Any

import pytest
from support.small_engine import CPU
from support.small_study import small_params

from regbench.config.experiment import Experiment
from regbench.config.network import Model
from regbench.config.strengths import Strengths
from regbench.config.training import Train
from regbench.config.variants import SearchableVariant, Variant
from regbench.engine.experiment_spec import training_spec
from regbench.engine.spec import TrainingSpec
from regbench.errors import InputError
from regbench.files import digest

SPEC = TrainingSpec(Model(hidden=(8, 6)), Train(epochs=2, batch_size=16), Strengths(), CPU, "d", "a", "c", "v")
OTHER: dict[str, Any] = {
    "data": "e",
    "augmentation": "b",
    "code": "d",
    "versions": "w",
    "own_code": "c",
    "weights": "s",
    "bootstrap": True,
    "boosting": 2,
    "model": Model(hidden=(6, 8)),
    "train": Train(epochs=2, batch_size=17),
    "strengths": Strengths(l2=1e-9),
    "hardware": replace(CPU, threads=2),
}


def spec_of(variant: str = "baseline", **changes: Any) -> TrainingSpec:
    experiment: Experiment = small_params().model_copy(update=changes)
    return training_spec(experiment, variant, CPU, "d", "a")


def test_every_field_of_a_spec_has_another_value_here() -> None:
    assert set(OTHER) == {field.name for field in fields(TrainingSpec)}


@pytest.mark.parametrize("name", OTHER)
def test_every_field_decides_the_digest(name: str) -> None:
    assert replace(SPEC, **{name: OTHER[name]}).digest != SPEC.digest


@pytest.mark.parametrize("change", [{"device": "cuda"}, {"precision": "bfloat16"}])
def test_device_and_precision_decide_the_digest(change: dict[str, Any]) -> None:
    assert replace(SPEC, hardware=replace(CPU, **change)).digest != SPEC.digest


@pytest.mark.parametrize("name", Strengths.model_fields)
def test_every_hyperparameter_decides_the_digest(name: str) -> None:
    values = {"batch_norm": True, "proximal": True, "patience": 3}
    changed = Strengths.model_validate({name: values.get(name, 0.125)})
    assert replace(SPEC, strengths=changed).digest != SPEC.digest


def test_a_spec_is_a_value_that_can_be_sent_anywhere() -> None:
    again = pickle.loads(pickle.dumps(SPEC))
    assert again == SPEC and hash(again) == hash(SPEC) and again.digest == SPEC.digest
    assert {SPEC: 1}[again] == 1
    assert digest(json.loads(json.dumps(SPEC.content))) == SPEC.digest, "also from a file"
    assert SPEC.run(7) == f"{SPEC.digest}/seed-7"


def test_names_of_variants_and_recipes_and_budgets_decide_nothing() -> None:
    params = small_params()
    renamed = {"other": params.variants["l2"].model_copy(update={"recipe": "same"})}
    recipes = {"same": params.recipes["plain"]}
    again = spec_of("other", variants=renamed, recipes=recipes, seeds=(1,))
    assert again == spec_of("l2") and again.digest == spec_of("l2").digest
    searched = {"v": Variant(recipe="plain", l2=1e-3).model_copy(update={"search": {"trials": 9}})}
    assert spec_of("v", variants=searched).digest == again.digest


def test_a_setting_that_a_variant_overrides_is_the_setting() -> None:
    longer = {"v": Variant(recipe="plain", train={"epochs": 3})}
    everywhere = small_params().train.model_copy(update={"epochs": 3})
    assert spec_of("v", variants=longer) == spec_of("baseline", train=everywhere) != spec_of("baseline")


def test_workers_checkpoints_and_the_size_of_the_store_decide_nothing() -> None:
    params = small_params()
    other = params.compute.model_copy(update={"workers": 7, "checkpoint_epochs": 1, "store_gigabytes": 0.5})
    assert spec_of(compute=other) == spec_of()


def test_a_variant_with_a_range_has_no_spec() -> None:
    variants = {"v": SearchableVariant.model_validate({"recipe": "plain", "l2": {"low": 0.0, "high": 1.0}})}
    with pytest.raises(InputError) as error:
        spec_of("v", variants=variants)
    assert str(error.value) == (
        "params.yaml: variants.v.l2: is a range: run the stage tune, which chooses a value, first"
    )


def test_longer_and_wider_trainings_cost_more() -> None:
    assert replace(SPEC, train=Train(epochs=3, batch_size=16)).cost > SPEC.cost
    assert replace(SPEC, model=Model(hidden=(8, 7))).cost > SPEC.cost
