"""Where a request goes: the URL names the model and the method, and whether the place is Vertex AI."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from turnout.errors import InvalidModelError
from turnout.routing.hosts import join_path

if TYPE_CHECKING:
    from turnout.routing.route import Route

_VERTEX = "vertex_gemini"
_WHOLE_NAMES = ("models/", "tunedModels/", "publishers/", "endpoints/")
"""A model may be named with its collection: https://ai.google.dev/api/models, and on Vertex AI a tuned endpoint."""


def is_vertex(route: Route) -> bool:
    """Tell whether `route` goes to Vertex AI."""
    return route.protocol == _VERTEX


def takes_call_ids(route: Route) -> bool:
    """Tell whether calls have ids there: those of Vertex AI's v1 have none (its discovery document), v1beta1's do."""
    return not is_vertex(route) or "/v1beta1/" in route.base_url


def write_url(route: Route, *, is_stream: bool) -> str:
    """Return the endpoint for the model of `route`. Raises `InvalidModelError` for an id that leads out of its place.

    That is ``{base}/models/{model}:generateContent``, on Vertex AI ``{base}/publishers/google/models/…``.
    """
    model = route.model
    if any(step in ("", ".", "..") for step in model.split("/")):
        raise InvalidModelError(f"the model id {model!r} cannot be part of a URL: check its slashes and dots")
    if not model.startswith(_WHOLE_NAMES):
        has_publisher = route.base_url.partition("?")[0].endswith("/publishers/google")
        model = f"publishers/google/models/{model}" if is_vertex(route) and not has_publisher else f"models/{model}"
    method = "streamGenerateContent" if is_stream else "generateContent"
    url = join_path(route.base_url, f"/{quote(model, safe='/@:.-_~')}:{method}")
    if not is_stream:
        return url
    return f"{url}{'&' if '?' in url else '?'}alt=sse"
