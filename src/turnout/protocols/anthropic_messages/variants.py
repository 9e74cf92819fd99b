"""Where the same body goes: Anthropic's own API and those like it, Google's Vertex AI, Amazon's Bedrock."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from msgspec import Struct

from turnout.errors import InvalidInputError
from turnout.protocols.json_reading import is_array
from turnout.routing.hosts import join_path

if TYPE_CHECKING:
    from turnout.routing.route import Route

API_VERSION = "2023-06-01"


class Variant(Struct, frozen=True, kw_only=True):
    """How one place takes the body. `version` is its ``anthropic_version``; where it has none, a header says it."""

    version: str | None = None
    has_stream_field: bool = True
    has_beta_field: bool = False
    stream_type: str = "text/event-stream"


DIRECT = Variant()
VERTEX = Variant(version="vertex-2023-10-16")
BEDROCK = Variant(
    version="bedrock-2023-05-31",
    has_stream_field=False,
    has_beta_field=True,
    stream_type="application/vnd.amazon.eventstream",
)
_VARIANTS = {"vertex_anthropic": VERTEX, "bedrock_anthropic": BEDROCK}


def find_variant(route: Route) -> Variant:
    """Return how the place of `route` takes the body, by the name of its wire format."""
    return _VARIANTS.get(route.protocol, DIRECT)


def write_url(route: Route, variant: Variant, *, is_stream: bool) -> str | None:
    """Return the endpoint where it is another than ``base_url + "/messages"``; `None` where it is that.

    - Anthropic's own clients take base URLs without the version (``https://api.anthropic.com``): it is put between.
    - Vertex: ``…/locations/{location}/publishers/anthropic/models/{model}:rawPredict``, of which the base URL may hold
      the beginning, down to ``/models``; ``:streamRawPredict`` for a stream.
      https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude
    - Bedrock: ``/model/{model}/invoke`` and ``/model/{model}/invoke-with-response-stream``.
      https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html
    """
    if variant is DIRECT:
        path = route.base_url.partition("?")[0]
        return None if re.search(r"/v\d[^/]*$", path) else join_path(route.base_url, "/v1/messages")
    model = quote(route.model, safe=":@")
    if route.model in ("", ".", ".."):
        raise InvalidInputError(f"the model's id {route.model!r} cannot be part of a URL: name a model")
    if variant is BEDROCK:
        verb = "invoke-with-response-stream" if is_stream else "invoke"
        return join_path(route.base_url, f"/model/{model}/{verb}")
    path = route.base_url.partition("?")[0].rstrip("/")
    between = "" if path.endswith("/models") else "/models"
    if not path.endswith(("/models", "/publishers/anthropic")):
        between = "/publishers/anthropic/models"
    verb = "streamRawPredict" if is_stream else "rawPredict"
    return join_path(route.base_url, f"{between}/{model}:{verb}")


def address(body: dict[str, Any], route: Route, variant: Variant, *, is_stream: bool) -> dict[str, Any]:
    """Return `body` with what its place wants in it, in front: the model, or the version; and whether it streams."""
    front: dict[str, Any] = {"anthropic_version": variant.version} if variant.version else {"model": route.model}
    if is_stream and variant.has_stream_field:
        body = {**body, "stream": True}
    return {**front, **body}


def place_betas(body: dict[str, Any], route: Route, variant: Variant) -> dict[str, str]:
    """Move ``anthropic_beta`` to where its place wants it; return the headers that this makes.

    It may come as a field of `provider_options` and as the header ``anthropic-beta``, of which both are sent, and is a
    header everywhere but on Bedrock, which has it in the body.
    """
    asked = body.pop("anthropic_beta", None)
    betas = [item for item in (asked if is_array(asked) else [asked]) if isinstance(item, str)]
    told = route.headers.get("anthropic-beta", "")
    if not (variant.has_beta_field or betas):
        return {}
    betas = list(dict.fromkeys([*betas, *(name.strip() for name in told.split(",") if name.strip())]))
    if not variant.has_beta_field:
        return {"anthropic-beta": ",".join(betas)}
    if betas:
        body["anthropic_beta"] = betas
    return {}
