"""The README: its tables are those of the kept results, its commands are run by a test or by CI, its links exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()

RUN_BY = {
    "make repro": ("tests/test_make.py", "repro"),
    "make test": (".ci/run", "make test"),
    "make ui": ("tests/test_make.py", "ui"),
    "make sync": ("tests/test_make.py", '"make", "sync"'),
    "make watch": ("tests/test_live.py", "stages.watch"),
    "make show RUN=ID": ("tests/test_make.py", '"make", "show"'),
    "make dashboard": ("tests/test_make.py", "dashboard"),
    "make article RAW=identify-the-digits.zip": ("tests/test_make.py", '"article", "RAW='),
    "make interactions VARIANT=cocktail": ("tests/test_make.py", '"interactions", "VARIANT='),
    'make sizes SIZES="500 1000 3000"': ("tests/test_make.py", '"sizes", "SIZES='),
    "make yardstick RAW=identify-the-digits.zip": ("tests/test_make.py", '"yardstick", "RAW='),
    "make retrain": ("tests/test_deploy.py", "regbench.cron"),
    "make rollback": ("tests/test_retraining.py", '"make", "rollback"'),
    "python -m stages.retrain": ("tests/retraining_project.py", "stages.retrain"),
    "make help": ("tests/test_make.py", "help"),
    "dvc exp run -S data.raw=my-images.zip -S 'data.image_size=[32,32]' -S data.channels=3": (
        "tests/test_stages.py",
        "data.channels=3",
    ),
    "dvc repro": ("tests/test_stages.py", "repro"),
    "dvc metrics show": ("tests/test_stages.py", '"metrics", "show"'),
    "dvc plots show": ("tests/test_stages.py", '"plots", "show"'),
    "dvc exp run -S variants.l2.l2=1e-3": ("tests/test_stages.py", "variants.l2.l2="),
    "dvc exp run -S search.trials=20": ("tests/test_search_stages.py", "search.trials="),
    "dvc exp diff": ("tests/test_stages.py", '"exp", "diff"'),
    "dvc exp show --only-changed": ("tests/test_stages.py", '"exp", "show"'),
    "python -m stages.export FashionMNIST fashion.zip --root downloads": ("tests/test_export.py", "stages.export"),
    "make predict RAW=my-images.zip": ("tests/test_stages.py", '"predict", "RAW='),
    "source .venv/bin/activate": (".ci/run", "make install"),
    "mlflow models serve": ("tests/test_logged_model.py", "serve"),
}


def commands() -> set[str]:
    """Return the commands in the README's shell blocks, and those in back quotes that start like one."""
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL))
    lines = [line.split("#")[0].strip() for line in blocks.splitlines()]
    inline = re.findall(r"`((?:make|dvc|python -m|source|mlflow) [^`]+)`", README)
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
