"""Runs MLflow's own server on this machine."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from regbench.errors import InputError, TrackingError
from regbench.tracking.store import Store

HOST = "127.0.0.1"
START_SECONDS = 120
"""How long a server may take to answer; 13 s were measured on two busy cores."""
STOP_SECONDS = 10


@contextmanager
def serve(store: Store, port: int) -> Iterator[str]:
    """Run `mlflow server` for a store and yield its address once it answers; it is stopped on leaving.

    Raises:
        InputError: another program has the port.
        TrackingError: the server ends, or does not answer within `START_SECONDS`.
    """
    _check_port(port)
    log = store.receipt.with_name("mlflow-server.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    # The address goes through the environment: on the command line, a password in it would show in `ps`.
    environment = {
        **os.environ,
        "MLFLOW_BACKEND_STORE_URI": store.address,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": os.environ.get("MLFLOW_DISABLE_TELEMETRY", "true"),
    }
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    command += ["--artifacts-destination", str(store.artifacts)]
    with log.open("wb") as output:
        # A separate session: Ctrl-C reaches only this process, and it stops the server and its workers together.
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _wait(process, f"http://{HOST}:{port}", log)
        yield f"http://{HOST}:{port}"
    finally:
        _stop(process)


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise InputError(
                f"port {port} on {HOST}: cannot be used ({error}): stop what uses it, "
                f"or choose another by `regbench ui --port 5001`"
            ) from None


def _wait(process: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise TrackingError(f"mlflow server ended with code {process.returncode}: see {log}")
        try:
            with urlopen(f"{address}/health", timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise TrackingError(f"mlflow server did not answer within {START_SECONDS} s: see {log}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    for order in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, order)
            process.wait(STOP_SECONDS)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
