"""A real PostgreSQL server on loopback, from Debian's package, in a folder that is thrown away."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.serving import free_port

USER, PASSWORD = "mlflow", "canary-database-password"


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    address: str
    """Of its database, with user and password."""
    port: int
    data: Path
    control: Path
    """PostgreSQL's program `pg_ctl`."""
    settings: str

    def do(self, *action: str) -> None:
        """Start, stop or restart it, by an action of `pg_ctl`."""
        log = self.data.with_name("log")
        _run(self.control, "-D", str(self.data), "-w", "-o", self.settings, "-l", str(log), *action)


@contextmanager
def postgresql() -> Iterator[Server]:
    """Yield a server with an empty database; skip where PostgreSQL is not installed."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip("PostgreSQL is not in /usr/lib/postgresql: apt-get install postgresql")
    folder, port = Path(tempfile.mkdtemp(prefix="regbench-postgresql-")), free_port()
    try:
        (folder / "password").write_text(PASSWORD)
        if os.getuid() == 0:  # It refuses to run as root.
            owner = pwd.getpwnam("postgres")
            for path in (folder, folder / "password"):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        data, settings = folder / "data", f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c fsync=off"
        login = ["-U", USER, "-A", "scram-sha-256", "--pwfile", str(folder / "password")]
        _run(programs[-1] / "initdb", "-D", str(data), "--no-sync", *login)
        address = f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{port}/postgres"
        server = Server(address, port, data, programs[-1] / "pg_ctl", settings)
        server.do("start")
        try:
            yield server
        finally:
            server.do("-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def _run(program: Path, *arguments: str) -> None:
    command = [str(program), *arguments]
    if os.getuid() == 0:
        command = ["runuser", "-u", "postgres", "--", *command]
    subprocess.run(command, cwd="/", check=True, stdout=subprocess.DEVNULL, timeout=60)
