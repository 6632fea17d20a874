"""Two hosts on one machine: network namespaces behind a bridge where that is permitted, else loopback addresses."""

import itertools
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.project import environment

ROOT = Path(__file__).parents[2]
START = 90
"""Seconds that a process may take to start on a busy machine."""


@dataclass(frozen=True)
class Host:
    """Where processes have a network of their own."""

    address: str
    enter: tuple[str, ...] = ()
    """What a command starts with to run there."""
    link: str = ""
    """Interface that connects it; empty where there is none to cut."""

    def start(
        self, *module: str, hidden: Path | None = None, shown: Path | None = None, **variables: str
    ) -> "subprocess.Popen[str]":
        """Start a Python module there; it sees another folder in the place of a `hidden` one, or an empty one."""
        command = [*self.enter, sys.executable, "-m", *module]
        if hidden is not None:
            mount = f"mount --bind {shown} {hidden}" if shown else f"mount -t tmpfs tmpfs {hidden}"
            command = ["unshare", "--mount", "sh", "-ec", f'{mount}; exec "$@"', "sh", *command]
        own = environment(ROOT) | variables
        return subprocess.Popen(command, env=own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)

    def cut(self, seconds: float) -> None:
        """Take the link down for a while."""
        with self.until_restored() as down:
            down()
            time.sleep(seconds)

    @contextmanager
    def until_restored(self) -> Iterator[Callable[[], None]]:
        """Yield what takes the link down, so that connections stay open and nothing arrives; it is up at the end."""
        try:
            yield lambda: self._set("down")
        finally:
            self._set("up")

    def _set(self, state: str) -> None:
        subprocess.run(["ip", "link", "set", self.link, state], check=True)


@dataclass(frozen=True)
class Network:
    """Two hosts, and the address at which they reach this one."""

    head: str
    first: Host
    second: Host


@contextmanager
def two_hosts() -> Iterator[Network]:
    """Yield a network of two hosts; a warning says so if they are loopback addresses."""
    name, third = f"rb{os.getpid()}", os.getpid() % 250
    made = [f"link add {name} type bridge", f"addr add 10.201.{third}.1/24 dev {name}", f"link set {name} up"]
    for host in (1, 2):
        space, inner, outer = f"{name}-{host}", f"{name}i{host}", f"{name}o{host}"
        made += [
            f"netns add {space}",
            f"link add {outer} type veth peer name {inner} netns {space}",
            f"link set {outer} master {name} up",
            f"-n {space} addr add 10.201.{third}.{host + 1}/24 dev {inner}",
            f"-n {space} link set {inner} up",
            f"-n {space} link set lo up",
        ]
    try:
        if os.geteuid() or not all(_ip(command) for command in made):
            warnings.warn("no network namespaces here: the hosts are 127.0.0.1 and 127.0.0.2", stacklevel=2)
            yield Network("127.0.0.1", Host("127.0.0.1"), Host("127.0.0.2"))
        else:
            hosts = [
                Host(f"10.201.{third}.{host + 1}", ("ip", "netns", "exec", f"{name}-{host}"), f"{name}o{host}")
                for host in (1, 2)
            ]
            yield Network(f"10.201.{third}.1", *hosts)
    finally:
        for command in (f"netns del {name}-1", f"netns del {name}-2", f"link del {name}"):
            _ip(command)


def wait_until(what: str, seconds: float = START) -> Iterator[None]:
    """Yield again and again until the loop around it is left; AssertionError, which says what for, after a while."""
    end = time.monotonic() + seconds
    for _ in itertools.count():
        yield
        assert time.monotonic() < end, f"{seconds} s are over: {what}"
        time.sleep(0.05)


def _ip(command: str) -> bool:
    return subprocess.run(["ip", *command.split()], capture_output=True).returncode == 0
