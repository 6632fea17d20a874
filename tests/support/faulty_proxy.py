"""A reverse proxy on loopback that misbehaves on demand, as networks and servers do."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

Fault = Literal["ok", "500", "reset", "lost", "slow"]


class FaultyProxy(ThreadingHTTPServer):
    """Passes requests to `target`; those whose path holds `where` suffer `fault`, `times` times."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = urlsplit(target)
        self.lock = threading.Lock()
        self.requests = 0
        self.set("ok")

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def set(self, fault: Fault, where: str = "", times: float = float("inf")) -> None:
        self.fault, self.where, self.left = fault, where, times

    def next_fault(self, path: str) -> Fault:
        with self.lock:
            self.requests += 1
            if self.where not in path or self.left <= 0:
                return "ok"
            self.left -= 1
            return self.fault


class _Handler(BaseHTTPRequestHandler):
    server: FaultyProxy

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.server.next_fault(self.path)
        if fault == "500":
            self.send_error(500)
            return
        if fault == "slow":
            time.sleep(5)
        if fault in ("reset", "slow"):
            self.close_connection = True
            return
        connection = HTTPConnection(str(self.server.target.hostname), self.server.target.port or 80, timeout=60)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection", "accept-encoding")}
        connection.request(self.command, self.path, body, headers)
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        if fault == "lost":
            # The server has done the work, but nobody hears of it.
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def faulty_proxy(target: str) -> Iterator[FaultyProxy]:
    proxy = FaultyProxy(target)
    threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
