"""A real Dask scheduler and workers, each a process of its own, on the hosts of `support.hosts`."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from distributed import Client
from support.hosts import Host, Network, wait_until
from support.serving import free_port


@dataclass
class Cluster:
    """A scheduler on this host, and workers on others."""

    network: Network
    folder: Path
    port: int = field(default_factory=free_port)
    processes: "dict[str, subprocess.Popen[str]]" = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Of the scheduler."""
        return f"tcp://{self.network.head}:{self.port}"

    def start_scheduler(self) -> None:
        """Start it, and return when it answers."""
        head = Host(self.network.head)
        place = ("--host", self.network.head, "--port", str(self.port), "--no-dashboard")
        self.processes["scheduler"] = head.start("distributed.cli.dask_scheduler", *place)
        for _ in wait_until("the scheduler does not answer"):
            with socket.socket() as attempt:
                if attempt.connect_ex((self.network.head, self.port)) == 0:
                    break

    def start_worker(self, name: str, host: Host, code: Path | None = None, **places: Path) -> None:
        """Start a worker of one thread, with a folder of temporary files of its own; `places` as of `Host.start`."""
        own = self.folder / name
        own.mkdir(exist_ok=True, parents=True)
        options = ("--host", host.address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--name", name)
        variables = {"TMPDIR": str(own)} | ({"PYTHONPATH": str(code)} if code else {})
        self.processes[name] = host.start("distributed.cli.dask_worker", self.address, *options, **places, **variables)

    def wait_for_workers(self, count: int) -> None:
        """Return when so many workers are there."""
        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=90)

    def kill(self, name: str) -> None:
        """Kill a process with all its threads at once."""
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes[name].wait()


@contextmanager
def dask_cluster(network: Network, folder: Path) -> Iterator[Cluster]:
    """Yield a cluster with its scheduler; everything is killed in the end."""
    cluster = Cluster(network, folder)
    try:
        cluster.start_scheduler()
        yield cluster
    finally:
        for process in cluster.processes.values():
            process.kill()
            process.wait()
