"""Connections of one address that are passed on to a port of loopback, where servers for one machine listen."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer


class Forwarder(ThreadingTCPServer):
    """Passes bytes on to `target`, a port of loopback."""

    daemon_threads = True

    def __init__(self, address: str, target: int) -> None:
        super().__init__((address, 0), _Handler)
        self.target = target


class _Handler(BaseRequestHandler):
    server: Forwarder

    def handle(self) -> None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.server.target)) as target:
            back = threading.Thread(target=_pump, args=(target, self.request), daemon=True)
            back.start()
            _pump(self.request, target)
            back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Copy until one of both ends."""
    with suppress(OSError):
        while content := source.recv(65536):
            target.sendall(content)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def forwarded(address: str, target: int) -> Iterator[int]:
    """Yield the port of `address` from which connections reach `target`."""
    with Forwarder(address, target) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield int(server.server_address[1])
        server.shutdown()
