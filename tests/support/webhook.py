"""A webhook on this machine that answers as it is told."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self

SECRET = "T0KEN-5up3r"


class Hook(ThreadingHTTPServer):
    """Collects what is posted; answers with the codes of `answers` in turn, the last one for ever; 0 is silence."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Post)
        self.answers = [200]
        self.posted: list[tuple[str, str, Any]] = []
        """Path, content type and content of each request."""

    @property
    def address(self) -> str:
        """Where it listens, with a secret in every part."""
        return f"http://user:{SECRET}@127.0.0.1:{self.server_port}/services/{SECRET}?key={SECRET}"

    @classmethod
    @contextmanager
    def serve(cls) -> Iterator[Self]:
        """Listen until left."""
        with cls() as server:
            Thread(target=server.serve_forever, daemon=True).start()
            try:
                yield server
            finally:
                server.shutdown()


class Post(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posted.append((self.path, self.headers["Content-Type"], json.loads(body)))
        code = self.server.answers[min(len(self.server.posted), len(self.server.answers)) - 1]
        if code == 0:
            time.sleep(2)
            return
        self.send_response(code)
        if code == 302:
            self.send_header("Location", "/elsewhere")
        if code == 503:
            self.send_header("Retry-After", "3600")
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        pass
