"""`regbench` as people call it: help, completion, errors in one line, and exit codes."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.layouts import class_folders
from support.project import REGBENCH, ROOT, environment

from regbench.cli.main import COMMANDS, regbench
from regbench.errors import BusyError, DivergedError, InputError, IntegrityError, RejectedDataError, TrackingError

HEAVY = ("torch", "mlflow", "pandas", "optuna", "matplotlib", "numpy")


def call(*arguments: str) -> Result:
    return CliRunner().invoke(regbench, arguments, prog_name="regbench")


def in_folder(folder: Path, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    variables = environment(ROOT) | more
    return subprocess.run(
        [*REGBENCH, *arguments], cwd=folder, env=variables, capture_output=True, text=True, timeout=60
    )


def test_help_lists_every_command_with_a_whole_sentence() -> None:
    printed = call("--help").stdout
    listed = printed.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in listed] == list(COMMANDS)
    assert [line for line in listed if not line.endswith(".") or line.endswith("...")] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_page(name: str) -> None:
    found = call(name, "--help")
    assert (found.exit_code, found.stdout.splitlines()[0].split("[OPTIONS]")[0]) == (0, f"Usage: regbench {name} ")


@pytest.mark.parametrize("arguments", [["--help"], ["retrain", "--help"], ["sync", "--unknown"]])
def test_help_and_usage_errors_import_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom regbench.cli.main import main\n"
        f"sys.argv = ['regbench', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('imported:', *[name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(ROOT), capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "imported:"


def test_a_wrong_command_or_option_is_a_usage_error() -> None:
    found = call("learning-curv")
    assert (found.exit_code, found.stderr.splitlines()[-1]) == (
        2,
        "Error: No such command 'learning-curv'. Did you mean 'learning-curve'?",
    )
    found = call("ui", "--prot", "1")
    assert (found.exit_code, found.stderr.splitlines()[-1]) == (
        2,
        "Error: No such option '--prot'. Did you mean '--port'?",
    )
    found = call("article")
    assert (found.exit_code, found.stderr.splitlines()[-1]) == (2, "Error: Missing argument 'RAW'.")


@pytest.mark.fault
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError, 2),
        (DivergedError, 3),
        (TrackingError, 4),
        (IntegrityError, 6),
        (RejectedDataError, 65),
        (BusyError, 75),
    ],
)
def test_a_failure_is_one_line_and_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception], code: int
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error("what, why, and the cure")

    monkeypatch.setattr("regbench.tracking.project_sync.sync_project", fail)
    found = call("sync")
    assert (found.exit_code, found.stdout, found.stderr) == (code, "", "what, why, and the cure\n")


@pytest.mark.fault
def test_an_interrupt_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("regbench.tracking.project_sync.sync_project", interrupt)
    found = call("sync")
    assert (found.exit_code, found.stderr) == (130, "interrupted\n")


@pytest.mark.fault
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("article", "raw.zip"), 2, "params.yaml: no such file"),
        (("dashboard",), 2, ".regbench/studies.journal: no such file: give a variant a range and run `dvc repro tune`"),
        (("ui",), 4, "mlflow.db: holds no results of this project: run `regbench sync` first"),
    ],
)
def test_a_folder_that_is_no_project_is_one_line(
    tmp_path: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = in_folder(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    (line,) = done.stderr.splitlines()
    assert message in line


@pytest.mark.fault
def test_the_code_of_another_checkout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "src/regbench").mkdir(parents=True)
    done = in_folder(tmp_path, "sync")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"regbench is imported from {ROOT}/src/regbench, not from {tmp_path}/src/regbench: run `make install` in this "
        "folder, which points the environment to it, or set PYTHONPATH=src\n"
    )


def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    program = tmp_path / "regbench"
    program.write_text(f'#!/bin/sh\nexec {" ".join(REGBENCH)} "$@"\n')
    program.chmod(0o755)
    script = """
        eval "$(_REGBENCH_COMPLETE=bash_source regbench)"
        complete -p regbench
        complete_line() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _regbench_completion regbench; }
        complete_line regbench lea; echo "${COMPREPLY[@]}"
        complete_line regbench retrain --f; echo "${COMPREPLY[@]}"
    """
    variables = environment(ROOT)
    variables["PATH"] = f"{tmp_path}:{variables['PATH']}"
    done = subprocess.run([bash, "-c", script], env=variables, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == [
        "complete -o nosort -F _regbench_completion regbench",
        "learning-curve",
        "--force",
    ]


def test_export_writes_the_canonical_layout_of_any_images(tmp_path: Path) -> None:
    class_folders(tmp_path / "pets")
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    done = in_folder(tmp_path, "export", "pets", "pets.zip")
    assert (done.returncode, done.stdout) == (0, "pets.zip: 300 labelled and 0 unlabelled images\n")
    with zipfile.ZipFile(tmp_path / "pets.zip") as archive:
        assert archive.read("Train/train.csv").decode().splitlines()[1] == "ant/000.png,ant"
    unknown = in_folder(tmp_path, "export", "pets", "pets.zip", "--root", ".")
    assert unknown.returncode == 2
    assert "'pets' is none of torchvision's sets: MNIST, FashionMNIST" in unknown.stderr
    absent = in_folder(tmp_path, "export", "nowhere", "out.zip")
    assert absent.returncode == 2 and "no such folder or archive" in absent.stderr
