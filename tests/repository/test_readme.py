"""README and docs: short, plain, with tables of the kept results, commands that tests run, and links that exist."""

import doctest
import re
from pathlib import Path

import pytest
from support import prose
from support.prose import sentences

from regbench.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = ["README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))]
FURTHER = ["deploy/README.md", "benchmarks/README.md", "CONTRIBUTING.md"]
"""Pages beside the docs, whose commands no test has to run."""
LONGEST = 30
"""Words of a sentence."""
RESULTS = re.compile(r"<!-- results:(\S+) -->\n(.*?)<!-- end -->", re.DOTALL)

PIXELS = (
    "python -c 'import json, numpy, PIL.Image; "
    """print(json.dumps({"inputs": numpy.asarray(PIL.Image.open("digit.png").convert("L")).tolist()}))' > image.json"""
)

RUN_BY = {
    "make repro": ("tests/repository/test_make.py", '*MAKE, "repro"'),
    "make test": (".ci/run", "make test"),
    "make ui": ("tests/repository/test_make.py", '*MAKE, "ui"'),
    "make install": (".ci/run", "make install"),
    "make check": (".ci/run", "make check"),
    "regbench run": ("Makefile", "@python -m regbench run"),
    "regbench diff": ("tests/repository/test_make.py", '*REGBENCH, "diff"'),
    "regbench diff HEAD~1": ("tests/repository/test_make.py", '*REGBENCH, "diff", "HEAD"'),
    "regbench run train": ("tests/repository/test_make.py", '*REGBENCH, "run", "train"'),
    "regbench verify": ("tests/stages/test_faults.py", '*REGBENCH, "verify"'),
    "regbench doctor": ("tests/health/test_doctor.py", '*REGBENCH, "doctor"'),
    "regbench clean": ("tests/cli/test_clean.py", '["clean", *arguments]'),
    "regbench --help": ("tests/cli/test_commands.py", 'call("--help")'),
    "regbench sync": ("tests/cli/test_projects.py", '"sync"'),
    "regbench watch": ("tests/tracking/test_live_runs.py", '*REGBENCH, "watch"'),
    "regbench dashboard": ("tests/cli/test_projects.py", '*REGBENCH, "dashboard"'),
    "regbench article identify-the-digits.zip": ("tests/cli/test_projects.py", '"article", "raw.zip"'),
    "regbench decide 30": ("tests/cli/test_projects.py", '"decide", "9"'),
    "regbench ablation cocktail": ("tests/cli/test_projects.py", '"ablation", "zca_affine"'),
    "regbench learning-curve 500 1000 3000": ("tests/cli/test_projects.py", '"learning-curve", "20", "40"'),
    "regbench validation-curve baseline l2 0 1e-5 1e-4 1e-3": (
        "tests/cli/test_projects.py",
        '"validation-curve", "baseline", "l2", "0", "1e-3"',
    ),
    "regbench validation-curve baseline l2 0 1e-5 1e-4 1e-3 1e-2": (
        "tests/cli/test_projects.py",
        '"validation-curve", "baseline", "l2", "0", "1e-3"',
    ),
    "regbench validation-curve baseline width 20 50 100 500": (
        "tests/protocols/test_validation_curve.py",
        'write_validation_curve(params, "l2", "width"',
    ),
    "regbench label-noise 0 0.1 0.2 0.4 --outliers 0.2 --variant dropout --variant l2": (
        "tests/cli/test_projects.py",
        '"label-noise", "0.2", "--variant", "l2"',
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
    "regbench retrain --wait 600": ("tests/retraining/test_job.py", '"--wait", "20"'),
    "regbench rollback --reason 'It misreads sevens.'": (
        "tests/retraining/test_job.py",
        '"--reason", "It misreads sevens."',
    ),
    "regbench export-model": ("tests/stages/test_ensembles.py", '*REGBENCH, "export-model"'),
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
    'mlflow models serve -m "models:/regbench@champion" --env-manager local --port 5001': (
        "tests/tracking/test_logged_model.py",
        '"mlflow", "models", "serve"',
    ),
    PIXELS: ("tests/tracking/test_logged_model.py", '"docs/tracking.md"'),
}

WHOLE = {"docs/cluster.md": ("tests/repository/test_cluster.py", "docs/cluster.md")}
"""Pages whose shell blocks a test runs as they are."""
SHOWN = ("dvc config ", "mlflow server ", "export ", "rm ", "curl ", "pip ", "sudo ")
"""Beginnings of commands that set up a machine, a server or an old project; no test of a page runs them."""


def read(page: str) -> str:
    return (ROOT / page).read_text()


def commands(page: str) -> set[str]:
    """Return the commands in the shell blocks of a page."""
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", read(page), re.DOTALL))
    lines = [re.split(r"\s#\s", line)[0].strip() for line in blocks.splitlines() if not line.startswith("#")]
    return {line for line in lines if line and not line.startswith(SHOWN)}


def mentions(page: str) -> set[str]:
    """Return program and subcommand of what stands in back quotes and starts like a command of this project."""
    found = re.findall(r"`((?:make|regbench) [a-z][a-z-]*)", read(page))
    return set(found) if page != "docs/from-45-stages.md" else set()


@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_run_by_a_test_or_by_ci(page: str) -> None:
    if page in WHOLE:
        file, evidence = WHOLE[page]
        assert evidence in read(file)
    else:
        assert commands(page) - set(RUN_BY) == set()


def test_the_test_that_is_named_for_a_command_runs_it() -> None:
    assert set(RUN_BY) == set().union(*(commands(page) for page in PAGES if page not in WHOLE))
    for command, (file, evidence) in RUN_BY.items():
        assert evidence in read(file), f"{file} does not run {command}"


@pytest.mark.parametrize("page", [*PAGES, *FURTHER])
def test_every_command_that_is_mentioned_exists(page: str) -> None:
    targets = re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE)
    existing = {*(f"make {target}" for target in targets), *(f"regbench {command}" for command in COMMANDS)}
    assert mentions(page) - existing == set()


@pytest.mark.parametrize(("page", "name"), [(page, name) for page in PAGES for name, _ in RESULTS.findall(read(page))])
def test_tables_are_those_of_the_kept_results(page: str, name: str) -> None:
    assert dict(RESULTS.findall(read(page)))[name].strip() == read(f"docs/results/{name}.md").strip()


@pytest.mark.parametrize("page", [*PAGES, *FURTHER])
def test_links_and_pictures_exist(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", read(page)):
        if not target.startswith("https://"):
            assert ((ROOT / page).parent / target).exists(), target


def test_the_readme_is_short_and_leads_to_every_page() -> None:
    assert len(README.splitlines()) <= 150
    linked = {target for page in PAGES for target in re.findall(r"\]\((?:docs/)?([\w-]+\.md)\)", read(page))}
    assert {Path(page).name for page in PAGES[1:]} <= linked


@pytest.mark.parametrize("page", [*PAGES, *FURTHER])
def test_no_sentence_is_long(page: str) -> None:
    """What the report itself says between the markers of results is not counted: its lists name every variant."""
    long = [sentence for sentence in sentences(RESULTS.sub("", read(page))) if len(sentence.split()) > LONGEST]
    assert long == []


def test_sentences_are_found() -> None:
    assert doctest.testmod(prose).attempted > 0


@pytest.mark.parametrize("page", [*PAGES[1:], "deploy/README.md", "benchmarks/README.md"])
def test_a_page_opens_with_an_example(page: str) -> None:
    """Within its first lines, before any section but the first."""
    assert re.search(r"^```(sh|yaml|console)$", "\n".join(read(page).splitlines()[:15]), re.MULTILINE)


def test_the_example_error_is_what_the_loader_says(tmp_path: Path) -> None:
    from regbench.config.checking import load_params
    from regbench.errors import InputError

    path = tmp_path / "params.yaml"
    path.write_text((ROOT / "params.yaml").read_text().replace("l2: 1e-4}", "droput: 0.1}", 1))
    with pytest.raises(InputError) as caught:
        load_params(path)
    assert str(caught.value).replace(str(path), "params.yaml") in README
