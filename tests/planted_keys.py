"""A watch over the whole suite: no key that a test plants comes out again, and no connection leaves the machine.

Planted are `provider.KEY` and every value that a test puts with `monkeypatch` into a variable that holds a secret by
its name. Looked at, for each test: what it printed and logged (turnout's own at every level), what its child processes
printed as far as `communicate` or a terminal reads it, every exception that a `pytest.raises` caught (its text, `repr`
and traceback, causes included), and the name and the bytes of every file that it left in its folder. What a test writes
itself, as its input, it writes to a file of `INPUTS`. Connections are those of this process: what a child process opens
is not seen here.
"""

from __future__ import annotations

import asyncio.subprocess
import logging
import os
import socket
import subprocess
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import _pytest.capture
import _pytest.raises
import pytest

from provider import KEY
from turnout.testing.network import is_loopback

SECRET_NAMES = {"KEY", "APIKEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIALS"}
PUBLIC_ENDINGS = {"ID", "URL", "URI", "FILE"}
"""Last words of variables that name a secret and hold none: AWS_ACCESS_KEY_ID, GITLAB_TOKEN_URL."""

INPUTS = (".env", ".env.*", "*.env", "*.toml", "*.py", "*.pem", "credentials", "config", "inputs-*")
"""The names of files in which a test may put a key itself."""

RESERVED = (".invalid", ".example", ".test")
"""Names that no server knows (RFC 6761): a look-up of one, or of what is no name, is answered as
a name server would answer it."""

SHORTEST = 12
"""Shorter values are words of a test, not keys: they stand in texts for other reasons."""


class LeakError(AssertionError):
    """A planted key came out where it must not be, or a connection left the machine."""


class Watch:
    """The keys planted so far by the running test, and where one was found."""

    def __init__(self) -> None:
        self.planted: set[str] = {KEY}
        self.leaks: list[str] = []

    def plant(self, name: str, value: str) -> None:
        """Take `value` as a key if the variable `name` holds one."""
        words = name.upper().split("_")
        is_secret = not SECRET_NAMES.isdisjoint(words) and words[-1] not in PUBLIC_ENDINGS and len(value) >= SHORTEST
        if is_secret and not value.startswith(("/", "http://", "https://", "{")):  # a file, a place, a document
            self.planted.add(value)

    def look(self, place: str, text: str | bytes | None) -> None:
        """Note a leak where `text` holds a planted key."""
        if not text:
            return
        for key in self.planted:
            if (key.encode() if isinstance(text, bytes) else key) in text:  # pyright: ignore[reportOperatorIssue]
                self.leaks.append(f"{place}: …{self._around(text, key)}…")

    def tell(self) -> str:
        """Return the leaks, one a line."""
        return "\n".join(["what must not be seen outside came out:", *dict.fromkeys(self.leaks)])

    def look_at_files(self, folder: Path) -> None:
        """Note every file below `folder` that holds a planted key, inputs excepted, or has one for its name."""
        for path in folder.rglob("*"):
            self.look("the name of a file", path.name)
            if path.is_file() and not path.is_symlink() and not any(path.match(form) for form in INPUTS):
                self.look(f"the file {path.name}", path.read_bytes())

    @staticmethod
    def _around(text: str | bytes, key: str) -> str:
        plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        found = plain.find(key)
        return plain[max(0, found - 60) : found + len(key) + 20].replace("\n", "⏎")


WATCH = Watch()


def _refuse_others(host: str, *, is_name: bool) -> None:
    """Refuse what would leave the machine: a connection, or asking a name server."""
    if not is_loopback(host) and not (is_name and _is_address(host)):
        WATCH.leaks.append(f"a connection to another machine: {host}")
        raise ConnectionRefusedError(f"the tests reach no other machine: {host}")


def _is_address(host: str) -> bool:
    """Whether `host` is an address as the system reads one, which no name server is asked for."""
    try:
        return ":" in host or bool(socket.inet_aton(host))
    except OSError:
        return False


class _LogWatch(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        WATCH.look(f"the log of {record.name}", self.format(record))


def look_at_error(error: BaseException) -> None:
    """Look for planted keys in the text, the `repr` and the traceback of `error`, its causes included."""
    WATCH.look(f"a {type(error).__name__}", f"{error} {error!r} {error.args!r}")
    WATCH.look(f"the traceback of a {type(error).__name__}", "".join(traceback.format_exception(error)))
    WATCH.look(f"the body of a {type(error).__name__}", getattr(error, "body", None))


@contextmanager
def watching() -> Iterator[None]:
    """Wrap what output passes through: captured streams, child processes, logs, caught exceptions, sockets."""
    with pytest.MonkeyPatch.context() as patch:
        read, communicate = _pytest.capture.CaptureFixture.readouterr, subprocess.Popen.communicate
        leave, plant = _pytest.raises.RaisesExc.__exit__, pytest.MonkeyPatch.setitem
        communicate_later = asyncio.subprocess.Process.communicate

        def readouterr(self: Any) -> Any:
            captured = read(self)
            WATCH.look("stdout", captured.out)
            WATCH.look("stderr", captured.err)
            return captured

        def communicate_watched(self: Any, *arguments: Any, **options: Any) -> Any:
            printed = communicate(self, *arguments, **options)
            for text in printed:
                WATCH.look("the output of a child process", text)
            return printed

        async def communicate_later_watched(self: Any, *arguments: Any, **options: Any) -> Any:
            printed = await communicate_later(self, *arguments, **options)
            for text in printed:
                WATCH.look("the output of a child process", text)
            return printed

        def exit_watched(self: Any, kind: Any, error: Any, trace: Any) -> Any:
            if error is not None:
                look_at_error(error)
            return leave(self, kind, error, trace)

        def setitem(self: Any, mapping: Any, name: Any, value: Any) -> None:
            if mapping is os.environ:  # `setenv` comes here too
                WATCH.plant(name, value)
            plant(self, mapping, name, value)

        patch.setattr(_pytest.capture.CaptureFixture, "readouterr", readouterr)
        patch.setattr(subprocess.Popen, "communicate", communicate_watched)
        patch.setattr(_pytest.raises.RaisesExc, "__exit__", exit_watched)
        patch.setattr(asyncio.subprocess.Process, "communicate", communicate_later_watched)
        patch.setattr(pytest.MonkeyPatch, "setitem", setitem)
        _stay_here(patch)
        handler = _LogWatch(logging.DEBUG)
        logging.getLogger().addHandler(handler)
        logging.getLogger("turnout").setLevel(logging.DEBUG)
        try:
            yield
        finally:
            logging.getLogger().removeHandler(handler)
            logging.getLogger("turnout").setLevel(logging.NOTSET)


def _stay_here(patch: pytest.MonkeyPatch) -> None:
    """Refuse each socket of this process, TCP or UDP, the way to another machine."""
    for name in ("connect", "connect_ex", "sendto"):
        patch.setattr(socket.socket, name, _keep_here(getattr(socket.socket, name)))
    look_up = socket.getaddrinfo

    def look_up_here(host: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host or "localhost"
        if name.endswith(RESERVED) or ".." in name or len(name) > 253:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        _refuse_others(name, is_name=True)
        return look_up(host, *arguments, **options)

    patch.setattr(socket, "getaddrinfo", look_up_here)


def _keep_here(reach: Callable[..., Any]) -> Callable[..., Any]:
    def reach_here(self: socket.socket, *arguments: Any) -> Any:
        if self.family in {socket.AF_INET, socket.AF_INET6}:
            _refuse_others(arguments[-1][0], is_name=False)  # the address comes last
        return reach(self, *arguments)

    return reach_here


@contextmanager
def judging(folder: Path) -> Iterator[None]:
    """Fail a test that let a planted key out."""
    WATCH.planted, WATCH.leaks = {KEY}, []
    yield
    WATCH.look_at_files(folder)
    if WATCH.leaks:
        raise LeakError(WATCH.tell())
