"""Where one call goes: the result of routing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from msgspec import Struct, field

from turnout.catalog.quirks import Quirks
from turnout.catalog.types import Model
from turnout.errors import redact_url
from turnout.responses import Warning

_SECRET_HEADER = re.compile(r"auth|key|token|secret|cookie|password", re.IGNORECASE)


def is_secret_header(name: str) -> bool:
    """Whether a header of this name is likely to hold a secret."""
    return _SECRET_HEADER.search(name) is not None


class SecretHeaders(dict[str, str]):
    """Headers of a route, as they will be sent. `repr` shows their names only: a value may be a secret."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{name!r}: [hidden]" for name in self) + "}"


CUSTOM = "custom"
"""The first segment of an id that says: this is my own server, cut me off; and the provider of a URL without a name."""

Signer = Callable[[str, str, Mapping[str, str], bytes], dict[str, str]]
"""Makes of a request's method, URL, headers and body the headers that sign it."""


class Grant(Struct, frozen=True, kw_only=True):
    """What stands in the place of a key until the call is sent: it is exchanged for a token, or signs the request.

    `mechanism` is a `catalog.auth.AuthMechanism`. `secret` is the key, the client's secret or the AWS secret key (or
    the name of the AWS profile, where there is no `client_id`); `client_id` the client's id or the AWS access key.
    `url` is where a secret is exchanged, with `headers` and for `scope`; `deployments` lists where calls may go.
    `file` holds Google's credentials. `moves_to`: the domains of which the answer may name a host for the call. `repr`
    shows no secret.
    """

    mechanism: str
    secret: str = ""
    client_id: str = ""
    session_token: str | None = None
    url: str = ""
    scope: str | None = None
    headers: dict[str, str] = {}
    deployments: str = ""
    file: str = ""
    region: str = ""
    service: str = ""
    moves_to: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Grant({self.mechanism}{f' at {redact_url(self.url)}' if self.url else ''})"


def find_provider_name(maker: str) -> str:
    """Return the provider of a `maker`: the key of what a caller says to it in `provider_options`."""
    return CUSTOM if maker.startswith(f"{CUSTOM}@") else maker


class Route(Struct, kw_only=True):
    """Where one call goes, and all that the protocol must know about the place.

    `asked` is the model as the caller wrote it; `model` the id that is sent; `exact_model` the provider's own spelling
    of it, tried once on a 404. `url` is the full endpoint under `base_url`. `headers` hold the credentials already;
    `secrets` are the values in them that must never be shown. `facts` is the catalog's row, `None` for a model that it
    lacks. `steps` tells in words how the route was found, without secrets. `is_launched`: the server is one that
    turnout starts itself, and `base_url` stands for it until `send_to` tells where it listens. `grant`: what is
    exchanged for a token (or signs) before the call is sent; `sign` is there once that is known. `body_fields` are
    what every body must hold there. `shown_by` tells in words, without a secret, what the call is authenticated by:
    "the key of `GROQ_API_KEY` in the environment". `maker` is whose the state is that answers bring (signatures,
    encrypted reasoning) and that goes back to nobody else: the provider, or the host where it has no name.
    """

    asked: str
    provider: str
    model: str
    protocol: str
    base_url: str
    url: str
    headers: SecretHeaders = field(default_factory=SecretHeaders)
    secrets: tuple[str, ...] = ()
    exact_model: str | None = None
    facts: Model | None = None
    quirks: Quirks = field(default_factory=Quirks)
    warnings: list[Warning] = []
    steps: list[str] = []

    is_launched: bool = False
    grant: Grant | None = None
    sign: Signer | None = None
    body_fields: dict[str, str] = {}
    shown_by: str = ""
    maker: str = ""

    def __post_init__(self) -> None:
        if not self.maker:
            self.maker = self.provider

    def send_to(self, base_url: str, api_key: str | None) -> None:
        """Point the route at a server that was just launched for it."""
        self.url = base_url + self.url.removeprefix(self.base_url)
        self.base_url = base_url
        if api_key:
            self.headers["authorization"] = f"Bearer {api_key}"
            self.secrets = (*self.secrets, api_key)

    def __repr__(self) -> str:
        return f"Route({self.asked!r} -> {self.protocol} {redact_url(self.url)}, model={self.model!r})"
