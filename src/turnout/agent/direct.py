"""One call without an agent of one's own: `turnout.generate`, `turnout.stream` and their sync twins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

from turnout.agent.agent import Agent

if TYPE_CHECKING:
    from turnout.agent.inputs import MessagesArgument
    from turnout.agent.options import DirectOptions
    from turnout.agent.result import Result
    from turnout.agent.stream import AgentStream
    from turnout.agent.sync import SyncStream
    from turnout.routing.model import ModelArgument

_T = TypeVar("_T")


@overload
async def generate(
    model: ModelArgument, messages: MessagesArgument, *, output: type[_T], **options: Unpack[DirectOptions]
) -> Result[_T]: ...
@overload
async def generate(
    model: ModelArgument, messages: MessagesArgument, *, output: object = None, **options: Unpack[DirectOptions]
) -> Result[Any]: ...
async def generate(
    model: ModelArgument, messages: MessagesArgument, *, output: object = None, **options: Unpack[DirectOptions]
) -> Result[Any]:
    """Return the whole answer of `model`: ``await turnout.generate("ovhcloud/gpt-oss-120b", "Hello!")``.

    Takes what `Agent.generate` takes, and returns and raises the same.
    """
    return await Agent(model=model).generate(messages, output=output, **options)


@overload
def stream(
    model: ModelArgument, messages: MessagesArgument, *, output: type[_T], **options: Unpack[DirectOptions]
) -> AgentStream[_T]: ...
@overload
def stream(
    model: ModelArgument, messages: MessagesArgument, *, output: object = None, **options: Unpack[DirectOptions]
) -> AgentStream[Any]: ...
def stream(
    model: ModelArgument, messages: MessagesArgument, *, output: object = None, **options: Unpack[DirectOptions]
) -> AgentStream[Any]:
    """Return the answer of `model` as a stream; see `Agent.stream`."""
    return Agent(model=model).stream(messages, output=output, **options)


@overload
def generate_sync(
    model: ModelArgument, messages: MessagesArgument, *, output: type[_T], **options: Unpack[DirectOptions]
) -> Result[_T]: ...
@overload
def generate_sync(
    model: ModelArgument, messages: MessagesArgument, *, output: object = None, **options: Unpack[DirectOptions]
) -> Result[Any]: ...
def generate_sync(
    model: ModelArgument, messages: MessagesArgument, *, output: object = None, **options: Unpack[DirectOptions]
) -> Result[Any]:
    """Do as `generate`, from sync code."""
    return Agent(model=model).generate_sync(messages, output=output, **options)


@overload
def stream_sync(
    model: ModelArgument, messages: MessagesArgument, *, output: type[_T], **options: Unpack[DirectOptions]
) -> SyncStream[_T]: ...
@overload
def stream_sync(
    model: ModelArgument, messages: MessagesArgument, *, output: object = None, **options: Unpack[DirectOptions]
) -> SyncStream[Any]: ...
def stream_sync(
    model: ModelArgument, messages: MessagesArgument, *, output: object = None, **options: Unpack[DirectOptions]
) -> SyncStream[Any]:
    """Do as `stream`, from sync code."""
    return Agent(model=model).stream_sync(messages, output=output, **options)
