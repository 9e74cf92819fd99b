"""Routing: from a model id or config, the environment and the request context to a `Route`."""

from turnout.routing.model import Candidate, ModelArgument, ModelConfig, ModelSpec, read_model
from turnout.routing.resolve import resolve, resolve_candidate
from turnout.routing.route import Route

__all__ = [
    "Candidate",
    "ModelArgument",
    "ModelConfig",
    "ModelSpec",
    "Route",
    "read_model",
    "resolve",
    "resolve_candidate",
]
