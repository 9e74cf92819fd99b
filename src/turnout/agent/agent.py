"""`Agent`: a model with instructions and settings, ready to generate and to stream."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Unpack, cast

from turnout.agent.inputs import read_messages
from turnout.agent.options import check_options
from turnout.context import RequestContext
from turnout.errors import InvalidInputError
from turnout.messages import Message
from turnout.requests import (
    ModelRequest,
    merge_deep,
    merge_settings,
    read_headers,
    read_provider_options,
    read_settings,
    read_timeouts,
)
from turnout.routing.model import read_model

if TYPE_CHECKING:
    from turnout.agent.inputs import MessagesArgument
    from turnout.agent.loop import Run
    from turnout.agent.options import CallOptions
    from turnout.agent.result import Result
    from turnout.agent.stream import AgentStream
    from turnout.agent.sync import SyncStream
    from turnout.call import Runtime
    from turnout.requests import ModelSettings, Timeouts
    from turnout.routing.model import Candidate, ModelArgument
    from turnout.transport.seam import Transport

Instructions = str | Callable[[RequestContext], str | None] | Callable[[RequestContext], Awaitable[str | None]]
"""Instructions, or a function of the request context that returns them."""


class Agent:
    """A model with instructions: ``Agent(id="a", name="A", model="ovhcloud/gpt-oss-120b")``.

    `model` is an id, a `ModelConfig` (or the mapping that spells it), a list of these as fallbacks, or a function of
    the request context, sync or async, that returns one of them; it is called once a run. `settings` are the model's
    (`ModelSettings`), `headers` go with every request, `provider_options` maps a provider to fields of the body,
    `timeouts` are in seconds (`Timeouts`). `max_retries` counts tries after the first (2 where it is not set).
    `restart_broken_stream` lets a stream that breaks go on with the next fallback after a `fallback` chunk.
    `transport` carries the requests in place of the HTTP client that all agents share, such as an
    ``HTTPTransport(max_connections_per_host=10)`` of `turnout.transport.http`.

    The constructor looks nothing up: an unknown provider or a missing key is raised by the call. Raises
    `InvalidModelError` or `InvalidInputError` for arguments that cannot be read at all.
    """

    def __init__(
        self,
        *,
        model: ModelArgument,
        id: str = "agent",
        name: str | None = None,
        instructions: Instructions | None = None,
        settings: ModelSettings | Mapping[str, Any] | None = None,
        provider_options: Mapping[str, Mapping[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
        api_key: str | None = None,
        timeouts: Timeouts | Mapping[str, Any] | None = None,
        max_retries: int | None = None,
        max_steps: int = 10,
        restart_broken_stream: bool = False,
        transport: Transport | None = None,
    ) -> None:
        self.id = id
        self.name = name or id
        self.instructions = instructions
        self._model = model
        self._candidates = None if callable(model) else read_model(model)
        self._settings = read_settings(settings)
        self._provider_options = read_provider_options(provider_options)
        self._headers = read_headers(headers)
        self._api_key = _check_key(api_key)
        self._timeouts = read_timeouts(timeouts)
        self._max_retries = _check_count("max_retries", max_retries, 0)
        self._max_steps = _check_count("max_steps", max_steps, 1)
        self._does_restart = restart_broken_stream
        self._transport = transport
        self._own_runtime: Runtime | None = None

    @property
    def model(self) -> ModelArgument:
        """The model as it was given; another one for a single call is ``generate(…, model=…)``."""
        return self._model

    def __repr__(self) -> str:
        if self._candidates is None:
            return f"Agent({self.id!r}, model=a function)"
        return f"Agent({self.id!r}, model={' or '.join(candidate.label for candidate in self._candidates)})"

    async def generate(self, messages: MessagesArgument, **options: Unpack[CallOptions]) -> Result:
        """Return the whole answer: ``(await agent.generate("Hello!")).text``.

        `messages` is a string, a list of strings and parts (one user message), or a list of `Message` objects or
        OpenAI-style dicts. The options are those of `CallOptions`. Raises an error of `turnout.errors`.
        """
        from turnout.agent.loop import run_whole  # here, as below: an agent that is only made needs no event loop

        return await run_whole(await self._prepare(messages, check_options(options), is_stream=False))

    def stream(self, messages: MessagesArgument, **options: Unpack[CallOptions]) -> AgentStream:
        """Return the answer as a stream: ``async for chunk in await agent.stream("Hello!")``.

        Nothing is sent before the stream is awaited, entered or iterated. Takes what `generate` takes.
        """
        from turnout.agent.stream import AgentStream

        checked = check_options(options)
        return AgentStream(lambda: self._prepare(messages, checked, is_stream=True))

    def generate_sync(self, messages: MessagesArgument, **options: Unpack[CallOptions]) -> Result:
        """Do as `generate`, from sync code; works in scripts, threads and beside a running event loop."""
        from turnout.agent.threads import find_loop

        return find_loop().run(self.generate(messages, **options))

    def stream_sync(self, messages: MessagesArgument, **options: Unpack[CallOptions]) -> SyncStream:
        """Do as `stream`, from sync code: ``for chunk in agent.stream_sync("Hello!")``."""
        from turnout.agent.sync import SyncStream

        return SyncStream(self.stream(messages, **options))

    async def _prepare(self, messages: MessagesArgument, options: CallOptions, *, is_stream: bool) -> Run:
        from turnout.agent.loop import Run
        from turnout.agent.runtime import default_runtime, make_runtime
        from turnout.call import Call

        if self._transport is not None and self._own_runtime is None:
            self._own_runtime = make_runtime(self._transport)
        context = _read_context(options.get("request_context"))
        conversation = read_messages(messages)
        instructions = await _resolve(self.instructions, context)
        if instructions is not None and not isinstance(instructions, str):
            raise InvalidInputError(f"instructions are a {type(instructions).__name__}: give a string")
        asked = [Message.system(instructions), *conversation] if instructions else conversation
        timeouts, retries = options.get("timeouts"), options.get("max_retries")
        _check_count("max_steps", options.get("max_steps"), 1)
        call = Call(
            request=ModelRequest(
                messages=asked,
                settings=merge_settings(self._settings, read_settings(options.get("settings"))),
                stream=is_stream,
                provider_options=merge_deep(
                    self._provider_options, read_provider_options(options.get("provider_options"))
                ),
            ),
            candidates=await self._choose(options.get("model"), context),
            api_key=_check_key(options.get("api_key")) or self._api_key,
            headers={**self._headers, **read_headers(options.get("headers"))},
            timeouts=self._timeouts if timeouts is None else read_timeouts(timeouts),
            max_retries=self._max_retries if retries is None else _check_count("max_retries", retries, 0),
            does_restart=self._does_restart,
        )
        return Run(call=call, runtime=self._own_runtime or default_runtime(), messages=conversation)

    async def _choose(self, model: ModelArgument | None, context: RequestContext) -> tuple[Candidate, ...]:
        if model is None and self._candidates is not None:
            return self._candidates
        return read_model(await _resolve(self._model if model is None else model, context))


async def _resolve(value: object, context: RequestContext) -> object:
    """Call `value` with the context if it is a function, and await what is awaitable."""
    if callable(value):
        value = value(context)
    return await cast("Awaitable[object]", value) if isinstance(value, Awaitable) else value


def _read_context(value: object) -> RequestContext:
    if isinstance(value, RequestContext):
        return value
    if value is not None and not isinstance(value, Mapping):
        raise InvalidInputError(f"request_context= is a {type(value).__name__}: give a dict or a RequestContext")
    return RequestContext(cast("Mapping[str, Any]", value or {}))


def _check_key(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise InvalidInputError(f"api_key= is a {type(value).__name__}: give a string")
    return value or None


def _check_count(name: str, value: int | None, least: int) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidInputError(f"{name}={value!r}: give a whole number of {least} or more")
    return value
