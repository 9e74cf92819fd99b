"""The seam between turnout and the wire: one method, `Transport.send`.

Everything above talks to these four names; the HTTP client, a mock and the recorder are behind them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from turnout.errors import TimeoutKind  # noqa: TC004 # an annotation, in quotes by the future import


class Headers(dict[str, str]):
    """HTTP headers, names in lower case; look-up ignores case. Repeated headers are joined with ``", "``.

    `repr` shows names only: a value may be a secret.
    """

    __slots__ = ()

    def __init__(self, items: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        super().__init__()
        self.update(items)

    def update(self, items: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:  # type: ignore[override]
        """Set every one of `items`, whatever the case of its name."""
        for name, value in dict(items).items():
            self[name] = value

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __setitem__(self, name: str, value: str) -> None:
        super().__setitem__(name.lower(), value)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        """Return the value of the header `name`, whatever its case; `default` where there is none."""
        return super().get(name.lower(), default)

    def __repr__(self) -> str:
        return f"Headers({', '.join(self)})"


class HTTPRequest(Struct, frozen=True, kw_only=True):
    """One HTTP request, ready to send. `url` is absolute (http or https); the body is complete.

    `connect_s` limits name look-up, TCP, proxy and TLS together; `response_s` the wait from the moment the request
    is sent until the head of the answer is there, and `response_kind` names that clock in the error. `None` is no
    limit.
    """

    method: str
    url: str
    headers: dict[str, str]
    body: bytes = b""
    connect_s: float | None = 10.0
    response_s: float | None = 120.0
    response_kind: TimeoutKind = "first_chunk"

    def __repr__(self) -> str:
        return f"HTTPRequest({self.method} {self.url.partition('?')[0]}, {len(self.body)} bytes)"


class HTTPResponse(Protocol):
    """The head of an answer, and its body to be read piece by piece."""

    status: int
    headers: Headers
    queued_s: float
    """How long the request waited for a free connection, in seconds; 0 where no limit is set."""

    async def receive(self, timeout_s: float | None = None, kind: TimeoutKind = "idle") -> bytes:
        """Return the next piece of the decoded body; ``b""`` at its end (and from then on).

        Raises `APITimeoutError` of `kind` when nothing came within `timeout_s` seconds, and `APIConnectionError`
        when the connection broke before the end of the body.
        """
        ...

    async def read(self, timeout_s: float | None = None, kind: TimeoutKind = "total") -> bytes:
        """Return the rest of the body; `timeout_s` limits the whole of it. Raises as `receive`."""
        ...

    def close(self) -> None:
        """Close at once: an unread body closes its socket. Safe to repeat, and to call from any thread."""
        ...


class Transport(Protocol):
    """What carries a request to a server and an answer back."""

    async def send(self, request: HTTPRequest) -> HTTPResponse:
        """Send `request` and return when the head of the answer is there; errors statuses are answers too.

        Raises `APIConnectionError` or `APITimeoutError`. Cancelling closes the connection.
        """
        ...
