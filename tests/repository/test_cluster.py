"""docs/cluster.md and deploy/cluster: the example is run, TLS is used, and validators accept every file."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dask
import pytest
from support.hosts import wait_until
from support.project import ROOT, Project, environment
from support.serving import free_port
from support.slurm import slurm
from support.validators import documents, tool

from regbench.config.cluster import Dask
from regbench.config.compute import Compute
from regbench.engine.cluster.parcel import ClusterError
from regbench.engine.run import open_engine

pytestmark = pytest.mark.slow

DEPLOY = ROOT / "deploy/cluster"
DOCS = (ROOT / "docs/cluster.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", DOCS, re.DOTALL)


@contextmanager
def shell(script: str, folder: Path, code: Path = ROOT) -> Iterator["subprocess.Popen[bytes]"]:
    """Run lines of the documentation in a shell, which writes `output`; all that it started is killed in the end."""
    command = ["bash", "-euo", "pipefail", "-c", script]
    with (folder / "output").open("w") as output:
        started = subprocess.Popen(
            command, cwd=folder, env=environment(code), stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield started
    finally:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()


def test_the_example_of_the_documentation_trains_on_two_workers(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project")
    (project.folder / ".gitignore").open("a").write("/output\n")
    example = next(block for block in BLOCKS if "dask scheduler" in block).replace("8786", str(free_port()))
    with shell(example, project.folder, project.folder) as started:
        started.wait(240)
    said = (project.folder / "output").read_text()
    assert started.returncode == 0 and "train: 6 runs needed, 0 of 6 different ones found, 6 to train" in said, said
    assert len(project.weights()) == 6


def test_tls_lets_in_who_has_the_certificate(tmp_path: Path) -> None:
    made, used = (block for block in BLOCKS if "openssl" in block or "TLS" in block)
    port = free_port()
    serve = f"""{made}
{used}
{sys.executable} -m distributed.cli.dask_scheduler --host 127.0.0.1 --protocol tls --port {port} --no-dashboard &
exec {sys.executable} -m distributed.cli.dask_worker tls://127.0.0.1:{port} --nthreads 1 --no-nanny --no-dashboard
"""
    address = f"tls://127.0.0.1:{port}"
    compute = Compute(device="auto", executor="dask", dask=Dask(address=address))
    with shell(serve, tmp_path):
        for _ in wait_until("there is no certificate"):
            if (tmp_path / "cert.pem").exists():
                break
        with pytest.raises(ClusterError, match="no scheduler answers"), open_engine(compute, tmp_path / "store"):
            pass
        files = {"ca-file": "ca.pem", "client.cert": "cert.pem", "client.key": "key.pem"}
        tls = {f"distributed.comm.tls.{key}": str(tmp_path / name) for key, name in files.items()}
        with (
            dask.config.set({**tls, "distributed.comm.require-encryption": True}),
            open_engine(compute, tmp_path / "store") as engine,
        ):
            assert engine.hardware.threads == 1


def test_kubernetes_schemas_accept_the_manifests_strictly(tmp_path: Path) -> None:
    manifest = DEPLOY / "kubernetes/dask.yaml"
    tool("kubernetes-validate", "--strict", str(manifest))
    misspelt = tmp_path / "misspelt.yaml"
    misspelt.write_text(manifest.read_text().replace("automountServiceAccountToken", "autoMountServiceAccountToken"))
    assert "autoMountServiceAccountToken" in tool("kubernetes-validate", "--strict", str(misspelt), code=1)


def test_the_manifests_agree_with_each_other_and_with_the_documentation() -> None:
    settings, service, _, scheduler, worker = documents(DEPLOY / "kubernetes/dask.yaml")
    (port,) = service["spec"]["ports"]
    containers = [each["spec"]["template"]["spec"]["containers"][0] for each in (scheduler, worker)]
    assert worker["spec"]["template"]["spec"]["containers"][0]["args"][0] == (
        f"tls://{service['metadata']['name']}:{port['port']}"
    )
    assert "--nthreads=1" in containers[1]["args"], "a worker of several threads is refused"
    written = {name for name in settings["data"] if name.startswith("DASK")}
    pattern = r"DASK_DISTRIBUTED__COMM__(?:REQUIRE_ENCRYPTION|TLS__\w+)"
    roles = ("SCHEDULER", "WORKER", "CLIENT")
    documented = {
        name.replace("${role}", role) for role in roles for name in re.findall(pattern, DOCS.replace("${role}", role))
    }
    assert written == documented
    assert not re.search(r"BEGIN|PRIVATE", (DEPLOY / "kubernetes/dask.yaml").read_text()), "no secret in a file"


def test_systemd_accepts_the_workers_unit_which_is_locked_down(tmp_path: Path) -> None:
    unit = DEPLOY / "systemd/regbench-worker.service"
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/srv/regbench/.venv/bin/dask", sys.executable))
    assert tool("systemd-analyze", "verify", "--man=no", str(copy)) == ""
    tool("systemd-analyze", "security", "--offline=true", "--threshold=20", str(unit))
    copy.write_text(copy.read_text().replace("RestartSec", "RestartSecs"))
    assert "RestartSecs" in tool("systemd-analyze", "verify", "--man=no", str(copy))


def test_sbatch_accepts_the_heads_script(tmp_path: Path) -> None:
    script = DEPLOY / "slurm/head.sbatch"
    with slurm():
        assert "to start at" in tool("sbatch", "--test-only", str(script))
        wrong = tmp_path / "wrong.sbatch"
        wrong.write_text(script.read_text().replace("--cpus-per-task=1", "--cpu-per-task=1"))
        assert "cpu-per-task" in tool("sbatch", "--test-only", str(wrong), code=255)
    tool("bash", "-n", str(script))
