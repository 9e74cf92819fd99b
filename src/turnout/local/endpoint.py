"""Where a local model is served."""

from __future__ import annotations

import msgspec


class Endpoint(msgspec.Struct, frozen=True):
    """An OpenAI-compatible server on the loopback interface; send requests to ``base_url + "/chat/completions"``.

    `api_key` keeps other users of the machine out; it is made anew at each start and left out of the repr.
    """

    base_url: str
    """Such as ``http://127.0.0.1:40123/v1``."""
    api_key: str
    """The bearer token that the server asks for."""
    model: str
    """The name under which the server answers; it serves one model, whatever name a request holds."""

    def __repr__(self) -> str:
        return f"Endpoint(base_url={self.base_url!r}, model={self.model!r})"
