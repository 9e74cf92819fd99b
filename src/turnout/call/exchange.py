"""One try of one candidate: encode, send, and the head of the answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec import UNSET, Struct

from turnout.adaptation.rewriter import Rewriter
from turnout.errors import (
    APITimeoutError,
    AuthenticationError,
    CallError,
    InvalidInputError,
    PermissionDeniedError,
)
from turnout.protocols import EncodedRequest, WireProtocol
from turnout.requests import DEFAULT_TOTAL_S
from turnout.responses import REQUEST_ID_HEADERS
from turnout.routing.route import Route
from turnout.transport.retry import parse_retry_after
from turnout.transport.seam import HTTPRequest, HTTPResponse
from turnout.version import USER_AGENT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from turnout.call.account import Account  # noqa: TC004 # a field of a Struct, never resolved
    from turnout.call.budget import Budget
    from turnout.errors import APIStatusError, TimeoutKind, TurnoutError
    from turnout.hooks import Watch
    from turnout.requests import ModelRequest, Timeouts
    from turnout.responses import ModelResponse
    from turnout.transport.seam import Transport

_MAX_ERROR_BODY_S = 10.0
_MAX_ERROR_BODY_BYTES = 1024 * 1024


class Clock:
    """The time limits of one try: how long the next wait may be, and which limit that is."""

    __slots__ = ("_deadline", "connect_s", "first_chunk_s", "idle_s", "started", "total_s")

    def __init__(self, timeouts: Timeouts, *, is_stream: bool) -> None:
        total_s = timeouts.total_s
        if total_s is UNSET:
            total_s = None if is_stream else DEFAULT_TOTAL_S
        self.total_s = total_s
        self.started = time.monotonic()
        self._deadline = None if total_s is None else self.started + total_s
        self.connect_s = timeouts.connect_s
        self.first_chunk_s = timeouts.first_chunk_s if is_stream else None
        self.idle_s = timeouts.idle_s

    def until_sent(self) -> tuple[float | None, TimeoutKind]:
        """Return the seconds that may be spent before the request is sent, and the limit's kind."""
        if self._deadline is None and self.first_chunk_s is not None:
            return self.first_chunk_s, "first_chunk"
        return self._limit(None, "total")

    def start_again(self) -> None:
        """Begin to count now, the limit of the whole call excepted: what came before was a wait on this side."""
        self.started = time.monotonic()

    def until_head(self) -> tuple[float | None, TimeoutKind]:
        """Return the moment (`time.monotonic`) by which the head of the answer must be there, and the limit's kind."""
        first_chunk = None if self.first_chunk_s is None else self.started + self.first_chunk_s
        if first_chunk is not None and (self._deadline is None or first_chunk <= self._deadline):
            return first_chunk, "first_chunk"
        return self._deadline, "total"

    def until_first_chunk(self) -> tuple[float | None, TimeoutKind]:
        """Return the seconds left to wait for the first chunk, and the limit's kind."""
        if self.first_chunk_s is None:
            return self._limit(None, "total")
        return self._limit(self.started + self.first_chunk_s - time.monotonic(), "first_chunk")

    def between_chunks(self) -> tuple[float | None, TimeoutKind]:
        """Return the seconds left to wait for the next piece, and the limit's kind."""
        if self._deadline is None:
            return self.idle_s, "idle"
        return self._limit(self.idle_s, "idle")

    def explain(self, error: TurnoutError) -> None:
        """Name the limit that ran out as it was set; the transport knows only what was left of it."""
        if not isinstance(error, APITimeoutError):
            return
        limit_s = {"first_chunk": self.first_chunk_s, "idle": self.idle_s, "total": self.total_s}.get(error.kind)
        if limit_s is None:
            return
        error.limit_s = limit_s
        if not error.message.startswith(("cannot connect", "no connection")):  # what it waited for tells more
            missing = {"first_chunk": "no chunk came", "idle": "nothing more came", "total": "no whole answer came"}
            what = f"{missing[error.kind]} within {limit_s:g} s"
            error.args = (f"{what}: raise `{error.kind}_s` in timeouts=, or name a fallback",)

    def _limit(self, limit_s: float | None, kind: TimeoutKind) -> tuple[float | None, TimeoutKind]:
        if self._deadline is not None:
            left_s = self._deadline - time.monotonic()
            if limit_s is None or left_s < limit_s:
                limit_s, kind = left_s, "total"
        return (None if limit_s is None else max(limit_s, 0.001)), kind


class Exchange(Struct):
    """A request that was sent and the head of the answer to it.

    `rewriter` turns the answer to an adapted request into the answer to what was asked; `is_output_pending`: the
    structured output was not asked for yet. `account` is there where budgets or observers want to know how it ends.
    """

    route: Route
    protocol: WireProtocol
    http: HTTPResponse
    clock: Clock
    rewriter: Rewriter | None = None
    is_output_pending: bool = False
    account: Account | None = None

    @property
    def request_id(self) -> str | None:
        """The provider's id of the request, where it tells one."""
        headers = self.http.headers
        for name in REQUEST_ID_HEADERS:
            if (found := headers.get(name)) is not None:
                return found
        return None

    def explain(self, error: TurnoutError) -> None:
        """Complete `error` with what the head of the answer told."""
        self.clock.explain(error)
        error.status = error.status or self.http.status
        error.request_id = error.request_id or self.request_id


def encode(protocol: WireProtocol, request: ModelRequest, route: Route, dropped: frozenset[str]) -> EncodedRequest:
    """Encode `request` for `route`. Raises `InvalidInputError` when it is over the size that the provider takes."""
    encoded = protocol.encode(request, route, dropped)
    limit = route.quirks.max_body_bytes if request.task != "transcription" else None  # it is one for JSON
    if limit is not None and len(encoded.body) > limit:
        from turnout.call.media import name_largest  # here: an error is rare

        largest = name_largest(request)
        history = "send shorter texts" if request.task == "embedding" else "send less history, or shorter texts"
        cure = f"{largest}: send a smaller one, or less history" if largest else history
        raise InvalidInputError(
            f"the request is {len(encoded.body):,} bytes and `{route.provider}` takes {limit:,}: {cure}",
            provider=route.provider, model=route.model, url=route.url,
        )  # fmt: skip
    return encoded


def open_account(
    watch: Watch | None, budgets: Sequence[Budget], request: ModelRequest, route: Route, attempt: int
) -> Account | None:
    """Return the books of a try that is about to be sent; `None` where nobody wants any.

    Raises `BudgetError` when the try may cost more than a budget has left.
    """
    if not budgets and watch is None:
        return None
    from turnout.call.account import Account  # here: most calls have no books

    return Account.open(watch, budgets, request, route, attempt)


async def post(
    transport: Transport, route: Route, protocol: WireProtocol, encoded: EncodedRequest, clock: Clock
) -> Exchange:
    """Send `encoded` and return when the head of a good answer is there.

    Raises the error that the answer stands for when its status is not 2xx, and what the transport raises.
    """
    request = build_request(route, encoded, clock)
    http = await transport.send(request)
    exchange = Exchange(route, protocol, http, clock)
    if not 200 <= http.status < 300:
        raise await _read_error(exchange)
    return exchange


def build_request(route: Route, encoded: EncodedRequest, clock: Clock) -> HTTPRequest:
    """Return the HTTP request of `encoded`, signed where the route says so."""
    deadline, kind = clock.until_head()
    url = encoded.url or route.url
    headers = {"user-agent": USER_AGENT, **encoded.headers, **route.headers, **encoded.joined_headers}
    if route.sign is not None:
        headers |= route.sign("POST", url, headers, encoded.body)
    return HTTPRequest(
        method="POST",
        url=url,
        headers=headers,
        body=encoded.body,
        connect_s=clock.connect_s,
        deadline=deadline,
        deadline_kind=kind,
    )


def plays_records(transport: Transport) -> bool:
    """Whether `transport` answers from a recording, at least what it knows: such a call needs no key."""
    return hasattr(transport, "knows")


def is_recorded(transport: Transport, request: HTTPRequest) -> bool:
    """Whether `transport` answers `request` from a recording."""
    knows: Callable[[HTTPRequest], bool] | None = getattr(transport, "knows", None)
    return knows is not None and knows(request)


def decode_whole(exchange: Exchange, body: bytes) -> ModelResponse:
    """Return the whole answer in `body`, as it was asked for."""
    response = exchange.protocol.decode(body, exchange.route)
    return response if exchange.rewriter is None else exchange.rewriter.rewrite(response)


async def _read_error(exchange: Exchange) -> APIStatusError:
    http, protocol = exchange.http, exchange.protocol
    limit_s, _ = exchange.clock.between_chunks()
    try:
        body = await _read_some(http, min(limit_s or _MAX_ERROR_BODY_S, _MAX_ERROR_BODY_S))
    except CallError:  # the status says more than a body that does not come
        body = b""
    finally:
        http.close()
    error = protocol.decode_error(http.status, http.headers, body, exchange.route.secrets)
    told_s = parse_retry_after(http.headers, time.time())
    error.retry_after_s = error.retry_after_s if told_s is None else told_s  # some tell it in the body
    error.request_id = error.request_id or exchange.request_id
    error.url = error.url or exchange.route.url
    if isinstance(error, (AuthenticationError, PermissionDeniedError)):
        from turnout.call.key_refusals import name_key  # here: few keys are refused

        name_key(error, exchange.route)
    return error


async def _read_some(http: HTTPResponse, limit_s: float) -> bytes:
    """Return the body, or of a very long one the beginning; the rest is left to `close`."""
    end = time.monotonic() + limit_s
    body = bytearray()
    while len(body) < _MAX_ERROR_BODY_BYTES:
        piece = await http.receive(max(end - time.monotonic(), 0.001), "total")
        if not piece:
            break
        body += piece
    return bytes(body[:_MAX_ERROR_BODY_BYTES])
