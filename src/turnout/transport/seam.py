"""The seam between turnout and the wire: one method, `Transport.send`.

Everything above talks to these four names; the HTTP client, a mock and the recorder are behind them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self, TypeAlias

    from turnout.errors import TimeoutKind  # noqa: TC004 # an annotation, in quotes by the future import

    _Items: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]


class Headers(dict[str, str]):
    """The headers of an answer: names are kept in lower case, and every way in and every look-up ignores case.

    Of a name that is given twice the last value counts, as in any dict; a header that a server repeats comes joined
    with ``", "`` (`head.build_headers`). `repr` shows names only: a value may be a secret.
    """

    __slots__ = ()

    def __init__(self, items: _Items = ()) -> None:
        super().__init__()
        self.update(items)

    def update(self, items: _Items = ()) -> None:  # type: ignore[override]
        """Set every one of `items`, whatever the case of its name."""
        for name, value in dict(items).items():
            self[name] = value

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __setitem__(self, name: str, value: str) -> None:
        super().__setitem__(name.lower(), value)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        """Return the value of the header `name`, whatever its case; `default` where there is none."""
        return super().get(name.lower(), default)

    def pop(self, name: str, *default: str | None) -> str | None:  # type: ignore[override]
        """Take out the header `name`, whatever its case. Raises `KeyError` without a default."""
        return super().pop(name.lower(), *default)

    def setdefault(self, name: str, default: str = "") -> str:
        """Return the value of the header `name`, set to `default` first where there is none."""
        return super().setdefault(name.lower(), default)

    def copy(self) -> Headers:
        """Return headers of the same names and values."""
        return Headers(self)

    def __or__(self, items: _Items) -> Headers:  # type: ignore[override]
        joined = Headers(self)
        joined.update(items)
        return joined

    def __ror__(self, items: _Items) -> Headers:  # type: ignore[override]
        return Headers(items) | self

    def __ior__(self, items: _Items) -> Self:  # type: ignore[override]
        self.update(items)
        return self

    def __repr__(self) -> str:
        return f"Headers({', '.join(self)})"


class HTTPRequest(Struct, frozen=True, kw_only=True):
    """One HTTP request, ready to send. `url` is absolute (http or https); the body is complete.

    `deadline` is the moment (`time.monotonic()`) by which the head of the answer must be there, whatever comes before
    it: the wait for a free connection, connecting, another connection in the place of a stale one, sending. The error
    is of `deadline_kind`. `connect_s` limits name look-up, TCP, proxy and TLS together, within it. `None` is no limit.
    With `address`, an IP address, the connection goes there: no name is looked up, and no proxy is used; TLS and the
    header Host name the host of `url` all the same.
    """

    method: str
    url: str
    headers: dict[str, str]
    body: bytes = b""
    connect_s: float | None = 10.0
    deadline: float | None = None
    deadline_kind: TimeoutKind = "first_chunk"
    address: str | None = None

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
        """Send `request` and return when the head of the answer is there; error statuses are answers too.

        Raises `APIConnectionError` or `APITimeoutError`. Cancelling closes the connection.
        """
        ...
