"""What a request goes through before it is encoded for a route."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from turnout.adaptation import Adapted, adapt, leave_out_foreign, leave_out_untaken
from turnout.call.spec import merge_request
from turnout.messages import Media, Refusal, Text, ToolCall, ToolResult
from turnout.routing.capabilities import check_request

if TYPE_CHECKING:
    from turnout.call.spec import Call, Runtime
    from turnout.messages import Part
    from turnout.requests import ModelRequest
    from turnout.responses import Warning
    from turnout.routing.model import Candidate
    from turnout.routing.route import Route

_UNDERSTOOD: frozenset[type[Part]] = frozenset((Text, Refusal, ToolCall, ToolResult))
"""The kinds of parts that every provider understands, and that point to nothing."""


async def prepare(
    call: Call, candidate: Candidate, route: Route, runtime: Runtime
) -> tuple[ModelRequest, list[Warning]]:
    """Return the request of `call` for one candidate, with what the caller should know of it.

    What only another provider understands is left out, so is what a model made and this one does not take; URLs that
    the provider does not take are fetched. Raises `UnsupportedFeatureError` for a request that the catalog says the
    model cannot take.
    """
    request = merge_request(call.request, candidate)
    if request.task != "chat":
        return request, []
    kinds = _list_kinds(request)
    if not kinds <= _UNDERSTOOD:
        messages = leave_out_untaken(leave_out_foreign(request.messages, route.maker), route)
        if messages is not request.messages:
            request = structs.replace(request, messages=messages)
            kinds = _list_kinds(request)
    warnings = check_request(request, route, check=call.check, emulates_tools=True, kinds=kinds)
    if not kinds <= _UNDERSTOOD and any(issubclass(kind, Media) for kind in kinds):
        from turnout.call.media import FetchedMedia, inline_media  # here: most calls have none

        request = await inline_media(request, route, runtime.transport, call.fetched or FetchedMedia())
    return request, warnings


def _list_kinds(request: ModelRequest) -> set[type[Part]]:
    return {type(part) for message in request.messages for part in message.content}


def fit(request: ModelRequest, route: Route, refused: frozenset[str]) -> Adapted:
    """Return `request` as the model of `route` can take it; the server is known to refuse the fields in `refused`."""
    return Adapted(request=request) if request.task != "chat" else adapt(request, route, refused)
