"""Routing: from a model id or config, the environment and the request context to a `Route`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from turnout.routing.model import Candidate, ModelArgument, ModelConfig, ModelSpec, read_model
    from turnout.routing.resolution import resolve, resolve_candidate
    from turnout.routing.route import Route
    from turnout.routing.selection import Selection, select

__all__ = [
    "Candidate",
    "ModelArgument",
    "ModelConfig",
    "ModelSpec",
    "Route",
    "Selection",
    "read_model",
    "resolve",
    "resolve_candidate",
    "select",
]

_HOMES = {
    "Route": "route",
    "Selection": "selection",
    "resolve": "resolution",
    "resolve_candidate": "resolution",
    "select": "selection",
}


def __getattr__(name: str) -> object:
    """Import a name when it is first used: an agent needs the forms of a model, and not yet the catalog."""
    if name not in __all__:
        raise AttributeError(f"module 'turnout.routing' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"turnout.routing.{_HOMES.get(name, 'model')}"), name)
    globals()[name] = value
    return value
