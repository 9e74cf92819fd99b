"""`block_network`: no connection leaves the machine while it holds."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from turnout.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

_CONNECTING = ("connect", "connect_ex", "sendto", "sendmsg")
"""The methods of a socket that name the other side."""


_LOOK_UPS = ("gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo")
"""The functions that ask a name server without a socket of Python's."""


class NetworkBlockedError(ConfigurationError):
    """A connection to another machine was tried while `block_network` holds; the message names it."""


class _Block:
    """What is blocked in this process: how often it was asked for, the hosts let through, and what was replaced."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.depth = 0
        self.allowed: list[str] = []
        self.resolved: set[str] = set()
        self.found: dict[str, Any] = {}
        self.look_up: Any = None
        self.look_ups: dict[str, Any] = {}


@cache
def _block() -> _Block:
    return _Block()


@contextmanager
def block_network(allow: Sequence[str] = ()) -> Generator[None]:
    """Let no socket of this process reach another machine: ``with block_network(): …``, or as a decorator.

    Connections to loopback addresses, Unix sockets and the hosts in `allow` pass. Anything else, a look-up of a name
    included, raises `NetworkBlockedError`, in every thread, at the level of Python's `socket`: also for asyncio and
    other HTTP clients, but not for libraries that open sockets in C, nor for other processes. Nests; the last one to
    end restores what was there.
    """
    block = _block()
    with block.lock:
        block.depth += 1
        block.allowed.extend(allow)
        if block.depth == 1:
            _install(block)
    try:
        yield
    finally:
        with block.lock:
            block.depth -= 1
            for host in allow:
                block.allowed.remove(host)
            if block.depth == 0:
                _restore(block)


def _install(block: _Block) -> None:
    kind = socket.socket
    block.found = {name: vars(kind).get(name) for name in _CONNECTING}
    for name in _CONNECTING:
        if hasattr(kind, name):
            setattr(kind, name, _guard(block, name, getattr(kind, name)))
    block.look_up = socket.getaddrinfo
    socket.getaddrinfo = _guard_look_up(block, block.look_up)
    block.look_ups = {name: getattr(socket, name) for name in _LOOK_UPS}
    for name, look_up in block.look_ups.items():
        setattr(socket, name, _guard_name(block, look_up))


def _restore(block: _Block) -> None:
    for name, own in block.found.items():
        if own is not None:
            setattr(socket.socket, name, own)
        elif name in vars(socket.socket):
            delattr(socket.socket, name)
    socket.getaddrinfo = block.look_up
    for name, look_up in block.look_ups.items():
        setattr(socket, name, look_up)
    block.resolved.clear()


def _guard(block: _Block, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(self: socket.socket, *arguments: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            address = _address(name, arguments)
            if address is not None:
                _check(block, str(address[0]), address[1])
        return method(self, *arguments)

    return guarded


def _address(name: str, arguments: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Return the address among the arguments of a socket's method; `None` where there is none."""
    if name == "sendmsg":
        arguments = arguments[3:]
    last = arguments[-1] if arguments else None
    return last if isinstance(last, tuple) and len(last) >= 2 else None  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _guard_look_up(block: _Block, look_up: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        if host is not None:
            _check(block, host.decode("ascii", "replace") if isinstance(host, bytes) else str(host), port)
        found = look_up(host, port, *arguments, **options)
        if host in block.allowed:
            block.resolved.update(str(entry[4][0]) for entry in found)
        return found

    return guarded


def _guard_name(block: _Block, look_up: Callable[..., Any]) -> Callable[..., Any]:
    """Return an older function that asks for one host, or for an address and a port, under guard."""

    def guarded(asked: Any, *arguments: Any) -> Any:
        host, port = asked[:2] if isinstance(asked, tuple) else (asked, None)  # pyright: ignore[reportUnknownVariableType]
        _check(block, host.decode("ascii", "replace") if isinstance(host, bytes) else str(host), port)  # pyright: ignore[reportUnknownArgumentType]
        found = look_up(asked, *arguments)
        if host in block.allowed and found:
            block.resolved.update([found] if isinstance(found, str) else found[2] if len(found) > 2 else ())
        return found

    return guarded


def _check(block: _Block, host: str, port: object) -> None:
    if is_loopback(host) or host in block.allowed or host in block.resolved:
        return
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    raise NetworkBlockedError(
        f"a connection to {place} was tried while the network is blocked: let a ScriptedModel or a cassette answer,"
        f" or allow it with block_network(allow=[{host!r}])"
    )


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address, is this machine."""
    name = host.rstrip(".").lower()
    if name in {"", "localhost"} or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback or address.is_unspecified
