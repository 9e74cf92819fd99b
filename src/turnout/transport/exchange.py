"""One request and its answer in the making, and the errors that an answer can end in."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from turnout.errors import APIConnectionError, APITimeoutError, InvalidInputError, ResponseError
from turnout.transport.seam import Headers
from turnout.transport.sse import MAX_EVENT_BYTES

if TYPE_CHECKING:
    import asyncio  # noqa: TC004 # fields of a Struct, never resolved

    from turnout.errors import TimeoutKind  # noqa: TC004
    from turnout.transport.connection import Connection  # noqa: TC004

HEAD: Final = 0
PIECE: Final = 1
WHOLE: Final = 2


_NO_HEADERS = Headers()


class Limits(Struct, frozen=True, kw_only=True):
    """The bounds of one exchange in bytes: a body, a head (1xx and trailers too), an event, what waits undelivered.

    A kept connection that is lost before the answer counts as stale within `stale_s` seconds of sending: see
    `StaleConnectionError`.
    """

    body_bytes: int = 512 * 1024 * 1024
    head_bytes: int = 256 * 1024
    event_bytes: int = MAX_EVENT_BYTES
    waiting_bytes: int = 256 * 1024
    stale_s: float = 1.0

    def __post_init__(self) -> None:
        for name in ("body_bytes", "head_bytes", "event_bytes", "waiting_bytes"):
            if getattr(self, name) < 1:
                setting = name if name == "waiting_bytes" else f"max_{name}"
                raise InvalidInputError(f"{setting} must be 1 or more: leave it out for the default")


class StaleConnectionError(APIConnectionError):
    """A kept connection was closed before one byte of the answer came: the request is sent again on a fresh one.

    Only where it was lost soon after sending: a server that closes an idle connection crosses the request on its way,
    while one that breaks off later may have worked on it, so that the caller must hear of it and count the try.
    """


class Exchange(Struct, eq=False):
    """One request and its answer, as far as it has come. The connection writes to it, the response reads from it."""

    url: str
    is_head_only: bool
    connection: Connection | None  # until the answer is complete or has failed
    waiter: asyncio.Future[None] | None
    wants: int = HEAD
    status: int = 0  # until the head is there
    headers: Headers = _NO_HEADERS
    pieces: list[bytes] = []  # (msgspec makes a new one for each)
    size: int = 0  # of `pieces`
    body_limit: int | None = None  # set while the whole body is collected
    error: Exception | None = None
    is_complete: bool = False
    is_until_close: bool = False
    is_paused: bool = False

    def wake(self) -> None:
        """Let whoever waits look again."""
        waiter = self.waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def take(self) -> bytes:
        """Return everything that waits undelivered, and let the server send on."""
        pieces = self.pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.size = 0
        if self.is_paused:
            self.resume()
        return data

    def resume(self) -> None:
        """Read from the socket again after a pause."""
        self.is_paused = False
        if self.connection is not None:
            self.connection.resume_reading()

    async def wait(self, wants: int, limit_s: float | None, kind: TimeoutKind) -> None:
        """Wait for the head, the next piece or the end. Leaving early, by cancellation say, closes the connection."""
        connection = self.connection
        if connection is None:
            return
        if self.waiter is not None:
            raise RuntimeError("two tasks read one response: give each its own request")
        self.wants = wants
        self.waiter = connection.start_clock(limit_s, kind, limit_s)
        try:
            await self.waiter
        except BaseException:
            if self.connection is not None:  # else another request may be on it by now
                connection.abort()
            raise
        finally:
            self.waiter = None


class Deadline(Struct, frozen=True):
    """Until when the head of an answer must be there: `at` by `time.monotonic()`, `limit_s` as seen from `send`."""

    at: float | None
    kind: TimeoutKind
    limit_s: float | None

    @property
    def left_s(self) -> float | None:
        """The seconds that are left, never below 0; `None` without a limit."""
        return None if self.at is None else max(self.at - monotonic(), 0.0)

    def shorten(self, limit_s: float | None, kind: TimeoutKind) -> tuple[float | None, TimeoutKind]:
        """Return the seconds that one step of `kind` may take, and the limit that runs out first."""
        left_s = self.left_s
        if left_s is None or (limit_s is not None and limit_s <= left_s):
            return limit_s, kind
        return left_s, self.kind


def start_deadline(at: float | None, kind: TimeoutKind) -> Deadline:
    """Return the deadline `at` of a request that is sent now."""
    return Deadline(at, kind, None if at is None else round(max(at - monotonic(), 0.0), 3))


def describe_timeout(wants: int, server: str, kind: TimeoutKind, limit_s: float | None, url: str) -> APITimeoutError:
    """Return the error for a wait of `kind` that took longer than `limit_s` seconds."""
    missing = {HEAD: "no answer", PIECE: "nothing more", WHOLE: "no whole answer"}[wants]
    message = f"{missing} from {server} within {limit_s:g} s: raise `{kind}_s` in `timeouts=`, or check the server"
    return APITimeoutError(message, kind=kind, limit_s=limit_s, url=url)


def describe_queue(server: str, deadline: Deadline, url: str) -> APITimeoutError:
    """Return the error for a request that never got a connection."""
    cure = f"raise `max_connections_per_host`, or `{deadline.kind}_s` in `timeouts=`"
    message = f"no connection to {server} was free within {deadline.limit_s:g} s: {cure}"
    return APITimeoutError(message, kind=deadline.kind, limit_s=deadline.limit_s, url=url)


def describe_cut(
    exchange: Exchange, server: str, cause: Exception | None, *, has_begun: bool, is_stale: bool
) -> APIConnectionError:
    """Return the error for a connection that ended before the answer did; `has_begun` when any byte of it came."""
    how = "was lost" if cause is not None else "was closed by the server"
    kind = APIConnectionError
    if exchange.status:
        what = "before the end of the body: try again"
    elif has_begun:
        what = "within the head of the answer: try again"
    else:
        what = "before an answer came: check that the URL is an HTTP API, or try again"
        kind = StaleConnectionError if is_stale else APIConnectionError
    error = kind(f"the connection to {server} {how} {what}", url=exchange.url)
    error.__cause__ = cause
    return error


def describe_garbage(server: str, cause: Exception, url: str) -> APIConnectionError:
    """Return the error for an answer that the parser refuses."""
    reason = cause.__context__ or cause  # the context is what one of our callbacks has raised
    message = f"the answer of {server} is not readable as HTTP/1.1 ({reason}): check the URL and the proxy"
    error = APIConnectionError(message, url=url)
    error.__cause__ = cause
    return error


def describe_endless(server: str, limit: int, url: str) -> APIConnectionError:
    """Return the error for more than `limit` bytes of headers."""
    cure = "check the server, or raise `max_head_bytes` of the transport"
    return APIConnectionError(f"{server} sent more than {limit} bytes of headers: {cure}", url=url)


def describe_oversize(limit: int, url: str) -> ResponseError:
    """Return the error for a body of more than `limit` bytes."""
    cure = "check the server, or raise `max_body_bytes` of the transport"
    error = ResponseError(f"the body is longer than {limit} bytes: {cure}", url=url)
    error.is_retryable = False  # it would only be as long again
    return error
