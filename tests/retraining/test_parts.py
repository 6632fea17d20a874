"""Parts of the job on their own: who challenges, what forbids a promotion, answers, publishing, the lock."""

import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from support.gate_inputs import refusals
from support.git import git
from support.outputs import small_params

from regbench.config.compute import Compute
from regbench.config.params import Params
from regbench.config.retraining import Publish
from regbench.data.dataset import DataShape, Split
from regbench.errors import BusyError, InputError, IntegrityError
from regbench.files import write_json
from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier
from regbench.networks.model_files import save_model
from regbench.retraining.challenger import choose
from regbench.retraining.locking import only_job
from regbench.retraining.pipeline import PipelineError, publish
from regbench.retraining.predictions import ask
from regbench.runtime.git import Branch, GitError, current_branch
from regbench.tracking.provenance import Provenance

CANARY = "canary7f3a"


def with_retrain(params: Params, **settings: object) -> Params:
    return Params.model_validate({**params.model_dump(), "retrain": settings})


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    accuracies = {"baseline": (0.90, 0.97), "l2": (0.95, 0.94), "early_stopping": (0.94, 0.95)}
    for variant, pair in accuracies.items():
        for seed, accuracy in zip((128, 129), pair, strict=True):
            write_json(tmp_path / variant / f"seed-{seed}/result.json", {"validation_accuracy": accuracy})
    return tmp_path


def test_best_is_the_best_mean_and_of_it_the_best_seed(runs: Path) -> None:
    """The best single network has a worse mean; of equal means the first in params.yaml counts."""
    params = small_params(seeds=2)
    chosen = choose(params, runs)
    assert (chosen.variant, chosen.seed, chosen.validation_accuracy) == ("l2", 128, 0.95)
    assert chosen.folder == runs / "l2/seed-128"


def test_a_variant_that_is_named_challenges(runs: Path) -> None:
    chosen = choose(with_retrain(small_params(seeds=2), challenger="baseline"), runs)
    assert (chosen.variant, chosen.seed) == ("baseline", 129)


@pytest.mark.fault
@pytest.mark.parametrize("accuracy", ["NaN", "Infinity", "-Infinity", str(sys.float_info.max), "1.01", "-0.01"])
def test_a_run_whose_accuracy_is_none_never_challenges(runs: Path, accuracy: str) -> None:
    params = small_params(seeds=2)
    (runs / "l2/seed-129/result.json").write_text(f'{{"validation_accuracy": {accuracy}}}')
    assert choose(params, runs).variant == "early_stopping"
    with pytest.raises(InputError, match="no variant has validation accuracies from 0 to 1: lower"):
        choose(with_retrain(params, challenger="l2"), runs)


@pytest.mark.fault
@pytest.mark.parametrize(
    "content", ["", "{", "{}", "[]", '{"validation_accuracy": null}', '{"validation_accuracy": "x"}']
)
def test_a_result_without_an_accuracy_is_one_line(runs: Path, content: str) -> None:
    result = runs / "l2/seed-129/result.json"
    result.write_text(content)
    with pytest.raises(IntegrityError, match=r"l2/seed-129/result.json: validation_accuracy: not a number .*: run"):
        choose(small_params(seeds=2), runs)
    result.unlink()
    with pytest.raises(InputError, match=r"l2/seed-129/result.json: no such file: run `make repro` first"):
        choose(small_params(seeds=2), runs)


def test_nothing_forbids_what_is_clean(tmp_path: Path) -> None:
    assert refusals(tmp_path, small_params()) == ()


@pytest.mark.parametrize(
    ("dirty", "said"), [("true", "are not committed (src/new.py)"), ("unknown", "there is no git commit")]
)
def test_what_cannot_be_made_again_is_refused_unless_that_is_allowed(tmp_path: Path, dirty: str, said: str) -> None:
    provenance = Provenance("c", dirty, "", "l", changed=("src/new.py",) if dirty == "true" else ())
    (found,) = refusals(tmp_path, small_params(), provenance)
    assert said in found
    assert refusals(tmp_path, with_retrain(small_params(), gate={"require_commit": False}), provenance) == ()


@pytest.mark.fault
@pytest.mark.parametrize(
    ("leak", "said"),
    [
        ("challenger", "1 test images are among the challenger's training images"),
        ("champion", "The champion was trained on 1 of today's test images"),
        ("rolled back", "This very network was taken back by `regbench rollback` (yesterday)."),
    ],
)
def test_leaks_and_what_was_taken_back_are_refused(tmp_path: Path, leak: str, said: str) -> None:
    (found,) = refusals(tmp_path, small_params(), leak=leak)
    assert found.startswith(said)


@pytest.fixture
def network(tmp_path: Path) -> Classifier:
    made = Classifier(Architecture(("a", "b", "c"), 1, 4, 4, (5,)), seed=1)
    save_model(tmp_path, made)
    return made.eval()


def split(images: int = 9) -> Split:
    pixels = np.random.default_rng(0).integers(0, 256, (images, 1, 4, 4), dtype=np.uint8)
    return Split(pixels, np.zeros(images, dtype=np.int64), ("",) * images, ("",) * images)


def test_answers_are_those_of_the_network_in_the_order_of_todays_classes(network: Classifier, tmp_path: Path) -> None:
    expected = network.probabilities(torch.from_numpy(split().images)).numpy()
    same = ask(tmp_path, split(), DataShape(("a", "b", "c"), 1, 4, 4), Compute())
    assert np.array_equal(same.probabilities, expected)
    assert same.megabytes == (tmp_path / "model.safetensors").stat().st_size / 1e6 and 0 < same.milliseconds < 1000
    others = ask(tmp_path, split(), DataShape(("c", "a", "new"), 1, 4, 4), Compute())
    assert (others.probabilities[:, 2] == 0).all()
    known = expected[:, [2, 0]]
    assert others.probabilities[:, :2] == pytest.approx(known / known.sum(1, keepdims=True))


def test_a_network_for_other_images_is_said_to_be(network: Classifier, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"takes images of 1x4x4, and today's have 3x4x4: restore data\.image_size"):
        ask(tmp_path, split(), DataShape(("a", "b", "c"), 3, 4, 4), Compute())


@pytest.mark.fault
def test_the_lock_names_its_holder_and_is_free_afterwards(tmp_path: Path) -> None:
    import os

    with only_job(tmp_path), pytest.raises(BusyError, match=f"process {os.getpid()} since 20"), only_job(tmp_path, 0.1):
        pass
    with only_job(tmp_path):
        (tmp_path / "retrain.json").unlink()
        with pytest.raises(BusyError, match="it has just begun"), only_job(tmp_path):
            pass


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a git and DVC project with one tracked output, an uncommitted dvc.lock, and a remote beside it."""
    project = tmp_path_factory.mktemp("made") / "project"
    project.mkdir()
    (project / "dvc.yaml").write_text("stages: {make: {cmd: echo 1 > out, outs: [out]}}\n")
    for command in (
        ["git", "init", "-q"],
        ["git", "config", "user.name", "t"],
        ["git", "config", "user.email", "t@localhost"],
        ["dvc", "init", "-q"],
        ["dvc", "remote", "add", "-q", "--default", "store", "../remote"],
        ["dvc", "repro", "-q"],
        ["git", "add", ".dvc", ".dvcignore", "dvc.yaml", ".gitignore"],
        ["git", "commit", "-qm", "all"],
    ):
        subprocess.run(command, cwd=project, check=True, capture_output=True)
    return project


@pytest.fixture
def published(made: Path, tmp_path: Path) -> Path:
    """Return a copy of that project, to change."""
    shutil.copytree(made, tmp_path / "project", symlinks=True)
    return tmp_path / "project"


def test_data_are_pushed_and_then_dvc_lock_alone_is_committed(published: Path) -> None:
    (published / "other").write_text("not ours")
    git(published, "add", "other")
    assert not publish(published, Publish(), "off by default")
    assert git(published, "log", "--format=%s") == "all"
    assert publish(published, Publish(push=True), "Retrained")
    assert git(published, "log", "--format=%s", "-1") == "Retrained"
    assert git(published, "show", "--name-only", "--format=") == "dvc.lock"
    assert git(published, "status", "--porcelain") == "A  other"
    stored = [path for path in (published.parent / "remote").rglob("*") if path.is_file()]
    assert [path.read_text() for path in stored] == ["1\n"]
    assert not publish(published, Publish(push=True), "nothing to publish")


@pytest.mark.fault
def test_what_cannot_be_pushed_is_not_committed_and_is_published_later(published: Path) -> None:
    with pytest.raises(PipelineError, match="dvc push failed"):
        publish(published, Publish(push=True, remote="absent"), "Retrained")
    assert git(published, "log", "--format=%s") == "all"
    assert publish(published, Publish(push=True, remote="store"), "Retrained")
    assert git(published, "log", "--format=%s", "-1") == "Retrained"


class Forbidding(BaseHTTPRequestHandler):
    """A remote that answers 403, of which DVC prints the whole address."""

    def forbid(self) -> None:
        self.send_error(403)

    do_HEAD = do_GET = do_POST = do_PUT = forbid  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.fault
def test_what_dvc_says_of_a_remote_is_passed_on_without_its_secrets(
    published: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Forbidding) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://user:{CANARY}@127.0.0.1:{server.server_port}/store?token={CANARY}"
        subprocess.run(["dvc", "remote", "add", "-q", "secret", address], cwd=published, check=True)
        with pytest.raises(PipelineError, match="dvc push failed"):
            publish(published, Publish(push=True, remote="secret"), "Retrained")
        server.shutdown()
    said = capfd.readouterr()
    assert "403, message='Forbidden'" in said.err and "token=***" in said.err
    assert CANARY not in said.out + said.err


def test_publishing_needs_git(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="git status: fatal: not a git repository"):
        publish(tmp_path, Publish(push=True), "")


@pytest.mark.fault
@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("detached", "no branch is checked out .detached HEAD.: `git switch BRANCH`"),
        ("rebase", "a rebase is under way: finish it, or `git rebase --abort`"),
        ("merge", "a merge is under way: finish it, or `git merge --abort`"),
        ("moved", "the branch main was at .* when the job began, and now main is at .*: nothing was pushed"),
        ("switched", "the branch main was at .* when the job began, and now other is at .*: nothing was pushed"),
    ],
)
@pytest.mark.parametrize("place", ["clone", "worktree"])
def test_without_the_branch_that_it_began_on_nothing_is_pushed(
    published: Path, tmp_path: Path, state: str, said: str, place: str
) -> None:
    project = published
    git(project, "branch", "-M", "main")
    if place == "worktree":
        project = tmp_path / "worktree"
        git(published, "switch", "--quiet", "--detach")
        git(published, "worktree", "add", "--quiet", str(project), "main")
        shutil.copy2(published / "dvc.lock", project)
    begun = current_branch(project)
    assert begun == Branch("main", git(project, "rev-parse", "HEAD"))
    head = make_state(project, state)
    with pytest.raises((GitError, PipelineError), match=said):
        publish(project, Publish(push=True), "Retrained", begun)
    assert git(project, "rev-parse", "HEAD") == head
    assert not (published.parent / "remote").exists()


def make_state(project: Path, state: str) -> str:
    """Bring a repository into a state in which a job must not commit; return its commit."""
    if state == "detached":
        git(project, "switch", "--quiet", "--detach")
    elif state == "moved":
        git(project, "commit", "--quiet", "--allow-empty", "--message", "somebody else's")
    elif state == "switched":
        git(project, "switch", "--quiet", "--create", "other")
    else:
        for branch, content in (("theirs", "1"), ("ours", "2")):
            git(project, "switch", "--quiet", "--create", branch, "main")
            (project / "conflict").write_text(content)
            git(project, "add", "conflict")
            git(project, "commit", "--quiet", "--message", branch)
        with pytest.raises(subprocess.CalledProcessError):
            git(project, state, "theirs")
    return git(project, "rev-parse", "HEAD")
