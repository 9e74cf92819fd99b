"""A real Postgres for the tests: made in a folder of its own, reached by a Unix socket, gone at the end."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

_INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
_SEARCHED = os.pathsep.join([os.environ.get("PATH", ""), *map(str, _INSTALLED)])


def find_program(name: str) -> str | None:
    return shutil.which(name, path=_SEARCHED)


def user_prefix(folder: Path) -> list[str] | None:
    """Return what to put before a command so that it does not run as root, and give `folder` to that user."""
    if os.geteuid() != 0:
        return []
    import pwd

    for user in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(user)
        except KeyError:
            continue
        os.chown(folder, entry.pw_uid, entry.pw_gid)
        if shutil.which("setpriv"):
            return ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
        if shutil.which("runuser"):
            return ["runuser", "-u", user, "--"]
    return None


@contextmanager
def run_server() -> Iterator[str | None]:
    """Run a server and yield its URL, or `None` where there is none to run."""
    postgres, initdb = find_program("postgres"), find_program("initdb")
    folder = Path(tempfile.mkdtemp(prefix="turnout-pg-"))
    try:
        prefix = user_prefix(folder)
        if postgres is None or initdb is None or prefix is None:
            yield None
            return
        data = folder / "data"
        make = [*prefix, initdb, "-D", data, "-U", "turnout", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(make, check=True, capture_output=True, cwd=folder)
        with (folder / "log").open("wb") as log:
            options = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=60"]
            run = [*prefix, postgres, "-D", data, "-k", folder, *options]
            process = subprocess.Popen(run, stdout=log, stderr=log, cwd=folder)
        try:
            url = f"postgresql://turnout@/postgres?host={folder}"
            wait_until_ready(url, process)
            yield url
        finally:
            process.send_signal(2)  # a fast shutdown: it does not wait for its clients
            process.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
