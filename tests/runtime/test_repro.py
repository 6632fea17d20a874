"""The pipeline as `regbench run` shows it: what DVC prints becomes a line per stage."""

from pathlib import Path

import pytest
from support.project import ROOT

from regbench.errors import InputError
from regbench.runtime.repro import read_stages, translate

STAGES = {"check": "Check params.yaml", "compare": "Tables", "track": "Log to MLflow"}


def test_every_stage_of_the_project_has_a_description() -> None:
    stages = read_stages(ROOT / "dvc.yaml")
    assert next(iter(stages)) == "check" and list(stages)[-1] == "track" and all(stages.values())


def test_without_a_pipeline_the_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"dvc\.yaml: no such file: run from the project's folder"):
        read_stages(tmp_path / "dvc.yaml")


def test_the_table_is_left_to_the_end() -> None:
    said = ["Running stage 'compare':\n", "| table |\n", "\n", "Running stage 'track':\n", "MLflow: 3 runs logged\n"]
    assert list(translate(said, STAGES)) == [
        "[2/3] compare: Tables\n",
        "[3/3] track: Log to MLflow\n",
        "MLflow: 3 runs logged\n",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "Updating lock file 'dvc.lock'\n",
        "Use `dvc push` to send your updates to remote storage.\n",
        "To track the changes with git, run:\n",
        "\tgit add dvc.lock\n",
        "> exec python -m stages.check data/stages\n",
        "\n",
    ],
)
def test_what_says_nothing_of_results_is_left_out(line: str) -> None:
    assert list(translate([line], STAGES)) == []


def test_a_stage_from_the_cache_and_an_import_are_told() -> None:
    said = [
        "Stage 'raw.dvc' didn't change, skipping\n",
        "Stage 'check' is cached - skipping run, checking out outputs\n",
    ]
    assert list(translate(said, STAGES)) == ["raw.dvc: up to date\n", "[1/3] check: restored from the cache\n"]
