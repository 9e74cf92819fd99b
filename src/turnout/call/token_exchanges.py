"""The exchanges of secrets for tokens, one function for each mechanism.

Each is `(grant, transport) -> Token`, and raises `AuthenticationError` with the cure where the secret is refused.
Answers are bounded, no redirect is followed, and no message holds a secret.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode, urlsplit

import msgspec
from msgspec import Struct

from turnout.call.token_requests import TokenAnswer, ask, is_header, post
from turnout.errors import AuthenticationError, ServerError, redact_url
from turnout.routing.hosts import has_same_origin, is_loopback

if TYPE_CHECKING:
    from turnout.routing.route import Grant
    from turnout.transport.seam import Transport

_USUAL_S = 3600.0
_DIRECT_ACCESS_S = 25 * 60.0
"""GitLab's tokens say nothing of their end; its own client keeps them so long."""

_AWS_S = 300.0
"""How long keys of a profile or role are kept before botocore is asked again; it renews its own in time."""

_MOST_S = 24 * 3600.0
"""How long a token is kept at most, whatever its answer says: none of these lives longer."""

_FORM = {"content-type": "application/x-www-form-urlencoded"}
_JSON = {"content-type": "application/json"}


class Token(Struct, frozen=True, kw_only=True):
    """What an exchange gave: `value` until `expires` (as `time.time`), and `headers` that go with it.

    `base_url` is where calls go instead. For AWS `value` is the secret key, with `client_id` and `session_token`.
    """

    value: str
    expires: float
    headers: dict[str, str] = {}
    base_url: str | None = None
    client_id: str = ""
    session_token: str | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must never be shown."""
        return (self.value, *([self.session_token] if self.session_token else []))

    def __repr__(self) -> str:
        return "Token([hidden])"


async def exchange_iam_key(grant: Grant, transport: Transport) -> Token:
    """Exchange an IBM Cloud API key. Source: https://cloud.ibm.com/apidocs/iam-identity-token-api, 2026-11-25."""
    form = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": grant.secret}
    answer = await post(grant, transport, urlencode(form).encode(), _FORM)
    return _read_token(grant, answer, "access_token")


async def exchange_client(grant: Grant, transport: Transport) -> Token:
    """Exchange a client's id and secret (RFC 6749, 4.4), and find the deployment that calls go to, where one is asked
    for (``GET {base}/lm/deployments``, SAP AI Core's API reference, 2026-11-25)."""
    form = {"grant_type": "client_credentials", "client_id": grant.client_id, "client_secret": grant.secret}
    if grant.scope:
        form["scope"] = grant.scope
    answer = await post(grant, transport, urlencode(form).encode(), _FORM)
    token = _read_token(grant, answer, "access_token")
    if not grant.deployments:
        return token
    headers = {**grant.headers, "authorization": f"Bearer {token.value}"}
    listed = await ask(grant, transport, "GET", grant.deployments, headers)
    return msgspec.structs.replace(token, base_url=_read_deployment(grant, listed))


async def exchange_direct_access(grant: Grant, transport: Transport) -> Token:
    """Exchange a GitLab token for one of its AI gateway, with the headers that belong to it.

    Source: GitLab's API (``POST /ai/third_party_agents/direct_access``) as gitlab-ai-provider 6.12 calls it,
    2026-11-25.
    """
    body = msgspec.json.encode({"feature_flags": {"DuoAgentPlatformNext": True}})
    answer = await post(grant, transport, body, {**_JSON, "authorization": f"Bearer {grant.secret}"})
    listed = answer.facts.get("headers")
    given = cast("dict[str, object]", listed) if isinstance(listed, dict) else {}
    headers = {
        name.lower(): value
        for name, value in given.items()
        if isinstance(value, str) and name.lower() not in ("authorization", "x-api-key", "host", "content-length")
        and is_header(name) and is_header(value)
    }  # fmt: skip
    token = _read_token(grant, answer, "token", usual_s=_DIRECT_ACCESS_S)
    return msgspec.structs.replace(token, headers=headers)


async def exchange_session_token(grant: Grant, transport: Transport) -> Token:
    """Exchange a GitHub token for one of Copilot's, which says where calls go and when it ends.

    Source: ``GET https://api.github.com/copilot_internal/v2/token`` as copilot.vim and others call it, 2026-11-25.
    """
    headers = {**grant.headers, "authorization": f"token {grant.secret}"}
    answer = await ask(grant, transport, "GET", grant.url, headers)
    token = _read_token(grant, answer, "token", usual_s=_DIRECT_ACCESS_S)
    endpoints = answer.facts.get("endpoints")
    named = cast("dict[str, object]", endpoints).get("api") if isinstance(endpoints, dict) else None
    if not grant.moves_to or not isinstance(named, str) or not _may_move(grant, named):
        return token
    return msgspec.structs.replace(token, base_url=named.rstrip("/"))


async def fetch_google_token(grant: Grant, transport: Transport) -> Token:
    """Fetch a token for a service account or Application Default Credentials, by google-auth over `transport`.

    Source: https://google-auth.readthedocs.io, 2026-11-25. google-auth blocks, and is given a thread of its own.
    """
    from turnout.call.google_credentials import fetch_token

    value, expires, headers = await fetch_token(grant.file or None, grant.scope, transport)
    return Token(value=value, expires=expires, headers=headers)


async def find_aws_keys(grant: Grant, transport: Transport) -> Token:
    """Find the keys of the AWS profile or role of this machine, by botocore (files, SSO, ECS, IMDS) in a thread."""
    return await asyncio.to_thread(_read_aws_keys, grant.secret or None, grant.region)


def _read_aws_keys(profile: str | None, region: str) -> Token:
    from importlib import import_module

    botocore_errors: Any = import_module("botocore.exceptions")
    cure = "set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or `AWS_PROFILE`, or pass `api_key=`"
    try:
        session: Any = import_module("botocore.session").Session(profile=profile)
        session.set_config_variable("region", region)  # for roles: it reads AWS_DEFAULT_REGION only
        found: Any = session.get_credentials()
        keys: Any = found and found.get_frozen_credentials()
    except (botocore_errors.BotoCoreError, botocore_errors.ClientError, OSError, ValueError, ImportError) as error:
        raise AuthenticationError(f"the AWS credentials of this machine cannot be read ({error}): {cure}") from None
    if not keys or not keys.access_key or not keys.secret_key:
        raise AuthenticationError(f"this machine has no AWS credentials: {cure}")
    return Token(
        value=keys.secret_key, client_id=keys.access_key, session_token=keys.token or None,
        expires=time.time() + _AWS_S,
    )  # fmt: skip


def _read_deployment(grant: Grant, listed: TokenAnswer) -> str:
    """Return the URL of the first running deployment, which must be where the list is: the token goes there."""
    rows = listed.facts.get("resources")
    for row in cast("list[object]", rows) if isinstance(rows, list) else []:
        url = cast("dict[str, object]", row).get("deploymentUrl") if isinstance(row, dict) else None
        if isinstance(url, str) and has_same_origin(url, grant.deployments):
            return url.rstrip("/")
    raise AuthenticationError(
        f"{redact_url(grant.deployments)} lists no running deployment: start one, or name it in the variable of its id",
        url=grant.deployments,
    )


def _may_move(grant: Grant, url: str) -> bool:
    """Whether the answer to an exchange may send calls to `url`: https and a host that the catalog knows of."""
    if is_loopback(grant.url):
        return is_loopback(url)
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    host = parts.hostname or ""
    return parts.scheme == "https" and any(host == name or host.endswith(f".{name}") for name in grant.moves_to)


def _read_token(grant: Grant, answer: TokenAnswer, name: str, usual_s: float = _USUAL_S) -> Token:
    value = answer.facts.get(name)
    if not isinstance(value, str) or not value or not is_header(value):
        raise ServerError(f"{redact_url(grant.url)} answered without a token: check that URL", url=grant.url)
    return Token(value=value, expires=time.time() + _read_life(answer, usual_s))


def _read_life(answer: TokenAnswer, usual_s: float) -> float:
    """Return how many seconds a token lives from now on.

    A moment is taken as the server's: its clock, in the header Date, counts where this machine's goes wrong.
    """
    facts = answer.facts
    life = _read_number(facts.get("expires_in"))
    if life is None:
        end = _read_number(facts.get("expires_at", facts.get("expiration")))
        life = usual_s if end is None else end - answer.moment
    return min(max(life, 0.0), _MOST_S)


def _read_number(value: object) -> float | None:
    """Return a number, also one in a string, as Entra once wrote them."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if number == number else None  # noqa: PLR0124 - "nan" is no number
