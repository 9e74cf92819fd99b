"""What a request goes through before it is encoded for a route."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from turnout.adaptation import Adapted, adapt, leave_out_foreign
from turnout.call.media import FetchedMedia, inline_media
from turnout.call.spec import merge_request
from turnout.routing.capabilities import check_request

if TYPE_CHECKING:
    from turnout.call.spec import Call, Runtime
    from turnout.requests import ModelRequest
    from turnout.responses import Warning
    from turnout.routing.model import Candidate
    from turnout.routing.route import Route


async def prepare(
    call: Call, candidate: Candidate, route: Route, runtime: Runtime
) -> tuple[ModelRequest, list[Warning]]:
    """Return the request of `call` for one candidate, with what the caller should know of it.

    What only another provider understands is left out, and URLs that the provider does not take are fetched. Raises
    `UnsupportedFeatureError` for a request that the catalog says the model cannot take.
    """
    request = merge_request(call.request, candidate)
    if request.task != "chat":
        return request, []
    warnings = check_request(request, route, check=call.check, emulates_tools=True)
    messages = leave_out_foreign(request.messages, route.provider)
    if len(messages) != len(request.messages) or any(map(_differs, messages, request.messages)):
        request = structs.replace(request, messages=messages)
    return await inline_media(request, route, runtime.transport, call.fetched or FetchedMedia()), warnings


def fit(request: ModelRequest, route: Route, refused: frozenset[str]) -> Adapted:
    """Return `request` as the model of `route` can take it; the server is known to refuse the fields in `refused`."""
    return Adapted(request=request) if request.task != "chat" else adapt(request, route, refused)


def _differs(one: object, other: object) -> bool:
    return one is not other
