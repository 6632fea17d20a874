"""Examples in docstrings: each is run, and what people extend or call has one."""

import doctest
import importlib
import inspect

import pytest
from support.project import ROOT

SOURCES = sorted(path for path in (ROOT / "src").rglob("*.py") if ">>>" in path.read_text())
MODULES = [".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__") for path in SOURCES]
SHOWN = (
    "regbench.augmentation.colour:jitter_colours",
    "regbench.augmentation.zca:fit_whitening",
    "regbench.config.augmentation:Recipe",
    "regbench.config.checking:load_params",
    "regbench.config.ranges:Range",
    "regbench.config.strengths:Strengths",
    "regbench.config.variants:SearchableVariant",
    "regbench.data.layouts.listing:make_rows",
    "regbench.data.layouts.recognize:read_listing",
    "regbench.data.sources:open_source",
    "regbench.data.splits:assign_splits",
    "regbench.engine.executor:Executor",
    "regbench.engine.spec:TrainingSpec",
    "regbench.networks.architecture:Architecture",
    "regbench.networks.building:structural_strengths",
    "regbench.networks.classifier:Classifier",
    "regbench.networks.combination:build_combination",
    "regbench.networks.ensemble:Ensemble",
    "regbench.networks.ensemble:load_predictor",
    "regbench.networks.kernels:output_layer",
    "regbench.networks.layers:Dropout",
    "regbench.runtime.randomness:generator",
    "regbench.statistics.comparison:compare_pairs",
    "regbench.statistics.intervals:accuracy_interval",
    "regbench.statistics.planning:seeds_needed",
    "regbench.statistics.race:plan_looks",
    "regbench.statistics.verdicts:judge",
    "regbench.training.early_stopping:BestEpoch",
    "regbench.training.regularization:penalty",
)
"""What docs/architecture.md and CONTRIBUTING.md name as places to extend, and what reads, trains and compares."""


@pytest.mark.parametrize("name", MODULES)
def test_examples_are_true(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the project's folder, where people run them."""
    monkeypatch.chdir(ROOT)
    done = doctest.testmod(importlib.import_module(name))
    assert done.attempted > 0 and done.failed == 0


@pytest.mark.parametrize("place", SHOWN)
def test_what_people_extend_or_call_has_an_example(place: str) -> None:
    module, _, name = place.partition(":")
    assert ">>> " in (inspect.getdoc(getattr(importlib.import_module(module), name)) or "")
