"""turnout: a model router for Python. One string, ``"provider/model"``, reaches any language model.

::

    from turnout import Agent

    agent = Agent(id="my-agent", name="My Agent", model="ovhcloud/gpt-oss-120b")
    print((await agent.generate("Hello!")).text)

Every public name is imported when it is first used; errors live in `turnout.errors`.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # typing's own constant would load typing, a third of the import's time
if TYPE_CHECKING:
    from turnout import catalog, chunks, errors, routing
    from turnout.agent.agent import Agent
    from turnout.agent.direct import generate, generate_sync, stream, stream_sync
    from turnout.agent.pending import PendingRun
    from turnout.agent.plan import StepPlan
    from turnout.agent.result import Result, Step
    from turnout.agent.stream import AgentStream
    from turnout.agent.sync import SyncStream
    from turnout.chunks import Chunk
    from turnout.context import RequestContext
    from turnout.embedding import embed, embed_sync
    from turnout.hooks import Hooks
    from turnout.memory import Memory
    from turnout.messages import Audio, File, Image, Message, Reasoning, Text, ToolCall, ToolResult, Video
    from turnout.model_ids import ModelId
    from turnout.requests import ModelSettings, Timeouts
    from turnout.routing.model import ModelConfig
    from turnout.routing.selection import select
    from turnout.tools import Tool, tool
    from turnout.usage import Cost, Usage
    from turnout.version import __version__

__all__ = [
    "Agent",
    "AgentStream",
    "Audio",
    "Chunk",
    "Cost",
    "File",
    "Hooks",
    "Image",
    "Memory",
    "Message",
    "ModelConfig",
    "ModelId",
    "ModelSettings",
    "PendingRun",
    "Reasoning",
    "RequestContext",
    "Result",
    "Step",
    "StepPlan",
    "SyncStream",
    "Text",
    "Timeouts",
    "Tool",
    "ToolCall",
    "ToolResult",
    "Usage",
    "Video",
    "__version__",
    "catalog",
    "chunks",
    "embed",
    "embed_sync",
    "errors",
    "generate",
    "generate_sync",
    "routing",
    "select",
    "stream",
    "stream_sync",
    "tool",
]

_HOMES = {
    "turnout.agent.agent": ("Agent",),
    "turnout.agent.direct": ("generate", "generate_sync", "stream", "stream_sync"),
    "turnout.agent.pending": ("PendingRun",),
    "turnout.agent.plan": ("StepPlan",),
    "turnout.agent.result": ("Result", "Step"),
    "turnout.agent.stream": ("AgentStream",),
    "turnout.agent.sync": ("SyncStream",),
    "turnout.chunks": ("Chunk",),
    "turnout.context": ("RequestContext",),
    "turnout.embedding": ("embed", "embed_sync"),
    "turnout.hooks": ("Hooks",),
    "turnout.memory": ("Memory",),
    "turnout.messages": ("Audio", "File", "Image", "Message", "Reasoning", "Text", "ToolCall", "ToolResult", "Video"),
    "turnout.model_ids": ("ModelId",),
    "turnout.requests": ("ModelSettings", "Timeouts"),
    "turnout.routing.model": ("ModelConfig",),
    "turnout.routing.selection": ("select",),
    "turnout.tools": ("Tool", "tool"),
    "turnout.usage": ("Cost", "Usage"),
    "turnout.version": ("__version__",),
}


def __getattr__(name: str) -> object:
    home = next((module for module, names in _HOMES.items() if name in names), None)
    if home is not None:
        value = getattr(import_module(home), name)
    elif name in __all__:
        value = import_module(f"turnout.{name}")
    else:
        raise AttributeError(f"module 'turnout' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
