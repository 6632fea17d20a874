"""A parameter that does nothing is a defect: each one, changed, changes the object that is built from it.

`EFFECTS` gives for each leaf of params.yaml another valid value and what must differ then; a leaf without one fails.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.cluster_effects import choose_executor, share_gpu, use_dask, use_slurm
from support.parameter_effects import (
    augment,
    augment_elastic,
    choose_device,
    corrupt,
    count_workers,
    evaluate,
    ingest_images,
    ingest_overlapping,
    judge_variants,
    log_results,
    make_coloured_copies,
    make_copies,
    run_pipeline,
    run_rotated,
    save_trained,
    set_threads,
    train,
    train_convolutions,
    train_from_weights,
    train_larger,
    train_with_l1,
    whiten,
)
from support.retraining_effects import (
    check_drift,
    choose_challenger,
    decide_at_gate,
    notify_all,
    notify_people,
    publish_results,
    push_results,
    refuse_uncommitted,
    take_in_images,
    tell_outcome,
)
from support.search_effects import search_range, search_two_objectives, study_settings

from regbench.config.params import Params
from regbench.runtime.arithmetic import prepare

BASE: dict[str, Any] = {
    "data": {"image_size": (8, 8), "split": {}},
    "recipes": {"plain": {}, "r": {}},
    "augment": {"copies": 2},
    "model": {"hidden": (6, 5)},
    "train": {"epochs": 20, "batch_size": 16, "learning_rate": 0.01},
    "seeds": (1,),
    "compute": {"device": "cpu", "workers": 1},
    "variants": {"v": {"recipe": "plain"}},
    "search": {},
    "evaluate": {},
    "track": {},
    "retrain": {"gate": {"margin": 2.0}},
}
Effect = Callable[[Params, Path], Any]


EFFECTS: dict[str, tuple[Any, Effect]] = {
    "data.raw": ("other", ingest_images),
    "data.train_csv": ("few.csv", ingest_images),
    "data.train_images": ("moved/Train/Images/train", ingest_images),
    "data.test_csv": ("fewer.csv", ingest_images),
    "data.test_images": ("moved/Test/Images/test", ingest_images),
    "data.image_size": ((4, 6), ingest_images),
    "data.channels": (3, ingest_images),
    "data.classes": (("1", "0"), ingest_images),
    "data.max_rejected": (1, ingest_images),
    "data.split.method": ("as_listed", ingest_images),
    "data.layout": ("class_folders", ingest_images),
    "data.image_column": ("other_name", ingest_images),
    "data.label_column": ("other_label", ingest_images),
    "data.split_column": ("part", ingest_images),
    "data.group": ("writer", ingest_images),
    "data.resize": ("pad", ingest_images),
    "data.background": ("black", ingest_images),
    "data.split.overlap": ("train", ingest_overlapping),
    "data.split.validation": (0.3, ingest_images),
    "data.split.test": (0.4, ingest_images),
    "recipes.r.rotate": (20.0, augment),
    "recipes.r.shift": (2.0, augment),
    "recipes.r.scale": (0.3, augment),
    "recipes.r.shear": (20.0, augment),
    "recipes.r.flip_horizontal": (0.5, augment),
    "recipes.r.flip_vertical": (0.5, augment),
    "recipes.r.elastic": (20.0, augment),
    "recipes.r.elastic_sigma": (2.0, augment_elastic),
    "recipes.r.cutout": (3, augment),
    "recipes.r.brightness": (0.2, make_coloured_copies),
    "recipes.r.contrast": (0.2, make_coloured_copies),
    "recipes.r.saturation": (0.2, make_coloured_copies),
    "recipes.r.hue": (0.1, make_coloured_copies),
    "recipes.r.zca": (0.1, whiten),
    "augment.copies": (3, make_copies),
    "augment.seed": (1, make_copies),
    "model.network": ("cnn", train_larger),
    "model.hidden": ((6, 4), train),
    "model.filters": ((4, 8), train_convolutions),
    "model.convolutions": (2, train_convolutions),
    "model.weights": ("networks/other.safetensors", train_from_weights),
    "model.frozen": (True, train_from_weights),
    "train.epochs": (5, train),
    "train.batch_size": (20, train),
    "train.learning_rate": (0.02, train),
    "train.schedule": ("cosine", train),
    "train.warmup": (1.5, train),
    "train.beta1": (0.5, train),
    "train.beta2": (0.9, train),
    "train.epsilon": (0.01, train),
    "train.class_weights": ("balanced", train),
    "train.sampling": ("balanced", train),
    "train.monitor": ("validation_loss", train),
    "train.min_delta": (10.0, train),
    "train.calibration": ("temperature", save_trained),
    "seeds": ((2,), train),
    "compute.device": ("cuda", choose_device),
    "compute.threads": (2, set_threads),
    "compute.precision": ("bfloat16", train),
    "compute.workers": (3, count_workers),
    "compute.checkpoint_epochs": (2, run_pipeline),
    "compute.store_gigabytes": (0.0, run_pipeline),
    "compute.executor": ("dask", choose_executor),
    "compute.dask.address": ("tcp://10.0.0.5:8786", use_dask),
    "compute.dask.cache": ("cache", use_dask),
    "compute.dask.cache_gigabytes": (1.0, use_dask),
    "compute.slurm.partition": ("gpu", use_slurm),
    "compute.slurm.account": ("science", use_slurm),
    "compute.slurm.minutes": (5, use_slurm),
    "compute.slurm.cpus": (3, use_slurm),
    "compute.slurm.gpus": (1, use_slurm),
    "compute.slurm.array_size": (9, use_slurm),
    "compute.slurm.at_once": (2, use_slurm),
    "compute.slurm.trainings": (4, use_slurm),
    "compute.trainings_per_gpu": (4, share_gpu),
    "variants.v.recipe": ("r", run_rotated),
    "variants.v.l1": (0.01, train),
    "variants.v.l2": (0.01, train),
    "variants.v.dropout": (0.4, train),
    "variants.v.input_dropout": (0.4, train),
    "variants.v.batch_norm": (True, train),
    "variants.v.patience": (1, train),
    "variants.v.proximal": (True, train_with_l1),
    "variants.v.weight_decay": (0.1, train),
    "variants.v.max_norm": (0.5, train),
    "variants.v.label_smoothing": (0.1, train),
    "variants.v.mixup": (0.2, train),
    "variants.v.input_noise": (0.1, train),
    "variants.v.averaging": (0.9, train),
    "variants.v.model": ({"hidden": (6, 4)}, train),
    "variants.v.train": ({"learning_rate": 0.05}, train),
    "variants.v.search": ({"trials": 3}, study_settings),
    "search.trials": (11, study_settings),
    "search.per": ("parameter", study_settings),
    "search.sampler": ("random", study_settings),
    "search.pruner": ("hyperband", study_settings),
    "search.startup": (9, study_settings),
    "search.grid_points": (3, study_settings),
    "search.objective": ("validation_accuracy", study_settings),
    "search.second": ("nonzero_weights", study_settings),
    "search.seed": (1, study_settings),
    "search.zero_below": (0.05, search_two_objectives),
    "search.epochs": (3, search_range),
    "search.seeds": ((3,), search_range),
    "search.top_k": (3, search_range),
    "search.fresh_seeds": ((9,), search_range),
    "search.parallel": (5, search_range),
    "ensembles": ({"e": {"method": "bagging", "of": ("v",), "networks": 2}}, run_pipeline),
    "evaluate.confidence": (0.8, evaluate),
    "evaluate.margin": (50.0, judge_variants),
    "evaluate.score": ("balanced_error", judge_variants),
    "evaluate.calibration_bins": (3, evaluate),
    "evaluate.robustness_images": (4, corrupt),
    "retrain.model": ("other", tell_outcome),
    "retrain.challenger": ("v", choose_challenger),
    "retrain.incoming": ("incoming", take_in_images),
    "retrain.gate.rule": ("non_inferiority", decide_at_gate),
    "retrain.gate.margin": (0.1, decide_at_gate),
    "retrain.gate.confidence": (0.6, decide_at_gate),
    "retrain.gate.horizon": (365, decide_at_gate),
    "retrain.gate.class_veto": (False, decide_at_gate),
    "retrain.gate.max_megabytes": (1.0, decide_at_gate),
    "retrain.gate.max_milliseconds": (1.0, decide_at_gate),
    "retrain.gate.max_calibration_error": (0.01, decide_at_gate),
    "retrain.gate.require_commit": (False, refuse_uncommitted),
    "retrain.publish.push": (True, publish_results),
    "retrain.publish.remote": ("other", push_results),
    "retrain.drift.alpha": (0.001, check_drift),
    **{
        f"retrain.drift.{name}.{limit}": (value, check_drift)
        for name, stop in (("labels", 0.12), ("pixels", 0.25), ("confidence", 0.25), ("agreement", 0.15))
        for limit, value in (("warn", 0.299), ("stop", stop))
    },
    "retrain.notify.webhook": ("https://example.org", notify_people),
    "retrain.notify.command": (("cat",), notify_people),
    "retrain.notify.timeout": (1.0, notify_all),
    "track.experiment": ("other", log_results),
    "track.system_metrics": (True, log_results),
}


def _leaves(value: Any, prefix: str = "") -> list[str]:
    if isinstance(value, dict) and not prefix.endswith((".model.", ".train.", ".search.")):
        keys = [key for key in value if not (prefix == "recipes." and key == "plain")]
        return [leaf for key in keys for leaf in _leaves(value[key], f"{prefix}{key}.")] or [prefix[:-1]]
    return [prefix[:-1]]


def _with(dotted: str, value: Any) -> Params:
    content = Params.model_validate(BASE).model_dump()
    *parents, last = dotted.split(".")
    place = content
    for part in parents:
        place = place[part]
    place[last] = value
    if dotted == "data.split.method":
        place["test"] = 0.0
    if dotted == "data.max_rejected":
        content["data"]["train_csv"] = "bad.csv"
    return Params.model_validate(content)


def test_every_parameter_has_an_effect_to_test() -> None:
    assert set(_leaves(Params.model_validate(BASE).model_dump())) == set(EFFECTS)


@pytest.mark.parametrize("dotted", EFFECTS)
def test_another_value_changes_what_is_built(dotted: str, tmp_path: Path) -> None:
    value, effect = EFFECTS[dotted]
    base = Params.model_validate(BASE)
    if dotted == "data.max_rejected":
        base = base.model_copy(update={"data": base.data.model_copy(update={"train_csv": "bad.csv"})})
    before = effect(base, tmp_path)
    after = effect(_with(dotted, value), tmp_path)
    prepare(base.compute)  # leaves the threads as they were
    assert before != after


@pytest.mark.parametrize("effect", {id(e): e for _, e in EFFECTS.values()}.values())
def test_the_same_value_changes_nothing(effect: Effect, tmp_path: Path) -> None:
    """Otherwise the test above could not fail."""
    base = Params.model_validate(BASE)
    assert effect(base, tmp_path) == effect(base, tmp_path)
