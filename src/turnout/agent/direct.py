"""One call without an agent of one's own: `turnout.generate`, `turnout.stream` and their sync twins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from turnout.agent.agent import Agent

if TYPE_CHECKING:
    from turnout.agent.inputs import MessagesArgument
    from turnout.agent.options import DirectOptions
    from turnout.agent.result import Result
    from turnout.agent.stream import AgentStream
    from turnout.agent.sync import SyncStream
    from turnout.routing.model import ModelArgument


async def generate(model: ModelArgument, messages: MessagesArgument, **options: Unpack[DirectOptions]) -> Result:
    """Return the whole answer of `model`: ``await turnout.generate("ovhcloud/gpt-oss-120b", "Hello!")``.

    Takes what `Agent.generate` takes, and returns and raises the same.
    """
    return await Agent(model=model).generate(messages, **options)


def stream(model: ModelArgument, messages: MessagesArgument, **options: Unpack[DirectOptions]) -> AgentStream:
    """Return the answer of `model` as a stream; see `Agent.stream`."""
    return Agent(model=model).stream(messages, **options)


def generate_sync(model: ModelArgument, messages: MessagesArgument, **options: Unpack[DirectOptions]) -> Result:
    """Do as `generate`, from sync code."""
    return Agent(model=model).generate_sync(messages, **options)


def stream_sync(model: ModelArgument, messages: MessagesArgument, **options: Unpack[DirectOptions]) -> SyncStream:
    """Do as `stream`, from sync code."""
    return Agent(model=model).stream_sync(messages, **options)
