"""JSON schemas of tools and of structured output, fitted to the place that they go to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.schemas import inline_refs

if TYPE_CHECKING:
    from turnout.requests import ToolSpec
    from turnout.routing.route import Route


def write_parameters(tool: ToolSpec, route: Route) -> dict[str, Any]:
    """Return the schema of a tool's arguments: an object with `properties`, without which some servers refuse it."""
    return fit_schema({"type": "object", "properties": {}, **tool.parameters}, route)


def fit_schema(schema: dict[str, Any], route: Route) -> dict[str, Any]:
    """Return `schema` as it is, or without ``$ref`` where the place of `route` does not understand it."""
    return schema if route.quirks.takes_refs else inline_refs(schema)
