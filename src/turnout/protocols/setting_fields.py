"""The fields of a body that settings were made of: what every wire format leaves out of them, and says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.errors import InvalidInputError
from turnout.protocols.json_values import check_value
from turnout.responses import Warning

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnout.requests import ModelRequest
    from turnout.routing.route import Route


def check_stream(options: dict[str, Any], request: ModelRequest, where: str) -> None:
    """Raise `InvalidInputError` where `options`, the caller's at `where`, contradict the call about streaming."""
    if "stream" in options and options["stream"] is not request.stream:
        raise InvalidInputError(
            f"{where}.stream: cannot be set here: call `stream` for a stream, `generate` for a whole answer"
        )


def left_out(name: str, why: str) -> Warning:
    """Return the warning that a setting or field was not sent."""
    return Warning("dropped_setting", f"`{name}` was left out: {why}")


def drop_sampling(fields: dict[str, Any], names: Iterable[str], route: Route, warnings: list[Warning]) -> None:
    """Take the fields `names` out of `fields` where the catalog says that the model takes no sampling settings."""
    if route.facts is not None and route.facts.supports_temperature is False:
        taken_out = [name for name in names if fields.pop(name, None) is not None]
        warnings += [left_out(name, "the model takes none, and answers without it") for name in taken_out]


def keep_taken(fields: dict[str, Any], refused: frozenset[str], warnings: list[Warning]) -> dict[str, Any]:
    """Return those of `fields` that the server has not refused. Raises `InvalidInputError` for what JSON lacks."""
    kept: dict[str, Any] = {}
    for name, value in fields.items():
        if name in refused:
            warnings.append(left_out(name, "the provider refuses it, and the model answers without it"))
        else:
            check_value(value, f"settings.{name}")
            kept[name] = value
    return kept
