"""Fixtures that several test modules share."""

import os
import zipfile
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import torch
from support.fuzzing import Tally, report_counts
from support.project import Project
from support.raw_images import write_canonical

MakeRaw = Callable[..., Path]

# Loading a model by MLflow registers a device with torch, and a first backward pass after that starts threads, so that
# no forked worker could train any more. A stage does one or the other; the tests of one process do both.
torch.ones(1, requires_grad=True).sum().backward()  # type: ignore[no-untyped-call]
# The networks here are tiny: several threads only wait for each other, ten times as long as one needs.
torch.set_num_threads(1)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Kill what a failed test left running in its folder: it would slow down the other tests and keep CI waiting."""
    report = yield
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    if report.failed and folder is not None:
        for process in psutil.process_iter(["cwd"]):
            if process.pid != os.getpid() and process.info["cwd"] and Path(process.info["cwd"]).is_relative_to(folder):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many tests made faults, how many inputs the fuzz tests tried, and what came of them."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    seed = terminalreporter.config.getoption("--hypothesis-seed")
    made = [report for report in reports if getattr(report, "when", "") == "call" and "fault" in report.keywords]
    if made:
        terminalreporter.write_line(f"faults: {len(made)} tests made one for real")
    lines = report_counts([report for report in reports if getattr(report, "when", "") == "teardown"])
    for line in lines:
        terminalreporter.write_line(f"fuzz: {line}")
    if lines and seed is not None:
        terminalreporter.write_line(f"fuzz: seed {seed}")


@pytest.fixture
def tally(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Iterator[Tally]:
    """Yield what counts the inputs of a fuzz test."""
    found = Tally(request.node.name.removeprefix("test_"))
    yield found
    record_property("fuzz", [found.name, found.read, found.refused])


@pytest.fixture
def make_raw() -> MakeRaw:
    """Return the factory of small raw data sets, `write_canonical`."""
    return write_canonical


@pytest.fixture
def add_member() -> Callable[..., None]:
    """Return a function that appends a member to a zip: `add_member(path, name_or_info, content)`."""

    def add(path: Path, member: str | zipfile.ZipInfo, content: bytes, method: int = zipfile.ZIP_STORED) -> None:
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(member, content, method)

    return add


@pytest.fixture
def real_zip() -> Path:
    """Return the real practice-problem archive, which stands beside the checkout where the developers have it."""
    path = Path(__file__).resolve().parents[2] / "shared" / "data" / "identify-the-digits.zip"
    if not path.is_file():
        pytest.skip(f"the real data set is not at {path}")
    return path


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project whose pipeline ran once; whoever changes it works on a copy."""
    project = Project.create(tmp_path_factory.mktemp("pipeline") / "project")
    project.output = project.run("dvc", "repro")
    return project


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database with MLflow's schema, `mlflow.db`, which takes seconds to make; tests copy it."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path
