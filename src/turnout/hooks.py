"""Hooks: plain functions that are told what an agent does, and the seam behind them that telemetry uses as well.

``Agent(…, hooks=Hooks(on_request=print))`` calls `print` with a `RequestEvent` before each request. A hook is a plain
function, called in the middle of the run: it should be quick, and starts a task for what is slow. A hook that raises
does not disturb the run: the result has a warning (``"hook_failed"``), once for each kind of event. No event holds a
key: URLs are shown without user name, password and query values, and headers are not in it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Protocol, cast

from msgspec import Struct

from turnout.chunks import Chunk
from turnout.errors import InvalidInputError
from turnout.messages import Message
from turnout.requests import ModelRequest
from turnout.responses import FinishReason, ModelResponse, Warning
from turnout.usage import Cost, Usage


class RunStart(Struct, frozen=True, kw_only=True):
    """A run of an agent begins. `messages` is the conversation that it was given, without the instructions."""

    agent_id: str
    agent_name: str
    model: str
    is_stream: bool = False
    thread: str | None = None
    instructions: str | None = None
    messages: Sequence[Message] = ()


class RunEnd(Struct, frozen=True, kw_only=True):
    """A run has ended: with an answer, with `error`, or, where neither is there, because its stream was left."""

    finish_reason: FinishReason | None = None
    usage: Usage = Usage()
    cost: Cost = Cost()
    message: Message | None = None
    error: BaseException | None = None


class RequestEvent(Struct, frozen=True, kw_only=True):
    """A request is about to be sent; a retry and a fallback are requests of their own.

    `id` is the same in all events of one request, and `attempt` counts the tries of one model call from 1. `asked` is
    the model as the caller wrote it, `model` the id that is sent. `url` is redacted.
    """

    id: int
    attempt: int
    asked: str
    provider: str
    model: str
    protocol: str
    url: str
    is_stream: bool
    request: ModelRequest


class ChunkEvent(Struct, frozen=True, kw_only=True):
    """A chunk of a streamed answer has come."""

    id: int
    chunk: Chunk


class RawEvent(Struct, frozen=True, kw_only=True):
    """An event of a streamed answer has come: `data` is its bytes as the provider wrote them, not yet decoded.

    `name` is that of a server-sent event (``"message"`` where none is named), or the type of an AWS event stream's
    frame.
    """

    id: int
    name: str
    data: bytes


class ResponseEvent(Struct, frozen=True, kw_only=True):
    """A request was answered; `response` is the whole answer, also of a stream, and `cost` is in USD.

    `response` is `None` for a stream that was left before its end. Times are in seconds from the request.
    """

    request: RequestEvent
    status: int | None = None
    response: ModelResponse | None = None
    cost: Cost = Cost()
    first_chunk_s: float | None = None
    duration_s: float = 0.0


class ErrorEvent(Struct, frozen=True, kw_only=True):
    """A request failed, or was cancelled; a retry or a fallback may follow. `text` of the error is what had come."""

    request: RequestEvent
    error: BaseException
    status: int | None = None
    duration_s: float = 0.0


class ToolStart(Struct, frozen=True, kw_only=True):
    """A tool is about to be run. `kind` is ``"function"``, or ``"extension"`` for one that another program offers."""

    name: str
    call_id: str
    arguments: dict[str, Any]
    description: str = ""
    kind: str = "function"


class ToolEnd(Struct, frozen=True, kw_only=True):
    """A tool was run: `content` is what the model gets to read, `error` what it raised."""

    content: str = ""
    is_error: bool = False
    error: BaseException | None = None


class Observer(Protocol):
    """What is told of everything that a run does; `Hooks` and OpenTelemetry are two.

    A ``start_…`` method returns anything; it is handed to the matching ``end_…``, and that of the run (`None` for a
    call outside of a run) to what happens inside it. All methods are called from the task that does the work, except
    that the end of a stream may come from another one, or from another thread.
    """

    def start_run(self, event: RunStart) -> object:
        """A run begins."""
        ...

    def end_run(self, run: object, event: RunEnd) -> None:
        """A run has ended."""
        ...

    def start_request(self, run: object, event: RequestEvent) -> object:
        """A request is about to be sent."""
        ...

    def note_chunks(self, request: object, event: RequestEvent, chunks: Sequence[Chunk]) -> None:
        """Chunks of a streamed answer have come, before anyone else sees them."""
        ...

    def end_request(self, request: object, event: ResponseEvent | ErrorEvent) -> None:
        """A request was answered, failed, or was left."""
        ...

    def start_tool(self, run: object, event: ToolStart) -> object:
        """A tool is about to be run."""
        ...

    def end_tool(self, tool: object, event: ToolEnd) -> None:
        """A tool was run."""
        ...


class Hooks:
    """Plain functions to be called while an agent works: ``Hooks(on_request=log, on_error=alert)``.

    `on_request` gets a `RequestEvent`, `on_chunk` a `ChunkEvent`, `on_response` a `ResponseEvent` (also for a stream
    that was left) and `on_error` an `ErrorEvent`, once for each request; `on_event` a `RawEvent` for each event of a
    stream, before its chunks. They are plain functions: raises `InvalidInputError` for an ``async def``, which nobody
    would await.
    """

    __slots__ = ("on_chunk", "on_error", "on_event", "on_request", "on_response")

    def __init__(
        self,
        *,
        on_request: Callable[[RequestEvent], object] | None = None,
        on_response: Callable[[ResponseEvent], object] | None = None,
        on_chunk: Callable[[ChunkEvent], object] | None = None,
        on_error: Callable[[ErrorEvent], object] | None = None,
        on_event: Callable[[RawEvent], object] | None = None,
    ) -> None:
        self.on_request = _check_hook("on_request", on_request)
        self.on_response = _check_hook("on_response", on_response)
        self.on_chunk = _check_hook("on_chunk", on_chunk)
        self.on_error = _check_hook("on_error", on_error)
        self.on_event = _check_hook("on_event", on_event)

    def start_run(self, event: RunStart) -> object:
        """Do nothing: hooks are about requests."""

    def end_run(self, run: object, event: RunEnd) -> None:
        """Do nothing."""

    def start_request(self, run: object, event: RequestEvent) -> object:
        """Call `on_request`."""
        if self.on_request is not None:
            self.on_request(event)

    def note_chunks(self, request: object, event: RequestEvent, chunks: Sequence[Chunk]) -> None:
        """Call `on_chunk` for each chunk."""
        if self.on_chunk is not None:
            for chunk in chunks:
                self.on_chunk(ChunkEvent(id=event.id, chunk=chunk))

    def note_event(self, event: RawEvent) -> None:
        """Call `on_event`."""
        if self.on_event is not None:
            self.on_event(event)

    def end_request(self, request: object, event: ResponseEvent | ErrorEvent) -> None:
        """Call `on_response` or `on_error`."""
        if isinstance(event, ErrorEvent):
            if self.on_error is not None:
                self.on_error(event)
        elif self.on_response is not None:
            self.on_response(event)

    def start_tool(self, run: object, event: ToolStart) -> object:
        """Do nothing: a tool is the caller's own function."""

    def end_tool(self, tool: object, event: ToolEnd) -> None:
        """Do nothing."""


class Watch:
    """The observers of one run, called so that none of them can disturb it: `make_watch` makes one where there are any.

    What an observer raises becomes one of `warnings`, once for each kind of event.
    """

    __slots__ = ("_failed", "_next_id", "_observers", "_runs", "warnings")

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)
        self._runs: list[object] = [None] * len(self._observers)
        self._failed: set[tuple[int, str]] = set()
        self._next_id = 0
        self.warnings: list[Warning] = []

    def start_run(self, event: RunStart) -> None:
        """Say that the run begins."""
        for index, observer in enumerate(self._observers):
            self._runs[index] = self._call(index, observer.start_run, event)

    def end_run(self, event: RunEnd) -> None:
        """Say that the run has ended. Safe to repeat: the first time counts."""
        runs, self._runs = self._runs, []
        for index, run in enumerate(runs):
            self._call(index, self._observers[index].end_run, run, event)

    def start_request(self, event: RequestEvent) -> list[object]:
        """Say that a request is about to be sent; returns what the next two methods take."""
        return [
            self._call(index, observer.start_request, self._run(index), event)
            for index, observer in enumerate(self._observers)
        ]

    def note_chunks(self, requests: Sequence[object], event: RequestEvent, chunks: Sequence[Chunk]) -> None:
        """Say that chunks have come."""
        for index, observer in enumerate(self._observers):
            self._call(index, observer.note_chunks, requests[index], event, chunks)

    @property
    def wants_events(self) -> bool:
        """Whether anyone wants the events of streams as they come from the wire."""
        return any(isinstance(observer, Hooks) and observer.on_event is not None for observer in self._observers)

    def note_event(self, event: RawEvent) -> None:
        """Say that an event has come, to the hooks that want it."""
        for index, observer in enumerate(self._observers):
            if isinstance(observer, Hooks):
                self._call(index, observer.note_event, event)

    def end_request(self, requests: Sequence[object], event: ResponseEvent | ErrorEvent) -> None:
        """Say that a request is over."""
        for index, observer in enumerate(self._observers):
            self._call(index, observer.end_request, requests[index], event)

    def start_tool(self, event: ToolStart) -> list[object]:
        """Say that a tool is about to be run; returns what `end_tool` takes. Both belong into the tool's own task."""
        return [
            self._call(index, observer.start_tool, self._run(index), event)
            for index, observer in enumerate(self._observers)
        ]

    def end_tool(self, tools: Sequence[object], event: ToolEnd) -> None:
        """Say that a tool was run."""
        for index, observer in enumerate(self._observers):
            self._call(index, observer.end_tool, tools[index], event)

    def next_id(self) -> int:
        """Return the number of the next request."""
        self._next_id += 1
        return self._next_id

    def take_warnings(self) -> list[Warning]:
        """Return the warnings since the last time."""
        warnings, self.warnings = self.warnings, []
        return warnings

    def _run(self, index: int) -> object:
        return self._runs[index] if self._runs else None

    def _call(self, index: int, method: Callable[..., object], *arguments: object) -> object:
        try:
            return method(*arguments)
        except Exception as error:  # noqa: BLE001 # boundary: an observer is somebody else's code
            name = method.__name__
            if (index, name) not in self._failed:
                self._failed.add((index, name))
                what = f"a hook failed in {name} ({type(error).__name__}): the run went on without it; mend the hook"
                self.warnings.append(Warning("hook_failed", what))
            return None


HooksArgument = Hooks | Observer | Sequence["Hooks | Observer"]
"""What `hooks=` takes: hooks, an observer such as `turnout.telemetry.OpenTelemetry`, or a list of these."""


def read_hooks(value: object) -> tuple[Observer, ...]:
    """Read the `hooks` argument. Raises `InvalidInputError` for what is no observer."""
    if value is None:
        return ()
    items = cast("Sequence[object]", value) if isinstance(value, (list, tuple)) else (value,)
    for item in items:
        if isinstance(item, type) or not callable(getattr(item, "start_request", None)):
            what = item.__name__ if isinstance(item, type) else f"a {type(item).__name__}"
            raise InvalidInputError(f"hooks= has {what}: give Hooks(on_request=…), or a list of hooks")
    return cast("tuple[Observer, ...]", tuple(items))


def make_watch(observers: Sequence[Observer]) -> Watch | None:
    """Return the watch of one run for `observers` and those of the process; `None` where there are none."""
    everywhere = process_observers()
    if not observers and not everywhere:
        return None
    return Watch([*observers, *(observer for observer in everywhere if observer not in observers)])


@cache
def process_observers() -> list[Observer]:
    """Return the list of observers that every run of the process has; `turnout.telemetry.instrument` adds to it."""
    return []


def _check_hook(name: str, hook: Any) -> Any:
    if hook is not None and not callable(hook):
        raise InvalidInputError(f"{name}= is a {type(hook).__name__}: give a function")
    if inspect.iscoroutinefunction(hook) or inspect.iscoroutinefunction(getattr(hook, "__call__", None)):  # noqa: B004
        raise InvalidInputError(f"{name}= is async: give a plain function, and let it start a task for what is slow")
    return hook
