"""`ScriptedModel`: a model that answers as it is told, over the whole road that a real one is reached by."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Iterable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

import msgspec
from msgspec import Struct

from turnout.errors import APIConnectionError, APIStatusError
from turnout.protocols.openai_chat import parse_messages
from turnout.routing.model import Candidate, ModelConfig
from turnout.testing.script import Reply, ScriptError, encode_error, encode_stream, encode_whole, read_item
from turnout.tokens import estimate_tokens
from turnout.transport.seam import Headers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from turnout.errors import TimeoutKind
    from turnout.messages import Message
    from turnout.transport.seam import HTTPRequest


class ScriptedRequest(Struct, frozen=True, kw_only=True):
    """One request as the model saw it; `body` is the JSON that was sent. Headers, which hold the key, are not kept."""

    body: dict[str, Any]

    @property
    def messages(self) -> list[Message]:
        """The conversation that was sent."""
        return parse_messages(self.body.get("messages", []))

    @property
    def text(self) -> str:
        """The text of the last message."""
        messages = self.messages
        return messages[-1].text if messages else ""

    @property
    def tools(self) -> list[str]:
        """The names of the tools that were offered."""
        return [tool["function"]["name"] for tool in self.body.get("tools", [])]

    @property
    def is_stream(self) -> bool:
        """Whether a stream was asked for."""
        return bool(self.body.get("stream"))


class ScriptedModel:
    """A model that answers one item of its script a request: ``Agent(model=ScriptedModel(["Hello", "Goodbye"]))``.

    An item is a string, a dict (sent as JSON text, for structured output), a `ToolCall`, `Reasoning` or `Refusal`, a
    `Message`, a list of parts, a `Reply` (with finish reason, usage, headers, a break), an exception, or a function of
    the `ScriptedRequest`, sync or async, that returns one of these. Errors of a status (`RateLimitError("slow down")`)
    are sent as an answer of that status, so that retries and fallbacks run; others are raised by the transport.

    Nothing is patched: requests are encoded for the wire format `openai_chat`, and whole or streamed bytes come back.
    `requests` holds what was asked. `model` is a catalog id whose facts, quirks and prices are to hold. With
    `repeats_last` the last item answers for ever. Raises `ScriptError` from the call that finds no item left. Safe for
    calls from several tasks and threads: items are taken in the order of the requests.
    """

    def __init__(
        self,
        script: Iterable[object] | Callable[[ScriptedRequest], object],
        *,
        model: str | None = None,
        repeats_last: bool = False,
    ) -> None:
        repeats_last = repeats_last or callable(script)
        items = _read_script(script)
        for item in items:
            if not _is_function(item):
                read_item(item)
        self.requests: list[ScriptedRequest] = []
        self._items = deque(items)
        self._count = len(items)
        self._repeats_last = repeats_last
        self._model = model
        self._name = uuid4().hex[:8]  # what is learned of one scripted model must not be held against another
        self._lock = Lock()

    @property
    def remaining(self) -> int:
        """How many items of the script are left."""
        return len(self._items)

    def as_candidate(self) -> Candidate:
        """Return what `Agent(model=…)` makes of it."""
        url = f"http://scripted.invalid/{self._name}/v1"
        if self._model is None:
            return Candidate(model=ModelConfig(id="scripted", url=url, provider="custom"), transport=self)
        provider, _, model = self._model.partition("/")
        key = f"key-{self._name}"  # so that no real one is looked for
        return Candidate(model=ModelConfig(id=model, url=url, provider=provider, api_key=key), transport=self)

    async def send(self, request: HTTPRequest) -> ScriptedResponse:
        """Answer `request` by the next item of the script (it is a `transport.seam.Transport`)."""
        seen = ScriptedRequest(body=msgspec.json.decode(request.body))
        item = self._take(seen)
        if _is_function(item):
            item = cast("Callable[[ScriptedRequest], object]", item)(seen)
            if inspect.isawaitable(item):
                item = await item
        await asyncio.sleep(0)  # as the network would, let others run
        reply = read_item(item)
        if isinstance(reply, APIStatusError):
            status, headers, body = encode_error(reply)
            return ScriptedResponse(status, headers, iter([body]))
        if isinstance(reply, BaseException):
            raise reply
        return _answer(reply, seen)

    def _take(self, seen: ScriptedRequest) -> object:
        with self._lock:
            self.requests.append(seen)
            if not self._items:
                raise ScriptError(
                    f"the script has {self._count} answers, and request {len(self.requests)} ({seen.text[:60]!r}) finds"
                    " none left: add one, or pass repeats_last=True"
                )
            if self._repeats_last and len(self._items) == 1:
                return self._items[0]
            return self._items.popleft()

    def __copy__(self) -> ScriptedModel:
        return self  # the copy of an agent goes on with the same script

    def __deepcopy__(self, memo: object) -> ScriptedModel:
        return self

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:
            state = {**self.__dict__, "_items": self._items.copy(), "requests": list(self.requests)}
        del state["_lock"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=Lock())

    def __repr__(self) -> str:
        return f"ScriptedModel({len(self._items)} of {self._count} answers left)"


class ScriptedResponse:
    """The answer of a `ScriptedModel` (a `transport.seam.HTTPResponse`)."""

    queued_s = 0.0

    def __init__(
        self, status: int, headers: dict[str, str], pieces: Iterator[bytes], breaks_after: int | None = None
    ) -> None:
        self.status = status
        self.headers = Headers(headers)
        self._pieces = pieces
        self._left = breaks_after
        self._is_closed = False

    async def receive(self, timeout_s: float | None = None, kind: TimeoutKind = "idle") -> bytes:
        """Return the next piece; raises `APIConnectionError` where the script breaks off."""
        await asyncio.sleep(0)
        if self._is_closed:
            raise APIConnectionError("the answer was closed before its end: read it whole")
        if self._left is not None:
            if self._left <= 0:
                raise APIConnectionError("the connection broke, as the script says: call again")
            self._left -= 1
        return next(self._pieces, b"")

    async def read(self, timeout_s: float | None = None, kind: TimeoutKind = "total") -> bytes:
        """Return the rest of the body. Raises as `receive`."""
        body = b""
        while piece := await self.receive(timeout_s, kind):
            body += piece
        return body

    def close(self) -> None:
        """Leave what was not read."""
        self._is_closed = True


def _answer(reply: Reply, seen: ScriptedRequest) -> ScriptedResponse:
    model = str(seen.body.get("model", "scripted"))
    input_tokens = estimate_tokens(seen.messages)
    if seen.is_stream:
        headers = {"content-type": "text/event-stream", **reply.headers}
        return ScriptedResponse(200, headers, encode_stream(reply, model, input_tokens), reply.breaks_after)
    body = encode_whole(reply, model, input_tokens)
    headers = {"content-type": "application/json", **reply.headers}
    middle = len(body) // 2
    limit = None if reply.breaks_after is None else 1
    return ScriptedResponse(200, headers, iter([body[:middle], body[middle:]]), limit)


def _read_script(script: object) -> list[object]:
    if callable(script) or isinstance(script, (str, Mapping)):
        return [cast("object", script)]
    if not isinstance(script, Iterable):
        raise ScriptError(f"a script is no {type(script).__name__}: give a list of answers, or a function")
    return list(cast("Iterable[object]", script))


def _is_function(item: object) -> bool:
    return callable(item) and not isinstance(item, type)
