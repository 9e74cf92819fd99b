"""What a route's `Grant` stands for: secrets exchanged for tokens, kept until they end, and requests signed.

The exchange goes over the transport of the runtime and follows no redirect. Calls at the same time share one exchange;
a token is fetched anew before it ends, and once after it was refused. Nothing of it is written anywhere.
"""

from __future__ import annotations

import asyncio
import copy
import hashlib
import time
from functools import partial
from typing import TYPE_CHECKING

from turnout.call import token_exchanges
from turnout.errors import APIConnectionError, APITimeoutError, TurnoutError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from turnout.call.token_exchanges import Token
    from turnout.routing.route import Grant, Route
    from turnout.transport.seam import Transport

_SPARE_S = 60.0
"""A token that ends within this time is fetched anew: the call that carries it takes a while."""

_EXCHANGE_S = 30.0
"""How long an exchange may take: others wait for it too, so that no call's own limit ends it."""

_MOST_KEPT = 1024
"""How many tokens are kept; a service with a key for each of its users would keep them all."""

_EXCHANGES: dict[str, Callable[[Grant, Transport], Awaitable[Token]]] = {
    "iam_api_key": token_exchanges.exchange_iam_key,
    "oauth_client_credentials": token_exchanges.exchange_client,
    "direct_access": token_exchanges.exchange_direct_access,
    "token_exchange": token_exchanges.exchange_session_token,
    "google_oauth": token_exchanges.fetch_google_token,
    "aws": token_exchanges.find_aws_keys,
}


class Credentials:
    """The tokens of a runtime: ``await credentials.authorise(route, transport)`` before each try of a call."""

    def __init__(self) -> None:
        self._tokens: dict[tuple[str, ...], Token] = {}
        self._pending: dict[tuple[int, tuple[str, ...]], asyncio.Task[Token]] = {}

    async def authorise(self, route: Route, transport: Transport, limit_s: float | None = None) -> None:
        """Put what the grant of `route` stands for into its headers, or let it sign; a route without one stays.

        Raises `AuthenticationError` with the cure where the exchange is refused, `APITimeoutError` when it is not done
        within `limit_s` seconds, and what the transport raises.
        """
        grant = route.grant
        if grant is None:
            return
        if grant.mechanism == "aws" and grant.client_id:
            route.sign = partial(_sign, grant, None)
            return
        if getattr(transport, "is_offline", False):  # a recording answers, whatever the key
            return
        key = _key(grant)
        token = self._tokens.get(key)
        if token is None or token.expires - _SPARE_S <= time.time():
            token = await self._fetch(key, grant, transport, limit_s)
        _apply(token, route, grant)

    def forget(self, route: Route) -> bool:
        """Drop the token that `route` carries, which the server refused; return whether another one may be had.

        A newer token, which another call has fetched since, is kept: a thousand calls that are refused at once lead to
        one exchange.
        """
        grant = route.grant
        if grant is None or (grant.mechanism == "aws" and grant.client_id):
            return False
        key = _key(grant)
        token = self._tokens.get(key)
        if token is not None and _carries(route, token):
            self._tokens.pop(key, None)
        return True

    async def _fetch(self, key: tuple[str, ...], grant: Grant, transport: Transport, limit_s: float | None) -> Token:
        """Start the exchange or join the one under way; nobody's cancel takes it from the others."""
        place = (id(asyncio.get_running_loop()), key)
        task = self._pending.get(place)
        if task is None or task.done():
            task = self._pending[place] = asyncio.create_task(self._exchange(key, grant, transport))
            task.add_done_callback(partial(self._settle, place))
        try:
            async with asyncio.timeout(limit_s):
                return await asyncio.shield(task)
        except TurnoutError as error:
            raise copy.copy(error) from None  # each call completes its error with its own model and attempts
        except TimeoutError:
            message = "no token came in time: raise the limits in timeouts=, or name a fallback"
            raise APITimeoutError(message, kind="total", limit_s=limit_s, url=grant.url or None) from None

    def _settle(self, place: tuple[int, tuple[str, ...]], task: asyncio.Task[Token]) -> None:
        if self._pending.get(place) is task:
            del self._pending[place]
        if not task.cancelled():
            task.exception()  # looked at: those who waited may all have gone

    async def _exchange(self, key: tuple[str, ...], grant: Grant, transport: Transport) -> Token:
        try:
            async with asyncio.timeout(_EXCHANGE_S):
                token = await _EXCHANGES[grant.mechanism](grant, transport)
        except TimeoutError:
            message = f"no token came within {_EXCHANGE_S:g} s: try again, or name a fallback"
            raise APIConnectionError(message, url=grant.url or None) from None
        self._keep(key, token)
        return token

    def _keep(self, key: tuple[str, ...], token: Token) -> None:
        """Keep `token` as the newest; the oldest go where there are too many."""
        self._tokens.pop(key, None)
        self._tokens[key] = token
        for old in list(self._tokens)[:-_MOST_KEPT]:
            self._tokens.pop(old, None)  # another thread may have taken it


def _key(grant: Grant) -> tuple[str, ...]:
    """Return what tells tokens apart; the secrets are in it as a hash only."""
    told = [grant.secret, grant.session_token or "", *(part for item in sorted(grant.headers.items()) for part in item)]
    secret = hashlib.sha256("\0".join(told).encode("utf-8", "surrogateescape")).hexdigest()
    place = (grant.url, grant.scope or "", grant.deployments, grant.file, grant.region, grant.service, *grant.moves_to)
    return (grant.mechanism, secret, grant.client_id, *place)


def _carries(route: Route, token: Token) -> bool:
    """Whether the last try of `route` went with `token`."""
    signed_by: tuple[object, ...] = getattr(route.sign, "args", ())
    if signed_by:
        return any(part is token for part in signed_by)
    return route.headers.get("authorization") == f"Bearer {token.value}"


def _apply(token: Token, route: Route, grant: Grant) -> None:
    """Let the calls of `route` carry `token`; whatever is secret in it is redacted from now on."""
    if grant.mechanism == "aws":
        route.secrets = tuple(dict.fromkeys((*route.secrets, *token.secrets)))
        route.sign = partial(_sign, grant, token)
        return
    if token.base_url and token.base_url != route.base_url:
        route.send_to(token.base_url, None)
    for name, value in token.headers.items():
        route.headers[name] = value
    route.headers["authorization"] = f"Bearer {token.value}"
    route.secrets = tuple(dict.fromkeys((*route.secrets, *token.secrets)))


def _sign(  # noqa: PLR0917 - the last four are a request
    grant: Grant, token: Token | None, method: str, url: str, headers: Mapping[str, str], body: bytes
) -> dict[str, str]:
    from turnout.transport.sigv4 import AWSCredentials, sign  # here: most calls sign nothing

    keys = AWSCredentials(grant.client_id, grant.secret, grant.session_token)
    if token is not None:
        keys = AWSCredentials(token.client_id, token.value, token.session_token)
    return sign(method, url, headers, body, keys, region=grant.region, service=grant.service).headers
