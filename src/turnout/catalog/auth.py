"""How a provider is paid its dues at the door: mechanisms of authentication, and variables of URLs, as data."""

# No `from __future__ import annotations`: msgspec would compile every annotation on the first look-up (0.5 ms).
from typing import Literal

import msgspec

AuthMechanism = Literal[
    "api_key",
    "aws",
    "google_oauth",
    "oauth_client_credentials",
    "iam_api_key",
    "direct_access",
    "token_exchange",
]
"""How calls of a provider are authenticated.

``"api_key"``: a key in a header. ``"aws"``: a signature (SigV4). ``"google_oauth"``: a token of a service account or of
Application Default Credentials. ``"oauth_client_credentials"``: a token for a client's id and secret. These three are
used where no variable of `Provider.api_key_env` is set. The others exchange the key for a token: ``"iam_api_key"`` as
IBM Cloud does, ``"direct_access"`` for a token and headers (GitLab), ``"token_exchange"`` for a token with the moment
when it ends (GitHub Copilot).
"""

EXCHANGED_KEYS = ("iam_api_key", "direct_access", "token_exchange")
"""The mechanisms that exchange the API key for a token, instead of sending it."""


class URLVariable(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Where the value of a ``${VARIABLE}`` of a template comes from, beside the variable of that name."""

    names: tuple[str, ...] = ()
    """Other variables that may hold it, in the order in which they are tried."""

    json_env: str | None = None
    """A variable with a JSON object that holds it at `json_path`."""

    json_files: tuple[str, ...] = ()
    """Files with such an object, in the order in which they are tried; ``~`` is the user's folder, and ``${VARIABLE}``
    may stand in a name."""

    json_path: str = ""
    """The keys that lead to it in that object, with dots between them; ``|`` parts one way from another."""

    profile_key: str | None = None
    """Its name in the profile of AWS's configuration that is in use (``~/.aws/config``)."""

    default: str | None = None
    """What stands for it where nothing is set; may hold ``${VARIABLE}`` itself."""

    instead: dict[str, str] = {}
    """Values that stand for others: of a location without a host of its own, say. Shell patterns (``cn-*``) are tried
    in order where no value is the same."""

    ending: str = ""
    """What the value ends with: added where it lacks that, since both spellings are about (SAP's base URLs)."""

    is_place: bool = False
    """Whether it only says which of the provider's own hosts is meant (a region): it may stand in a file then while
    the keys are in the environment."""


class TokenSource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Where and with what a token is fetched, or a request is signed. All texts may hold ``${VARIABLE}``."""

    url: str | None = None
    """The URL of the exchange; the variable ``<PROVIDER>_TOKEN_URL`` overrides it."""

    scope: str | None = None
    """What the token is for (OAuth)."""

    client_id: str = ""
    """The id of the client (``"oauth_client_credentials"``)."""

    client_secret: str = ""
    """The secret of the client (``"oauth_client_credentials"``)."""

    headers: dict[str, str] = {}
    """Headers that the exchange wants."""

    moves_to: tuple[str, ...] = ()
    """Domains: the answer to an exchange may name one of their hosts for the calls to go to."""

    region: str = ""
    """The region that a request is signed for (``"aws"``)."""

    service: str = ""
    """The service that a request is signed for (``"aws"``)."""

    services: dict[str, str] = {}
    """The service by the first label of the host, where it is not `service`."""

    deployment_env: str | None = None
    """The variable with the id of the deployment that calls go to; where it is not set, `deployments` lists them."""

    deployment_path: str = ""
    """The path of a deployment below the base URL, before its id."""

    deployments: str = ""
    """The path and query below the base URL of the list of running deployments; calls go to the first."""
