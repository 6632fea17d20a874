"""The README: its tables are those of the kept results, its commands are run by a test or by CI, its links exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()

RUN_BY = {
    "make repro": ("tests/repository/test_make.py", '*MAKE, "repro"'),
    "make test": (".ci/run", "make test"),
    "make ui": ("tests/repository/test_make.py", '*MAKE, "ui"'),
    "make help": ("tests/repository/test_make.py", '"make", "help"'),
    "regbench verify": ("tests/stages/test_faults.py", '*REGBENCH, "verify"'),
    "regbench doctor": ("tests/health/test_doctor.py", '*REGBENCH, "doctor"'),
    "regbench clean": ("tests/cli/test_clean.py", '["clean", *arguments]'),
    "regbench --help": ("tests/cli/test_commands.py", 'call("--help")'),
    "regbench sync": ("tests/cli/test_projects.py", '"sync"'),
    "regbench watch": ("tests/tracking/test_live_runs.py", '*REGBENCH, "watch"'),
    "regbench show RUN_ID": ("tests/cli/test_projects.py", '*REGBENCH, "show"'),
    "regbench dashboard": ("tests/cli/test_projects.py", '*REGBENCH, "dashboard"'),
    "regbench article identify-the-digits.zip": ("tests/cli/test_projects.py", '"article", "raw.zip"'),
    "regbench decide 30": ("tests/cli/test_projects.py", '"decide", "9"'),
    "regbench ablation cocktail": ("tests/cli/test_projects.py", '"ablation", "zca_affine"'),
    "regbench learning-curve 500 1000 3000": ("tests/cli/test_projects.py", '"learning-curve", "20", "40"'),
    "regbench validation-curve baseline l2 0 1e-5 1e-4 1e-3": (
        "tests/cli/test_projects.py",
        '"validation-curve", "baseline", "l2", "0", "1e-3"',
    ),
    "regbench label-noise 0 0.1 0.2 0.4": ("tests/cli/test_projects.py", '"label-noise", "0.2"'),
    "regbench strong-baseline identify-the-digits.zip": ("tests/cli/test_projects.py", '"strong-baseline", "raw.zip"'),
    "regbench retrain": ("tests/support/retraining_project.py", '*REGBENCH, "retrain"'),
    "regbench rollback": ("tests/support/retraining_project.py", '*REGBENCH, "rollback"'),
    "regbench export FashionMNIST fashion.zip --root downloads": (
        "tests/data/test_export.py",
        '"export", "FashionMNIST", "fashion.zip", "--root", "downloads"',
    ),
    "regbench predict new-images": ("tests/stages/test_stages.py", '*REGBENCH, "predict", "mine.zip"'),
    "regbench inspect pets": ("tests/repository/test_own_images.py", "regbench inspect pets"),
    "regbench export-model": ("tests/stages/test_ensembles.py", '*REGBENCH, "export-model"'),
    "regbench export": ("tests/cli/test_commands.py", '"export", "pets", "pets.zip"'),
    'eval "$(_REGBENCH_COMPLETE=bash_source regbench)"': (
        "tests/cli/test_commands.py",
        'eval "$(_REGBENCH_COMPLETE=bash_source regbench)"',
    ),
    "dvc exp run -S data.raw=pets -S 'data.image_size=[32,32]' -S data.channels=3": (
        "tests/stages/test_stages.py",
        "data.channels=3",
    ),
    "dvc repro": ("tests/stages/test_stages.py", '"dvc", "repro"'),
    "dvc metrics show": ("tests/stages/test_stages.py", '"metrics", "show"'),
    "dvc plots show": ("tests/stages/test_stages.py", '"plots", "show"'),
    "dvc exp run -S variants.l2.l2=1e-3": ("tests/stages/test_stages.py", "variants.l2.l2="),
    "dvc exp run -S search.trials=20": ("tests/search/test_tune_stage.py", "search.trials="),
    "dvc exp diff": ("tests/stages/test_stages.py", '"exp", "diff"'),
    "dvc exp show --only-changed": ("tests/stages/test_stages.py", '"exp", "show"'),
    "source .venv/bin/activate": (".ci/run", "make install"),
    "mlflow models serve": ("tests/tracking/test_logged_model.py", "serve"),
}


def commands() -> set[str]:
    """Return the commands in the README's shell blocks, and those in back quotes that start like one."""
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL))
    lines = [line.split("#")[0].strip() for line in blocks.splitlines()]
    inline = re.findall(r"`((?:make|regbench|dvc|python -m|source|eval|mlflow) [^`]+)`", README)
    return {line for line in [*lines, *inline] if line}


def test_every_command_is_run_by_a_test_or_by_ci() -> None:
    settings = {command for command in commands() if command.startswith("dvc config ")}
    assert commands() - settings == set(RUN_BY)
    for command, (file, evidence) in RUN_BY.items():
        assert evidence in (ROOT / file).read_text(), f"{file} does not run {command}"


@pytest.mark.parametrize("name", re.findall(r"<!-- results:(\S+) -->", README))
def test_tables_are_those_of_the_kept_results(name: str) -> None:
    block = re.search(rf"<!-- results:{name} -->\n(.*?)<!-- end -->", README, re.DOTALL)
    assert block is not None
    assert block[1].strip() == (ROOT / f"docs/results/{name}.md").read_text().strip()


def test_links_and_pictures_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_example_error_is_what_the_loader_says(tmp_path: Path) -> None:
    from regbench.config.checking import load_params
    from regbench.errors import InputError

    path = tmp_path / "params.yaml"
    path.write_text((ROOT / "params.yaml").read_text().replace("l2: 1e-4}", "droput: 0.1}", 1))
    with pytest.raises(InputError) as caught:
        load_params(path)
    assert str(caught.value).replace(str(path), "params.yaml") in README
