"""Error answers as errors of turnout: the class by status and code, and the cure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import structs

from turnout.errors import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ContentFilterError,
    ContextLengthError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    redact_text,
    status_error_class,
)
from turnout.protocols.error_bodies import read_error_body
from turnout.protocols.json_reading import is_object, objects
from turnout.responses import REQUEST_ID_HEADERS, ErrorReport

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TOLD_CHARS = 200  # of a code or field: a server may put anything there

_QUOTA = frozenset(
    {
        "insufficient_quota",  # OpenAI
        "billing_hard_limit_reached",
        "exceeded_current_quota_error",  # Moonshot
        "insufficient_balance",
        "insufficient_credits",
    }
)
_CODES: dict[str, type[APIStatusError]] = {
    "context_length_exceeded": ContextLengthError,  # OpenAI, Groq, DeepSeek
    "exceed_context_size_error": ContextLengthError,  # llama.cpp
    "content_filter": ContentFilterError,  # Azure
    "content_policy_violation": ContentFilterError,
    "moderation_blocked": ContentFilterError,  # OpenAI's pictures
    "responsibleaipolicyviolation": ContentFilterError,  # Azure's inner code
    "invalid_prompt": ContentFilterError,  # OpenAI's reasoning models
    "data_inspection_failed": ContentFilterError,  # Alibaba
    "datainspectionfailed": ContentFilterError,
    "flagged_input": ContentFilterError,  # OpenRouter's moderation (a 403)
    "invalid_api_key": AuthenticationError,
    "incorrect_api_key": AuthenticationError,
    "wrong_api_key": AuthenticationError,  # Cerebras
    "api_key_invalid": AuthenticationError,  # Google
    "authentication_error": AuthenticationError,
    "unauthenticated": AuthenticationError,
    "model_not_found": NotFoundError,
    "expiredtokenexception": AuthenticationError,  # AWS, in a 403
    "invalidsignatureexception": AuthenticationError,
    "unrecognizedclientexception": AuthenticationError,
    "missingauthenticationtokenexception": AuthenticationError,
    "servicequotaexceededexception": RateLimitError,  # Bedrock, in a 400
    "modelerrorexception": ServerError,  # Bedrock, in a 424: the model failed
    **dict.fromkeys(_QUOTA, RateLimitError),
}
"""Codes and types that say more than the status, in lower case."""

_CODES_IN_200: dict[str, type[APIStatusError]] = {
    "invalid_request_error": BadRequestError,
    "invalid_argument": BadRequestError,
    "badrequesterror": BadRequestError,  # vLLM
    "permission_error": PermissionDeniedError,
    "permission_denied": PermissionDeniedError,
    "not_found_error": NotFoundError,
    "not_found": NotFoundError,
    "rate_limit_exceeded": RateLimitError,
    "rate_limit_error": RateLimitError,
    "rate_limit_reached": RateLimitError,
    "too_many_requests": RateLimitError,
    "resource_exhausted": RateLimitError,
    "throttlingexception": RateLimitError,  # Bedrock
    "validationexception": BadRequestError,
    "accessdeniedexception": PermissionDeniedError,
    "resourcenotfoundexception": NotFoundError,
}
"""Types that matter only where no status says the same."""

_WORDS: tuple[tuple[re.Pattern[str], type[APIStatusError]], ...] = (
    (
        # vLLM, DeepSeek, Mistral, Together; Anthropic; Google; xAI; Bedrock
        re.compile(
            r"maximum context length|context window|prompt is too long|input token count|maximum prompt length"
            r"|input is too long for requested model",
            re.I,
        ),
        ContextLengthError,
    ),
    (re.compile(r"content exists risk|content management policy", re.I), ContentFilterError),  # DeepSeek; Azure
    (re.compile(r"api key not valid|incorrect api key|invalid api key", re.I), AuthenticationError),  # Google; xAI
)
"""Where prose is the only sign, in a 400, 413 or 422."""

_CURES: tuple[tuple[type[APIStatusError], str], ...] = (
    (
        ContextLengthError,
        "shorten the messages, lower `max_output_tokens`, or choose a model with a longer context",
    ),
    (ContentFilterError, "change what the messages say, or ask another model"),
    (AuthenticationError, "check the API key: set the provider's environment variable or pass `api_key=`"),
    (PermissionDeniedError, "ask the provider to give this key access to the model, or choose another model"),
    (NotFoundError, "check the model's id and the base URL"),
    (RateLimitError, "wait and try again, raise `max_retries`, or name a fallback model"),
    (ServerError, "try again later, raise `max_retries`, or name a fallback model"),
)


def decode_error(status: int, headers: Mapping[str, str], body: bytes, secrets: Sequence[str] = ()) -> APIStatusError:
    """Return the error that an answer with an error status stands for; `retry_after_s` is left to the caller.

    The message holds none of `secrets`; the other attributes hold what came, for `TurnoutError.redact`.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    report = read_error_body(body, secrets) or ErrorReport(message="the provider gave no reason")
    if report.code is None and (kind := lowered.get("x-amzn-errortype")):  # ``ThrottlingException:http://…``
        report = structs.replace(report, code=kind.partition(":")[0])
    request_id = next((lowered[name] for name in REQUEST_ID_HEADERS if lowered.get(name)), None)
    cure = _cure_redirect(lowered.get("location", "")) if 300 <= status < 400 else None
    return _build(status, report, cure, secrets=secrets, body=body, headers=lowered, request_id=request_id)


def error_from_report(report: ErrorReport, *, body: bytes, text: str = "") -> APIStatusError:
    """Return the error for one that came in the `body` of a 200; a numeric code in it is taken as the status."""
    return _build(200, report, body=body, text=text)


def _build(
    status: int, report: ErrorReport, cure: str | None = None, *, secrets: Sequence[str] = (), **facts: Any
) -> APIStatusError:
    words = _read_words(report)
    effective = _read_status(status, report)
    kind = _classify(effective, words, report.message)
    is_quota = effective == 402 or bool(words & _QUOTA)
    code, param = _quote(report.code, secrets), _quote(report.param, secrets)
    told = f"status {status}, {code}" if code else f"status {status}"
    cure = cure or _cure(kind, param, is_quota=is_quota and kind is RateLimitError)
    error = kind(
        f"{report.message.rstrip('.')} ({told}): {cure}",
        code=report.code,
        param=report.param,
        status=effective or status,
        **facts,
    )
    if is_quota:
        error.is_retryable = False
    return error


def _read_words(report: ErrorReport) -> frozenset[str]:
    """Return every code that the error holds, in lower case: some providers have several, one inside the other."""
    holder = report.details or {}
    inner = holder.get("innererror")
    metadata = holder.get("metadata")
    holders = [holder, *objects([inner, metadata]), *objects(holder.get("details"))]
    named = [each.get(name) for each in holders for name in ("code", "type", "status", "reason", "error_type")]
    if is_object(metadata) and "flagged_input" in metadata:
        named.append("flagged_input")
    return frozenset([word.lower() for word in [report.code, *named] if isinstance(word, str)])


def _read_status(status: int, report: ErrorReport) -> int:
    """Return the status that counts: that of the answer, or for a 200 the one in its body; 0 where there is none."""
    if status != 200:
        return status
    codes = [str((report.details or {}).get(name, "")) for name in ("code", "status", "status_code")]
    found = next((code for code in codes if re.fullmatch(r"[45]\d\d", code)), None)
    return int(found) if found else 0


def _classify(status: int, words: frozenset[str], message: str) -> type[APIStatusError]:
    if status not in (401, 404):
        for word in sorted(words):
            if word in _CODES:
                return _CODES[word]
            if not status and word in _CODES_IN_200:
                return _CODES_IN_200[word]
    if status in (0, 400, 413, 422):
        for pattern, kind in _WORDS:
            if pattern.search(message):
                return kind
    if status == 403 and re.search(r"authentication failed", message, re.I):
        return AuthenticationError  # OVHcloud
    return RateLimitError if status == 402 else status_error_class(status or 500)


def _cure_redirect(location: str) -> str:
    """Name the host that `location` points to, and nothing more of it: its path or query may hold a secret."""
    origin = re.match(r"(https?://|//)(?:[^/?#]*@)?([^/?#@]+)", location, re.IGNORECASE)
    if origin is None:
        return "the server redirects, which turnout does not follow: check the base URL, down to its last slash"
    return (
        f"the server redirects to `{origin[1]}{origin[2]}`, which turnout does not follow:"
        " if the API is there now, change the base URL"
    )


def _quote(word: str | None, secrets: Sequence[str]) -> str:
    """Return a word of the server for a message; `secrets` go first, lest one be cut in two."""
    return redact_text(word, secrets)[:_TOLD_CHARS] if word else ""


def _cure(kind: type[APIStatusError], param: str, *, is_quota: bool) -> str:
    if is_quota:
        return "add credit at the provider, use another key, or name a fallback model"
    known = next((cure for each, cure in _CURES if kind is each), None)
    if known is not None:
        return known
    where = f"`{param}`" if param else "the messages, settings and provider_options of the call"
    return f"check {where}; `turnout explain` shows what the model takes"
