"""`Agent`: a model with instructions, tools and settings, ready to generate and to stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

from turnout.agent.options import check_options
from turnout.agent.settings import AgentSettings
from turnout.requests import read_headers, read_provider_options, read_settings, read_timeouts
from turnout.routing.model import read_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from turnout.agent.inputs import MessagesArgument
    from turnout.agent.options import CallOptions, CheckMode, CostLimit, ToolsArgument
    from turnout.agent.pending import PendingRun
    from turnout.agent.result import Result
    from turnout.agent.run import Run, StepHook
    from turnout.agent.settings import GuardsArgument, Instructions, MediaArgument, ToolsFunction, WatchArgument
    from turnout.agent.stream import AgentStream
    from turnout.agent.sync import SyncStream
    from turnout.memory import Memory
    from turnout.requests import ModelSettings, OutputMode, Timeouts
    from turnout.routing.model import ModelArgument
    from turnout.tools import Tool
    from turnout.transport.seam import Transport

_T = TypeVar("_T")


class Agent:
    """A model with instructions and tools: ``Agent(id="a", name="A", model="ovhcloud/gpt-oss-120b")``.

    `model` is an id, a `ModelConfig` (or the mapping that spells it), a list of these as fallbacks, a `select(…)`, or a
    function of the request context, sync or async, that returns one of them; it is called once a run. `settings` are
    the model's (`ModelSettings`), `headers` go with every request, `provider_options` maps a provider to fields of the
    body, `timeouts` are in seconds (`Timeouts`). `max_retries` counts tries after the first (2 where it is not set).
    `restart_broken_stream` lets a stream that breaks go on with the next fallback after a `fallback` chunk.
    `transport` carries the requests in place of the HTTP client that all agents share, such as an
    ``HTTPTransport(max_connections_per_host=10)`` of `turnout.transport.http`.

    `tools` are functions, `Tool` objects or other agents; `tool_choice`, `max_parallel_tools` (10 where it is not set),
    `max_steps`, `stop_when`, `prepare_step` and `on_step` steer the loop, `output_mode` and `output_repairs` structured
    output, `check` what happens when the catalog says that the model lacks something: each is described in
    `CallOptions`, and a call's own wins. `memory` keeps threads (SQLite in the user's data folder where it is not set);
    `media` limits what is read and fetched for image, audio, video and file parts; `max_cost_usd` is what all runs of
    this agent together may cost; `pace` waits for the provider's known limits before it sends; `hooks` are told what
    happens (`Hooks`), and `guards` may change or block what goes in and comes out.

    The constructor looks nothing up: an unknown provider or a missing key is raised by the call. Raises
    `InvalidModelError`, `InvalidToolError` or `InvalidInputError` for arguments that cannot be read at all.
    """

    def __init__(
        self,
        *,
        model: ModelArgument,
        id: str = "agent",
        name: str | None = None,
        instructions: Instructions | None = None,
        tools: ToolsArgument | ToolsFunction | None = None,
        tool_choice: str | None = None,
        max_parallel_tools: int | None = None,
        max_tool_chars: int | None = None,
        max_steps: int = 10,
        stop_when: StepHook | None = None,
        prepare_step: StepHook | None = None,
        on_step: StepHook | None = None,
        output_mode: OutputMode | None = None,
        output_repairs: int | None = None,
        check: CheckMode | None = None,
        settings: ModelSettings | Mapping[str, Any] | None = None,
        provider_options: Mapping[str, Mapping[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
        api_key: str | None = None,
        timeouts: Timeouts | Mapping[str, Any] | None = None,
        max_retries: int | None = None,
        restart_broken_stream: bool = False,
        memory: Memory | None = None,
        media: MediaArgument | None = None,
        max_cost_usd: CostLimit | None = None,
        pace: bool = False,
        hooks: WatchArgument | None = None,
        guards: GuardsArgument | None = None,
        transport: Transport | None = None,
    ) -> None:
        self.id, self.name = id, name or id
        self.instructions, self._model = instructions, model
        self._settings = AgentSettings(
            candidates=None if callable(model) else read_model(model),
            tools=tools,
            tool_choice=tool_choice,
            max_parallel_tools=max_parallel_tools,
            max_tool_chars=max_tool_chars,
            max_steps=max_steps,
            stop_when=stop_when,
            prepare_step=prepare_step,
            on_step=on_step,
            output_mode=output_mode,
            output_repairs=output_repairs,
            check=check,
            settings=read_settings(settings),
            provider_options=read_provider_options(provider_options),
            headers=read_headers(headers),
            api_key=api_key,
            timeouts=read_timeouts(timeouts),
            max_retries=max_retries,
            does_restart=restart_broken_stream,
            memory=memory,
            does_pace=pace,
            transport=transport,
        )
        self._settings.complete(media, max_cost_usd, hooks, guards)

    @property
    def model(self) -> ModelArgument:
        """The model as it was given; another one for a single call is ``generate(…, model=…)``."""
        return self._model

    def __repr__(self) -> str:
        candidates = self._settings.candidates
        if candidates is None:
            return f"Agent({self.id!r}, model=a function)"
        return f"Agent({self.id!r}, model={' or '.join(candidate.label for candidate in candidates)})"

    @overload
    async def generate(
        self, messages: MessagesArgument, *, output: type[_T], **options: Unpack[CallOptions]
    ) -> Result[_T]: ...
    @overload
    async def generate(
        self, messages: MessagesArgument, *, output: object = None, **options: Unpack[CallOptions]
    ) -> Result[Any]: ...
    async def generate(
        self, messages: MessagesArgument, *, output: object = None, **options: Unpack[CallOptions]
    ) -> Result[Any]:
        """Return the whole answer: ``(await agent.generate("Hello!")).text``.

        `messages` is a string, a list of strings and parts (one user message), or a list of `Message` objects or
        OpenAI-style dicts. With `output` (a dataclass, TypedDict, msgspec Struct, pydantic model, ``list[…]``, a union,
        a Literal, or a JSON schema as a dict) the answer is structured, and ``result.object`` is of that type. The
        other options are those of `CallOptions`. Raises an error of `turnout.errors`.
        """
        from turnout.agent.loop import run_whole  # here, as below: an agent that is only made needs no event loop

        return await run_whole(await self._prepare(messages, check_options(options), output, is_stream=False))

    @overload
    def stream(
        self, messages: MessagesArgument, *, output: type[_T], **options: Unpack[CallOptions]
    ) -> AgentStream[_T]: ...
    @overload
    def stream(
        self, messages: MessagesArgument, *, output: object = None, **options: Unpack[CallOptions]
    ) -> AgentStream[Any]: ...
    def stream(
        self, messages: MessagesArgument, *, output: object = None, **options: Unpack[CallOptions]
    ) -> AgentStream[Any]:
        """Return the answer as a stream: ``async for chunk in await agent.stream("Hello!")``.

        Nothing is sent before the stream is awaited, entered or iterated. Takes what `generate` takes.
        """
        from turnout.agent.stream import AgentStream

        checked = check_options(options)
        return AgentStream(lambda: self._prepare(messages, checked, output, is_stream=True))

    @overload
    def generate_sync(
        self, messages: MessagesArgument, *, output: type[_T], **options: Unpack[CallOptions]
    ) -> Result[_T]: ...
    @overload
    def generate_sync(
        self, messages: MessagesArgument, *, output: object = None, **options: Unpack[CallOptions]
    ) -> Result[Any]: ...
    def generate_sync(
        self, messages: MessagesArgument, *, output: object = None, **options: Unpack[CallOptions]
    ) -> Result[Any]:
        """Do as `generate`, from sync code; works in scripts, threads and beside a running event loop."""
        from turnout.agent.threads import find_loop

        return find_loop().run(self.generate(messages, output=output, **options))

    @overload
    def stream_sync(
        self, messages: MessagesArgument, *, output: type[_T], **options: Unpack[CallOptions]
    ) -> SyncStream[_T]: ...
    @overload
    def stream_sync(
        self, messages: MessagesArgument, *, output: object = None, **options: Unpack[CallOptions]
    ) -> SyncStream[Any]: ...
    def stream_sync(
        self, messages: MessagesArgument, *, output: object = None, **options: Unpack[CallOptions]
    ) -> SyncStream[Any]:
        """Do as `stream`, from sync code: ``for chunk in agent.stream_sync("Hello!")``."""
        from turnout.agent.sync import SyncStream

        return SyncStream(self.stream(messages, output=output, **options))

    async def resume(
        self,
        pending: Result[Any] | PendingRun | str | bytes,
        *,
        approve: Iterable[str] = (),
        deny: Mapping[str, str] | None = None,
        output: object = None,
        **options: Unpack[CallOptions],
    ) -> Result[Any]:
        """Go on with a run that waits for approval: ``await agent.resume(result, approve=[call.id])``.

        `pending` is the result whose `finish_reason` is ``"approval"``, its `pending`, or the JSON of that
        (``result.pending.to_json()``), also from another process. Each call that waits must be in `approve` (an id) or
        in `deny` (an id with the reason, which the model reads). It is resumed once in a process: again only where that
        failed, and then its approved tools run again. The options are those of the run itself: give `output`
        and `tools` again where the call had its own. Returns the result of the whole run. Raises `InvalidInputError`
        for a decision that is missing or about no call.
        """
        from turnout.agent.resuming import prepare_resumed, run_once

        decisions = (approve, deny)
        run = await prepare_resumed(self, self._settings, pending, decisions, check_options(options), output=output)
        return await run_once(run)

    def resume_sync(
        self,
        pending: Result[Any] | PendingRun | str | bytes,
        *,
        approve: Iterable[str] = (),
        deny: Mapping[str, str] | None = None,
        output: object = None,
        **options: Unpack[CallOptions],
    ) -> Result[Any]:
        """Do as `resume`, from sync code."""
        from turnout.agent.threads import find_loop

        return find_loop().run(self.resume(pending, approve=approve, deny=deny, output=output, **options))

    def as_tool(self, name: str | None = None, description: str | None = None) -> Tool:
        """Return this agent as a tool of another: the model gives it a `task` in words, and reads its answer's text.

        `name` is the agent's id where it is not given, `description` says when to use it. Tokens and cost of its runs
        count in the result of the agent that uses it.
        """
        from turnout.agent.resuming import make_agent_tool

        return make_agent_tool(self, name, description)

    async def _prepare(
        self, messages: MessagesArgument, options: CallOptions, output: object, *, is_stream: bool
    ) -> Run:
        from turnout.agent.start import prepare_run

        return await prepare_run(self, self._settings, messages, options, output, is_stream=is_stream)
