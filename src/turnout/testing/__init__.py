"""What tests of programs that use turnout need: scripted models, recorded calls, and no network.

::

    from turnout.testing import ScriptedModel

    agent = Agent(model=ScriptedModel(["Hello there."]))

Every name is imported when it is first used, so that the pytest plugin costs nothing where it is not used.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from turnout.testing.network import NetworkBlockedError, block_network
    from turnout.testing.recording import Recorder, RecordingError, Replayer, cassette
    from turnout.testing.script import Reply, ScriptError
    from turnout.testing.scripted import ScriptedModel, ScriptedRequest

__all__ = [
    "NetworkBlockedError",
    "Recorder",
    "RecordingError",
    "Replayer",
    "Reply",
    "ScriptError",
    "ScriptedModel",
    "ScriptedRequest",
    "block_network",
    "cassette",
]

_HOMES = {
    "turnout.testing.network": ("NetworkBlockedError", "block_network"),
    "turnout.testing.recording": ("Recorder", "RecordingError", "Replayer", "cassette"),
    "turnout.testing.script": ("Reply", "ScriptError"),
    "turnout.testing.scripted": ("ScriptedModel", "ScriptedRequest"),
}


def __getattr__(name: str) -> object:
    home = next((module for module, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module 'turnout.testing' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value
