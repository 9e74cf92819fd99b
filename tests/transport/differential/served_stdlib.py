"""The same answers in HTTP/1.0, one a connection, by the standard library. Run as a program with the port."""

from __future__ import annotations

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from served_asgi import plan


class Handler(BaseHTTPRequestHandler):
    """Answers one request; what has no length ends with the connection."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        (status, headers), pieces, pause_s, has_length = plan(self.path, body, str(self.client_address[1]))
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if has_length:
            self.send_header("content-length", str(sum(map(len, pieces))))
        self.end_headers()
        for piece in pieces:
            self.wfile.write(piece)
            time.sleep(pause_s)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the names that the library looks for

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
