"""The real pipeline with the real DVC: what runs again after which change, and that results repeat to the byte."""

import json
import shutil
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from support.project import REGBENCH, Project
from support.raw_images import noise, write_canonical

from regbench.files import read_json


@pytest.fixture
def project(reproduced: Project, tmp_path: Path) -> Project:
    shutil.copytree(reproduced.folder, tmp_path / "copy", symlinks=True)
    return Project(tmp_path / "copy")


def test_the_stages_run_in_their_order(reproduced: Project) -> None:
    order = ["check", "sample", "ingest", "augment", "tune", "train", "evaluate", "compare", "track"]
    assert reproduced.ran(reproduced.output) == order


def test_nothing_changed_nothing_runs(reproduced: Project) -> None:
    # `track` looks whether MLflow lacks something; it runs always and writes nothing.
    assert Project.ran(reproduced.run("dvc", "repro")) == ["track"]


def test_the_lock_file_stays_short(reproduced: Project) -> None:
    """The shipped parameters have as many entries: no stage and no line of it is there once a variant."""
    assert len((reproduced.folder / "dvc.lock").read_text().splitlines()) < 320


def test_after_a_changed_hyperparameter_only_what_follows_from_it_runs(project: Project) -> None:
    project.set(**{"variants.l2.l2": 0.01})
    assert project.repro() == ["check", "tune", "train", "evaluate", "compare"]
    # Going back: DVC restores no stage whose outputs are kept while it runs, but those have nothing to compute.
    project.set(**{"variants.l2.l2": 1e-4})
    output = project.run("dvc", "repro", "compare")
    assert project.ran(output) == ["check", "tune", "train"]
    assert project.trained(output) == "6 runs needed, 6 of 6 different ones found, 0 to train"


def test_settings_of_notifications_run_nothing_but_check(project: Project) -> None:
    project.set(**{"retrain.notify.timeout": 11, "track.experiment": "other"})
    path = project.folder / "src/regbench/config/notify.py"
    path.write_text(f"{path.read_text()}\nedited = 1\n")
    assert project.repro() == ["check"]


@pytest.mark.slow
def test_two_projects_give_the_same_bytes(reproduced: Project, tmp_path: Path) -> None:
    again = Project.create(tmp_path / "project")
    again.repro("sample", "compare")
    assert again.results() == reproduced.results()


@pytest.mark.fault
@pytest.mark.slow
@pytest.mark.parametrize("name", ["my images (1).zip", "it's.zip", "a$b.zip", "a${b}.zip", 'say "ä*".zip'])
def test_raw_data_may_have_any_name(project: Project, name: str) -> None:
    def ingested() -> dict[str, bytes]:
        found = project.results().items()
        return {path: content for path, content in found if path.startswith("data/") and "/report/" not in path}

    before = ingested()
    (project.folder / "raw.zip").rename(project.folder / name)
    project.set(**{"data.raw": name})
    assert project.repro("ingest") == ["check", "ingest"]
    assert ingested() == before
    assert read_json(project.folder / "data/report/report.json")["source"] == name


@pytest.mark.fault
@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("variants.l2.droput", 0.1, "params.yaml: variants.l2.droput = 0.1: unknown key: did you mean 'dropout'?"),
        ("data.raw", "absent.zip", "params.yaml: data.raw = 'absent.zip': no such file or folder"),
    ],
)
def test_a_wrong_parameter_is_refused_and_costs_no_output(
    project: Project, key: str, value: object, message: str
) -> None:
    before = project.results()
    project.set(**{key: value})
    output = project.run("dvc", "repro", code=1)
    assert message in output and "Traceback" not in output
    assert project.ran(output) == ["check"]
    assert project.results() == before


@pytest.mark.fault
def test_a_broken_image_is_refused_and_costs_no_output(project: Project) -> None:
    before = project.results()
    with zipfile.ZipFile(project.folder / "raw.zip", "a") as archive:
        table = archive.read("Train/train.csv").decode()
    other = project.folder / "other.zip"
    with zipfile.ZipFile(project.folder / "raw.zip") as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name) if name != "Train/train.csv" else table + "absent.png,a\n")
    project.set(**{"data.raw": "other.zip"})
    output = project.run("dvc", "repro", code=1)
    assert "row 122" in output and "absent.png" in output and "Traceback" not in output
    assert project.results() == before


@pytest.mark.fault
def test_a_file_name_of_the_user_is_never_run_by_a_shell(project: Project) -> None:
    name = 'it\'s (my) "raw" $(touch PWNED);images.zip'
    (project.folder / "raw.zip").rename(project.folder / name)
    project.set(**{"data.raw": name})
    assert project.repro("ingest") == ["check", "ingest"]
    assert not list(project.folder.rglob("PWNED*"))


@pytest.mark.slow
def test_the_article_s_split_has_no_test_and_says_so(project: Project) -> None:
    project.set(**{"data.split.method": "as_listed", "data.split.validation": 0.3, "data.split.test": 0.0})
    project.repro()
    assert len(pd.read_csv(project.folder / "data/train/index.csv")) == 84
    assert json.loads((project.folder / "evaluation/split.json").read_text())["split"] == "validation"
    assert "validation" in (project.folder / "reports/comparison.md").read_text()


def test_dvc_prints_a_row_a_variant(reproduced: Project) -> None:
    lines = reproduced.run("dvc", "metrics", "show").splitlines()
    assert sum("metrics/" in line for line in lines) == 3
    assert "reports/plots" in reproduced.run("dvc", "plots", "show", "-o", "reports/plots")


@pytest.mark.slow
def test_exp_run_changes_one_parameter_from_the_command_line(project: Project) -> None:
    output = project.run("dvc", "exp", "run", "-S", "variants.l2.l2=0.02")
    assert set(project.ran(output)) == {"check", "tune", "train", "evaluate", "compare", "track"}
    assert "l2" in project.run("dvc", "exp", "diff")
    assert "variants.l2.l2" in project.run("dvc", "exp", "show", "--only-changed")


@pytest.mark.slow
def test_own_colour_images_take_the_same_path(project: Project) -> None:
    write_canonical(
        project.folder / "mine.zip", images=90, classes=("=cat", "dog"), unlabelled=7, size=(9, 12), channels=3
    )
    project.run(
        *("dvc", "exp", "run", "-S", "data.raw=mine.zip", "-S", "data.image_size=[9,12]", "-S", "data.channels=3")
    )
    architecture = json.loads((project.folder / "runs/baseline/seed-128/model.json").read_text())
    assert architecture["classes"] == ["=cat", "dog"]
    assert (architecture["channels"], architecture["height"], architecture["width"]) == (3, 9, 12)
    said = project.run(*REGBENCH, "predict", "mine.zip", "--model", "runs/baseline")
    assert "submission.csv: 7 labels by runs/baseline" in said
    assert "names that a spreadsheet would run as formulas: 1: import the files as text" in said
    labels = pd.read_csv(project.folder / "submission.csv")
    assert list(labels["filename"]) == [f"{number}.png" for number in range(90, 97)]
    assert set(labels["label"]) <= {"=cat", "dog"}
    assert list(pd.read_csv(project.folder / "submission-probabilities.csv")) == ["filename", "=cat", "dog"]


@pytest.mark.slow
def test_folders_of_unequal_classes_with_given_splits_are_compared_by_balanced_error(project: Project) -> None:
    number = 0
    for split, images in (("train", 150), ("val", 40), ("test", 44)):
        for label, share in (("common", 10), ("rare", 1)):
            for _ in range(images * share // 11):
                path = project.folder / "folders" / split / label / f"{number}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                noise(number).save(path, quality=100)
                number += 1
    weighted = {"recipe": "plain", "train": {"class_weights": "balanced"}}
    project.set(**{"data.raw": "folders", "evaluate.score": "balanced_error", "variants.weighted": weighted})
    output = project.run("dvc", "repro", "compare")
    assert "found: one folder per class, 2 classes, 232 images, splits given: train, validation, test" in output
    assert "91 % of the train images are of class 'common', 13 of 'rare': error says little" in output
    page = (project.folder / "reports/comparison.md").read_text()
    assert page.startswith("- 44 test images: only differences") and "balanced test error %" in page
    assert "(always 'common')" in page and " 50.00 |" in page
    table = pd.read_csv(project.folder / "reports/comparison.csv")
    assert (table["test_accuracy"] - table["balanced_accuracy"]).abs().max() < 1e-9


@pytest.mark.slow
def test_the_real_images_from_end_to_end(real_zip: Path, project: Project) -> None:
    """A slice of 'Identify the Digits', cut from the archive as it is: a top folder, RGBA, unlabelled images."""
    with zipfile.ZipFile(real_zip) as whole, zipfile.ZipFile(project.folder / "real.zip", "w") as part:
        for table, rows in (("Train/train.csv", 600), ("Test/Test.csv", 50)):
            member = next(name for name in whole.namelist() if name.endswith(table))
            top, folder = member.removesuffix(table), table.split("/")[0]
            lines = whole.read(member).decode().splitlines()[: rows + 1]
            part.writestr(member, "\n".join(lines) + "\n")
            for line in lines[1:]:
                image = f"{top}{folder}/Images/{folder.lower()}/{line.split(',')[0]}"
                part.writestr(image, whole.read(image))
    project.set(**{"data.raw": "real.zip", "data.image_size": [28, 28], "model.hidden": [100], "train.epochs": 5})
    project.repro()
    table = pd.read_csv(project.folder / "reports/comparison.csv").set_index("variant")
    assert table.loc["baseline", "test_accuracy"] > 0.5, "ten classes, of which guessing gets a tenth"
    splits = ("train", "validation", "test")
    assert sum(len(pd.read_csv(project.folder / "data" / name / "index.csv")) for name in splits) == 600
    assert len(pd.read_csv(project.folder / "data/unlabelled/index.csv")) == 50
