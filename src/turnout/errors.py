"""Every error that turnout raises.

::

    TurnoutError
    ├── ConfigurationError            nothing was sent; mend the program or its environment
    │   ├── UnknownProviderError      `provider/` names nobody (with did-you-mean)
    │   ├── MissingKeyError           no API key, or another variable of the provider is unset
    │   ├── InvalidModelError         the model argument itself cannot be read
    │   ├── InvalidInputError         messages or settings cannot be read
    │   ├── InvalidToolError          a function cannot be made a tool, or a type no output
    │   ├── UnsupportedFeatureError   the model lacks what the call needs (with models that have it)
    │   └── CatalogError              a catalog file is damaged, or holds a bad row
    ├── CallError                     one call of a model went wrong
    │   ├── APIStatusError            the provider answered with an error
    │   │   ├── BadRequestError           400 and other 4xx: the request does not suit the model
    │   │   │   ├── ContextLengthError        the prompt is over the model's context
    │   │   │   └── ContentFilterError        the provider refused the prompt's content
    │   │   ├── AuthenticationError       401: the key is wrong or expired
    │   │   ├── PermissionDeniedError     403: the key may not do this
    │   │   ├── NotFoundError             404: no such model or path
    │   │   ├── RateLimitError            429: too many requests (`retry_after_s`)
    │   │   └── ServerError               5xx, 408, 409, 425, 529: the provider's own fault
    │   ├── APIConnectionError        refused, reset, no such host, TLS, proxy
    │   ├── APITimeoutError           `kind`: connect, first_chunk, idle or total
    │   ├── ResponseError             a 200 whose body is no answer (HTML, cut JSON, no choices)
    │   ├── StreamError               the stream went wrong; `.text` is what came before
    │   │   ├── TruncatedStreamError      it ended with neither finish reason nor end mark
    │   │   ├── MalformedStreamError      an event could not be read
    │   │   ├── ProviderStreamError       the provider sent an error inside the stream
    │   │   └── StreamClosedError         it was left before its end, or is read twice
    │   └── AllCandidatesFailedError  every fallback failed; `.attempts` holds each
    ├── OutputError                   the answer does not fit the type asked for; `.text` holds it
    ├── BudgetError                   the call would cost more than `max_cost_usd` leaves
    ├── BlockedError                  a guard blocked the input or the output
    ├── ThreadStoreError              the history of a thread cannot be read or written
    └── LocalModelError               the embedded model cannot be fetched or started

Each carries `provider`, `model`, `url`, `status`, `body` (raw), `request_id`, `text`, `attempts` and `is_retryable`
(`None` or empty where it does not apply), and its message ends with the cure. No message, `str` or `repr` holds a
secret: `redact` has replaced every key that the call carried.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from turnout.responses import Attempt

TimeoutKind = Literal["connect", "first_chunk", "idle", "total"]
"""Which clock ran out: reaching the server, waiting for the first chunk, between two chunks, or the whole call."""

_HIDDEN = "[redacted]"


class TurnoutError(Exception):
    """Base of all errors of turnout; catch it to catch them all.

    Every subclass can be built from its message alone; the other facts are keyword arguments and attributes.
    """

    is_retryable: bool = False
    """Whether the same call may succeed when it is sent again unchanged."""

    def __init__(
        self,
        message: str,
        *,
        provider: str | None = None,
        model: str | None = None,
        url: str | None = None,
        status: int | None = None,
        body: bytes | None = None,
        request_id: str | None = None,
        text: str = "",
        attempts: Sequence[Attempt] = (),
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.model = model
        self.url = url
        self.status = status
        self.body = body
        self.request_id = request_id
        self.text = text
        self.partial: Any = None
        """What was done before, where one call is many requests: an `Embeddings` of `turnout.embedding`."""
        self.attempts: tuple[Attempt, ...] = tuple(attempts)

    @property
    def url(self) -> str | None:
        """Where the call went, without user name, password and query values."""
        return self._url

    @url.setter
    def url(self, url: str | None) -> None:
        self._url = None if url is None else redact_url(url)

    @property
    def message(self) -> str:
        """What went wrong and how to mend it, in plain words."""
        return str(self.args[0]) if self.args else ""

    def __str__(self) -> str:
        return self.message

    def locate(self, *, provider: str | None = None, model: str | None = None, url: str | None = None) -> None:
        """Fill in where the call went, where that is still unknown (lower floors do not know it)."""
        self.provider = self.provider or provider
        self.model = self.model or model
        self.url = self.url or url

    def redact(self, secrets: Sequence[str]) -> None:
        """Replace every one of `secrets` in message and raw body: some providers echo the key that they refuse."""
        self.args = tuple(redact_text(arg, secrets) if isinstance(arg, str) else arg for arg in self.args)
        self.request_id = self.request_id and redact_text(self.request_id, secrets)
        if self.body is not None:
            self.body = redact_bytes(self.body, secrets)


class ConfigurationError(TurnoutError):
    """The call could not be made as it is configured; nothing was sent."""


class UnknownProviderError(ConfigurationError):
    """The first segment of the model id names no provider of the catalog."""


class MissingKeyError(ConfigurationError):
    """An API key, or another variable that the provider needs, is not set; the message names it."""


class InvalidModelError(ConfigurationError):
    """The `model` argument cannot be read as an id, a config, a list of them or a function that returns one."""


class InvalidInputError(ConfigurationError):
    """Messages, settings or other arguments of a call cannot be read."""


class InvalidToolError(ConfigurationError):
    """A function cannot be made a tool, or a type has no JSON schema; the message names the parameter."""


class UnsupportedFeatureError(ConfigurationError):
    """The catalog says that the model lacks what the call needs; the message names models that have it."""


class CatalogError(ConfigurationError):
    """A catalog file is damaged, or a row of it (yours or a refreshed one) is not valid."""


class CallError(TurnoutError):
    """One call of a model went wrong."""


class APIStatusError(CallError):
    """The provider answered with an error status (or with an error in the body of a 200)."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after_s: float | None = None,
        headers: Mapping[str, str] | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(message, **facts)
        self.code = code
        """The provider's own code or type, such as ``"model_not_found"``."""
        self.param = param
        """The field of the request that the provider objects to, where it says so."""
        self.retry_after_s = retry_after_s
        """Seconds to wait before the next try, as the provider asks; `None` where it does not."""
        self.headers: Mapping[str, str] = headers or {}
        """The headers of the answer, names in lower case."""

    def redact(self, secrets: Sequence[str]) -> None:
        """Do as for every error, and for what is only here."""
        super().redact(secrets)
        self.code = self.code and redact_text(self.code, secrets)
        self.param = self.param and redact_text(self.param, secrets)
        self.headers = {name: redact_text(value, secrets) for name, value in self.headers.items()}


class BadRequestError(APIStatusError):
    """400, 422 and other 4xx: the request does not suit the model."""


class ContextLengthError(BadRequestError):
    """The prompt (with the answer asked for) is longer than the model's context."""


class ContentFilterError(BadRequestError):
    """The provider refused the content of the prompt."""


class AuthenticationError(APIStatusError):
    """401 (or a 403 that speaks of authentication): the API key is wrong, expired or missing."""


class PermissionDeniedError(APIStatusError):
    """403: the key is known and may not do this."""


class NotFoundError(APIStatusError):
    """404: the provider has no such model, or the URL no such path."""


class RateLimitError(APIStatusError):
    """429: too many requests, or the quota is used up; `retry_after_s` says how long to wait, where known."""

    is_retryable = True


class ServerError(APIStatusError):
    """The provider failed (5xx, 529), or asks to try again (408, 409, 425)."""

    is_retryable = True


class APIConnectionError(CallError):
    """No answer came: the connection was refused, reset or cut, the host is unknown, or TLS or a proxy failed."""

    is_retryable = True


class APITimeoutError(CallError):
    """A clock ran out; `kind` says which and `limit_s` how long it was, in seconds."""

    is_retryable = True

    def __init__(
        self, message: str, *, kind: TimeoutKind = "total", limit_s: float | None = None, **facts: Any
    ) -> None:
        super().__init__(message, **facts)
        self.kind: TimeoutKind = kind
        self.limit_s = limit_s


class ResponseError(CallError):
    """The provider answered 2xx with a body that is no answer: HTML, cut or invalid JSON, nothing in it."""

    is_retryable = True


class StreamError(CallError):
    """The stream went wrong; `.text` is the text that came before."""


class TruncatedStreamError(StreamError):
    """The stream ended with neither a finish reason nor the protocol's end mark."""

    is_retryable = True


class MalformedStreamError(StreamError):
    """An event of the stream could not be read."""

    is_retryable = True


class ProviderStreamError(StreamError):
    """The provider sent an error inside the stream."""

    is_retryable = True

    def __init__(self, message: str, *, code: str | None = None, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.code = code


class StreamClosedError(StreamError):
    """The stream was left before its end, or is read a second time."""


class AllCandidatesFailedError(CallError):
    """Every candidate of a fallback list failed; `.attempts` holds each try with its error.

    Its `provider`, `model`, `status` and `body` are those of the last candidate that reached a server.
    """


class OutputError(TurnoutError):
    """The answer is not of the type asked for, also after it was sent back for repair; `.text` is the answer."""


class BudgetError(TurnoutError):
    """The next call would cost more than is left of a `max_cost_usd`; it was not sent."""


class BlockedError(TurnoutError):
    """A guard blocked what goes to the model, or what came from it; the message says which guard, and why."""


class ThreadStoreError(TurnoutError):
    """The history of a thread cannot be read or written."""


class LocalModelError(TurnoutError):
    """The embedded model cannot be fetched, verified or started."""


STATUS_ERRORS: dict[int, type[APIStatusError]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: ServerError,
    409: ServerError,
    425: ServerError,
    429: RateLimitError,
}
"""The class for a status; any other 4xx is a `BadRequestError`, anything else a `ServerError`."""


def status_error_class(status: int) -> type[APIStatusError]:
    """Return the class of error for an HTTP `status` (retried: 408 409 425 429 5xx)."""
    known = STATUS_ERRORS.get(status)
    if known is not None:
        return known
    return BadRequestError if 300 <= status < 500 else ServerError


def redact_text(text: str, secrets: Sequence[str]) -> str:
    """Return `text` without any of `secrets`; one of under four characters is no key, and stays."""
    for secret in secrets:
        if len(secret) >= 4:
            text = text.replace(secret, _HIDDEN)
    return text


def redact_bytes(data: bytes, secrets: Sequence[str]) -> bytes:
    """Return `data` without any of `secrets`, also where JSON spells a character of one as an escape."""
    for secret in secrets:
        if len(secret) < 4:
            continue
        data = data.replace(secret.encode(), _HIDDEN.encode())
        if b"\\u" in data:
            escaped = b"".join(rb"(?:%s|\\u%04x)" % (re.escape(char.encode()), ord(char)) for char in secret)
            data = re.sub(escaped, _HIDDEN.encode(), data, flags=re.IGNORECASE)
    return data


@lru_cache(maxsize=64)  # every attempt of every call names its URL
def redact_url(url: str) -> str:
    """Return `url` without user name, password and query values: any of them may be a secret."""
    try:
        parts = urlsplit(url)
    except ValueError:  # no URL at all: show nothing of it
        return _HIDDEN
    host = parts.netloc.rpartition("@")[2]
    query = "&".join(f"{pair.partition('=')[0]}={_HIDDEN}" for pair in parts.query.split("&")) if parts.query else ""
    return urlunsplit((parts.scheme, host, parts.path, query, ""))
