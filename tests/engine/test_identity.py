"""Which edits of the code make results stale: those of what a training, a search or an evaluation loads, no others."""

import ast
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from support.small_engine import CPU
from support.small_study import small_params

from regbench.config.experiment import SearchedExperiment
from regbench.config.variants import SearchableVariant
from regbench.engine import augment, experiment_spec
from regbench.engine.experiment_spec import training_spec
from regbench.evaluation import tasks as evaluation_tasks
from regbench.runtime.code_identity import PACKAGE, code_identity, import_closure
from regbench.search import tune
from regbench.search.trainer import Trainer

Identities = Callable[[], dict[str, str]]
OUTSIDE = (
    *("cli/", "protocols/", "report/", "retraining/", "search/", "statistics/", "tracking/", "evaluation/"),
    *("engine/live.py", "engine/local.py", "engine/results.py", "engine/run.py", "engine/store.py", "engine/tasks.py"),
    *(f"config/{name}.py" for name in ("data", "drift", "evaluation", "notify", "params", "retraining", "search")),
    *("config/variants.py", "config/tracking.py", "layout.py", "runtime/machine.py", "runtime/processes.py"),
)
"""Folders and modules that decide no bit of a training."""


def closure(modules: Iterable[str]) -> set[str]:
    found: set[Path] = set()
    for module in modules:
        found |= import_closure(PACKAGE.parent.joinpath(*module.split(".")).with_suffix(".py"), [PACKAGE.parent])
    return {path.relative_to(PACKAGE).as_posix() for path in found}


TRAINING = closure([experiment_spec.CODE])
SEARCH = TRAINING | closure(tune.SEARCH_CODE)
EDIT = "\n_edited = 1\n"
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


@pytest.fixture
def identities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Identities]:
    """A copy of the package, and what a training and a study are called with the code of that copy."""
    copy = tmp_path / "regbench"
    for name in MODULES:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((PACKAGE / name).read_bytes())

    def identity_of(*modules: str) -> str:
        files = [tmp_path.joinpath(*module.split(".")).with_suffix(".py") for module in modules]
        return code_identity(files, [tmp_path], tmp_path, within=copy)

    for module in (experiment_spec, tune):
        monkeypatch.setattr(module, "identity_of", identity_of)
    params = small_params()
    ranged = SearchableVariant.model_validate({"recipe": "plain", "l2": {"low": 0.0, "high": 1.0}})
    searched = SearchedExperiment.model_validate(params.model_dump(include=set(SearchedExperiment.model_fields)))
    searched = searched.model_copy(update={"variants": {"v": ranged}})
    trainer = Trainer(searched, "v", CPU, tmp_path, "d", tmp_path, "a", tmp_path)

    def both() -> dict[str, str]:
        # Protocols take their specs from the same function as the stage train.
        return {"train": training_spec(params, "l2", CPU, "d", "a").digest, "tune": tune.plan_study(trainer).digest}

    return copy, both


def test_an_edit_of_a_loaded_module_names_trainings_and_studies_otherwise_and_no_other_edit_does(
    identities: tuple[Path, Identities],
) -> None:
    copy, current = identities
    before = current()
    for name in sorted(SEARCH):
        file, content = copy / name, (copy / name).read_text()
        file.write_text(f"{content}{EDIT}")
        changed = {what for what, digest in current().items() if digest != before[what]}
        assert changed == ({"train", "tune"} if name in TRAINING else {"tune"}), name
        file.write_text(content)
    others = [copy / name for name in MODULES if name not in SEARCH]
    for file in others:
        file.write_text(f"{file.read_text()}{EDIT}")
    assert len(others) > 100 and current() == before


def test_comments_docstrings_and_formatting_change_nothing(identities: tuple[Path, Identities]) -> None:
    copy, current = identities
    before = current()
    for name in SEARCH:
        tree = ast.parse((copy / name).read_text())
        if ast.get_docstring(tree):
            tree.body[0] = ast.Expr(ast.Constant("Reworded."))
        (copy / name).write_text(f"# comment\n{ast.unparse(tree)}\n")
    assert current() == before


def test_the_code_of_a_training_is_what_trains() -> None:
    assert not [name for name in TRAINING if name.startswith(OUTSIDE)]
    decisive = {"augmentation/reading.py", "data/dataset.py", "engine/training_run.py", "runtime/arithmetic.py"}
    decisive |= {"networks/model_files.py", "runtime/randomness.py", "training/sparsity.py", "training/step.py"}
    assert decisive <= TRAINING


def test_a_search_knows_neither_where_results_go_nor_what_is_done_with_them() -> None:
    away = ("cli/", "protocols/", "report/", "retraining/", "statistics/", "tracking/", "evaluation/", "layout.py")
    settings = tuple(f"config/{name}.py" for name in ("notify", "drift", "retraining", "tracking", "evaluation"))
    assert not [name for name in SEARCH if name.startswith((*away, *settings, "engine/store.py", "engine/run.py"))]


@pytest.mark.parametrize("entry", [augment.CODE, evaluation_tasks.CODE])
def test_neither_augmentations_nor_predictions_depend_on_the_engine(entry: str) -> None:
    assert not [name for name in closure([entry]) if name.startswith(("engine/", "config/compute.py", "search/"))]


def test_protocols_and_the_pipeline_share_the_spec() -> None:
    for module in ("protocols/protocol.py", "engine/pipeline.py", "search/trainer.py"):
        assert "from regbench.engine.experiment_spec import training_spec" in (PACKAGE / module).read_text()
