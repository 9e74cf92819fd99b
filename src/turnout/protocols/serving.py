"""What serving a wire format has in common: a request that came in, read."""

from __future__ import annotations

from msgspec import Struct

from turnout.requests import ModelRequest


class ParsedRequest(Struct, frozen=True, kw_only=True):
    """A request of a client: the model that it names, and what it asks of it.

    Fields of the body that turnout has no word for are in `provider_options` of the request, under ``"*"`` or the
    name of the wire format, so that nothing is lost.
    """

    model: str
    request: ModelRequest
