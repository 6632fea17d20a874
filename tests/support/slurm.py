"""A real Slurm on this machine, from Debian's packages, in a folder that is thrown away: one node with its own ports.

Its controller, node and key server are processes of this test alone; a Slurm that the machine may have is not touched.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.hosts import wait_until
from support.serving import free_port

PROGRAMS = ("slurmctld", "slurmd", "munged", "mungekey")
SETTINGS = """
ClusterName=regbench
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=1
CryptoType=crypto/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0
SlurmctldPort={controller}
SlurmdPort={node}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
KillWait=2
MessageTimeout=60
SlurmdTimeout=300
MinJobAge=10
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=4000
PartitionName=low Nodes={host} Default=YES MaxTime=INFINITE PriorityTier=1
PartitionName=high Nodes={host} MaxTime=INFINITE PriorityTier=2
"""


@dataclass(frozen=True)
class Slurm:
    """A running Slurm; `SLURM_CONF` names its settings."""

    folder: Path

    def start_controller(self) -> None:
        """Start the controller, and return when the node takes jobs, or has some."""
        _run("slurmctld", "-f", str(self.folder / "slurm.conf"))
        for _ in wait_until("Slurm's node takes no jobs"):
            found = subprocess.run(["sinfo", "--noheader", "--format=%t"], capture_output=True, text=True, check=False)
            if found.stdout.split() and set(found.stdout.split()) <= {"idle", "mix", "alloc"}:
                break

    def kill_controller(self) -> None:
        """Kill the controller at once; jobs go on."""
        _kill(self.folder / "slurmctld.pid", signal.SIGKILL)

    def squeue(self, columns: str) -> list[str]:
        """Return a line per job, tasks of arrays apart."""
        command = ["squeue", "--noheader", "--array", f"--format={columns}"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

    def arrays(self) -> set[str]:
        """Return the ids of all arrays that wait or run."""
        return {line.partition("_")[0] for line in self.squeue("%i") if "_" in line}


@contextmanager
def slurm() -> Iterator[Slurm]:
    """Yield a Slurm; skip where it is not installed, or this user may not run it."""
    if absent := [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]:
        pytest.skip(f"{', '.join(absent)} not installed: apt-get install slurmd slurmctld munge slurm-client")
    if os.geteuid():
        pytest.skip("only root may run Slurm's daemons as this test does")
    folder = Path(tempfile.mkdtemp(prefix="regbench-slurm-"))
    folder.chmod(0o755)
    before = os.environ.get("SLURM_CONF")
    try:
        _start_munge(folder / "munge")
        host = socket.gethostname().partition(".")[0]
        ports = {"controller": free_port(), "node": free_port()}
        (folder / "slurm.conf").write_text(SETTINGS.format(folder=folder, host=host, **ports))
        for name in ("state", "spool"):
            (folder / name).mkdir()
        os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
        found = Slurm(folder)
        _run("slurmd", "-f", str(folder / "slurm.conf"))
        found.start_controller()
        yield found
    finally:
        for name in ("slurmctld", "slurmd", "munge/munged"):
            _kill(folder / f"{name}.pid", signal.SIGKILL)
        if before is None:
            os.environ.pop("SLURM_CONF", None)
        else:
            os.environ["SLURM_CONF"] = before
        shutil.rmtree(folder, ignore_errors=True)


def _start_munge(folder: Path) -> None:
    """Start a key server of one's own; it refuses to run as root, and in folders that others may write to."""
    folder.mkdir(mode=0o755)
    owner = pwd.getpwnam("munge")
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    places = {name: str(folder / file) for name, file in (("key-file", "key"), ("log-file", "log"))}
    places |= {"pid-file": str(folder / "munged.pid"), "seed-file": str(folder / "seed")}
    user = ("runuser", "-u", "munge", "--")
    _run(*user, "mungekey", "--create", f"--keyfile={folder / 'key'}")
    _run(*user, "munged", f"--socket={folder / 'socket'}", *(f"--{name}={path}" for name, path in places.items()))


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ | {"PATH": _path()})
    assert done.returncode == 0, done.stdout + done.stderr


def _path() -> str:
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


def _kill(file: Path, number: int) -> None:
    with suppress(OSError, ValueError):
        os.kill(int(file.read_text()), number)
