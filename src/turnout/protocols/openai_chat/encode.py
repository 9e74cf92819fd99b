"""A request as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from turnout.errors import InvalidInputError
from turnout.protocols import EncodedRequest
from turnout.protocols.openai_chat.json_values import check_value
from turnout.protocols.openai_chat.outgoing import write_messages
from turnout.requests import merge_deep
from turnout.responses import Warning

if TYPE_CHECKING:
    from turnout.requests import ModelRequest, ModelSettings
    from turnout.routing.route import Route

_PLAIN = ("temperature", "top_p", "top_k", "stop", "presence_penalty", "frequency_penalty", "reasoning_effort")
_LIMITS = ("max_tokens", "max_completion_tokens")


def encode(request: ModelRequest, route: Route, dropped: frozenset[str] = frozenset()) -> EncodedRequest:
    """Return `request` as the bytes to send: model, messages, the settings that were given, and nothing else.

    Fields in `dropped` (the server refused them before) or in the quirks' `rejected_fields` are left out with a
    warning; a limit on tokens is then sent under its other name. `provider_options` of the route's provider are merged
    in last. Raises `InvalidInputError` for what the wire cannot carry.
    """
    warnings: list[Warning] = []
    refused = dropped.union(route.quirks.rejected_fields)
    body: dict[str, Any] = {"model": route.model, "messages": write_messages(request.messages, route, warnings)}
    translated = _add_settings(body, request.settings, route, refused, warnings)
    added: set[str] = set()
    if request.stream:
        body["stream"] = True
        if "stream_options" not in refused:
            body["stream_options"] = {"include_usage": True}
            added.add("stream_options")
        elif "stream_options" in dropped:
            warnings.append(_dropped("stream_options", "usage and cost may be unknown"))
    options = request.provider_options.get(route.provider, {})
    if options:
        body = _merge_options(body, options, request, route.provider)
    encoded = _to_bytes(body)
    headers = {
        "content-type": "application/json",
        "accept": "text/event-stream" if request.stream else "application/json",
    }
    return EncodedRequest(
        body=encoded,
        headers=headers,
        added=frozenset(added - options.keys()),
        translated=frozenset(translated - options.keys()),
        warnings=tuple(warnings),
    )


def _add_settings(
    body: dict[str, Any], settings: ModelSettings, route: Route, refused: frozenset[str], warnings: list[Warning]
) -> set[str]:
    """Write the settings that were given into `body`; return the fields that are translated, not named by the user."""
    given: dict[str, Any] = {name: value for name in _PLAIN if (value := getattr(settings, name)) is not None}
    translated: set[str] = {"reasoning_effort"} & given.keys()
    if settings.seed is not None:
        name = route.quirks.seed_field
        given[name] = settings.seed
        if name != "seed":
            translated.add(name)
    if settings.max_output_tokens is not None:
        name = _name_limit(route.quirks.max_tokens_field, refused, warnings)
        given[name] = settings.max_output_tokens
        translated.add(name)
    for name, value in given.items():
        if name in refused:
            warnings.append(_dropped(name, "the model answers without it"))
            continue
        check_value(value, f"settings.{name}")
        body[name] = value
    return translated & body.keys()


def _name_limit(usual: str, refused: frozenset[str], warnings: list[Warning]) -> str:
    """Return the field for the limit of tokens: the other spelling where the usual one is refused."""
    other = next(name for name in _LIMITS if name != usual)
    if usual not in refused or other in refused:
        return usual
    warnings.append(Warning("renamed_setting", f"`{usual}` is refused here: the limit was sent as `{other}`"))
    return other


def _merge_options(
    body: dict[str, Any], options: dict[str, Any], request: ModelRequest, provider: str
) -> dict[str, Any]:
    where = f"provider_options[{provider!r}]"
    check_value(options, where)
    if "stream" in options and options["stream"] is not request.stream:
        raise InvalidInputError(
            f"{where}.stream: cannot be set here: call `stream` for a stream, `generate` for a whole answer"
        )
    return merge_deep(body, options)


def _to_bytes(body: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:
        check_value(body, "request")  # raises with the place
        raise


def _dropped(name: str, consequence: str) -> Warning:
    return Warning("dropped_setting", f"`{name}` was left out, because the provider refuses it: {consequence}")
