"""/metrics for Prometheus to scrape: the ledger is asked at each scrape, one after the other."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from davylamp.audit.alerts.read_metrics import read_exposition
from davylamp.errors import BadInput, Unreachable
from davylamp.ledger.session import Ledger

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PEER_SECONDS = 10.0


def metrics_server(ledger: Ledger, host: str, port: int) -> ThreadingHTTPServer:
    """A server that listens; `serve_forever` serves. Port 0: any that is free.

    A ledger that doesn't answer makes the scrape fail (503): an old figure is not a figure.
    """
    turn = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        timeout = _PEER_SECONDS

        def do_GET(self) -> None:
            if self.path.partition("?")[0] != "/metrics":
                self._answer(404, "what there is to see is at /metrics\n")
                return
            try:
                with turn:
                    said = read_exposition(ledger)
            except Unreachable as error:
                self._answer(503, f"{error}\n")
            else:
                self._answer(200, said)

        def _answer(self, status: int, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("content-type", CONTENT_TYPE)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """A line a scrape would be noise."""

    try:
        return ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise BadInput(f"--serve {port} on {host}: {error.strerror or error}") from error
