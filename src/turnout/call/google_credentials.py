"""Google's credentials by google-auth (the extra ``turnout[vertex]``), over turnout's own transport."""

from __future__ import annotations

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (google-auth declares few types)
import asyncio
import os
import time
from collections.abc import Mapping  # noqa: TC003 - a field of a NamedTuple
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import google.auth
import msgspec
from google.auth import exceptions, transport
from google.oauth2 import service_account

from turnout.call.token_requests import find_secret_transport, is_header, read_answer
from turnout.errors import AuthenticationError, CallError, ServerError
from turnout.transport.seam import HTTPRequest
from turnout.version import USER_AGENT

if TYPE_CHECKING:
    from turnout.transport.seam import Transport

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_FILE = "GOOGLE_APPLICATION_CREDENTIALS"
_ANSWER_S = 20.0


async def fetch_token(file: str | None, scope: str | None, http: Transport) -> tuple[str, float, dict[str, str]]:
    """Return a token, when it ends (as `time.time`), and the headers that go with it.

    `file` holds the credentials; without it, those of this machine are looked for (ADC). Raises `AuthenticationError`
    with the cure, and `ServerError` where Google's own answer says to try again.
    """
    send = _Sender(http, asyncio.get_running_loop())
    try:
        return await asyncio.to_thread(_refresh, file, scope or _SCOPE, send)
    except exceptions.RefreshError as error:
        message = f"Google gives no token: {error.args[0] if error.args else error}"
        if error.retryable:
            raise ServerError(f"{message}: try again later") from None
        raise AuthenticationError(f"{message}: check the file that `{_FILE}` names, or log in again") from None
    except exceptions.TransportError as error:
        if isinstance(error.__cause__, CallError):
            raise error.__cause__ from None
        raise ServerError(f"Google gives no token: {error}: try again later") from None
    except (exceptions.GoogleAuthError, OSError, ValueError, TypeError, AttributeError, LookupError) as error:
        what = error if isinstance(error, (exceptions.GoogleAuthError, OSError)) else type(error).__name__
        cure = (
            f"let `{_FILE}` name a service account's JSON file, or log in with `gcloud auth application-default login`"
        )
        raise AuthenticationError(f"this machine has no credentials for Google ({what}): {cure}") from None


def _refresh(file: str | None, scope: str, send: _Sender) -> tuple[str, float, dict[str, str]]:
    found = _load(file, scope, send)
    found.refresh(send)
    expires = time.time() + 3600 if found.expiry is None else found.expiry.replace(tzinfo=UTC).timestamp()
    if not isinstance(found.token, str) or not is_header(found.token):
        raise ServerError("Google answered without a token: check where the credentials say that they come from")
    project = getattr(found, "quota_project_id", None)
    return found.token, expires, {"x-goog-user-project": project} if project else {}


def _load(file: str | None, scope: str, send: _Sender) -> Any:
    """Return the credentials of google-auth.

    A file that only `.env` names must be a service account's: other kinds tell google-auth to read files and to ask
    servers, and a folder may be somebody else's.
    """
    if file is not None:
        facts: Any = msgspec.json.decode(Path(file).read_bytes())
        if isinstance(facts, dict) and cast("dict[str, Any]", facts).get("type") == "service_account":
            return service_account.Credentials.from_service_account_info(facts, scopes=[scope])
        if os.environ.get(_FILE, "").strip() != file:
            raise exceptions.DefaultCredentialsError(f"{file} is no service account's, and only `.env` names it")
    return google.auth.default(scopes=[scope], request=send)[0]


class _Answer(NamedTuple):
    """What google-auth wants of an answer."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class _Sender(transport.Request):
    """Lets google-auth, in its thread, send over a transport of the event loop."""

    def __init__(self, http: Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._http = http
        self._loop = loop

    def __call__(  # pyright: ignore[reportIncompatibleMethodOverride] - google-auth declares no types
        self,
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: Any,
    ) -> _Answer:
        """Send one request; `timeout` is in seconds."""
        data = body.encode() if isinstance(body, str) else body or b""
        given = {"user-agent": USER_AGENT, **{name.lower(): value for name, value in (headers or {}).items()}}
        limit_s = min(timeout or _ANSWER_S, _ANSWER_S)
        deadline = time.monotonic() + limit_s
        request = HTTPRequest(method=method, url=url, headers=given, body=data, connect_s=limit_s, deadline=deadline)
        future = asyncio.run_coroutine_threadsafe(self._send(request), self._loop)
        try:
            return future.result()
        except CallError as error:
            raise exceptions.TransportError(error.message) from error

    async def _send(self, request: HTTPRequest) -> _Answer:
        response = await find_secret_transport(self._http).send(request)
        try:
            return _Answer(response.status, response.headers, await read_answer(response))
        finally:
            response.close()
