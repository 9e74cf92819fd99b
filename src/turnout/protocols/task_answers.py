"""Answers that are no chats, and what else may be in a 200: an error, a web page, another kind of server."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Any, NoReturn

from turnout.errors import InvalidInputError
from turnout.protocols.answer_bodies import refuse
from turnout.protocols.error_bodies import is_web_page, read_hidden_report, read_report
from turnout.protocols.errors import error_from_report
from turnout.protocols.json_reading import as_count, is_object, quote, try_read_json
from turnout.protocols.media_bytes import tidy_base64
from turnout.usage import Usage

if TYPE_CHECKING:
    from turnout.routing.route import Route


def raise_foreign(body: bytes, route: Route, wanted: str, kind: str) -> NoReturn:
    """Raise the error for a body that holds no `wanted`: an error in a 200, or another kind of server."""
    value = try_read_json(body)
    has_error = is_object(value) and value.get("error")
    report = read_report(value, route.secrets) if has_error else read_hidden_report(value, route.secrets)
    if report is not None:
        raise error_from_report(report, body=body)
    is_page = is_web_page(quote(body, route.secrets))
    what = "a web page" if is_page else f"a body that holds no {wanted}"
    path = route.url.partition("?")[0].removeprefix(route.base_url.partition("?")[0]) or "/"
    cure = f"check that the model is one for {kind}, and the base URL: it should end where `{path}` begins"
    raise refuse(what, body, route, cure, is_retryable=value is None and not is_page)


def read_token_usage(value: object) -> Usage:
    """Return the tokens that `usage` tells in any of its spellings; unknown where it tells none.

    Where all tokens are told and neither input nor output (ranking), they are input.
    """
    counts: dict[str, Any] = value if is_object(value) else {}
    given = _first(counts, "input_tokens", "prompt_tokens")
    made = _first(counts, "output_tokens", "completion_tokens")
    total = _first(counts, "total_tokens")
    details: Any = counts.get("input_token_details") or counts.get("input_tokens_details")
    audio = as_count(details.get("audio_tokens")) if is_object(details) else None
    if given is None and made is None and total is not None:
        given, made = total, 0
    if total is None and given is not None and made is not None:
        total = given + made
    return Usage(input_tokens=given, output_tokens=made, total_tokens=total, audio_input_tokens=audio)


def read_input_usage(value: object) -> Usage:
    """Return the tokens that `usage` tells of an answer that has none of its own, such as vectors and scores."""
    told = read_token_usage(value)
    if told.input_tokens is None:
        return told
    made = told.output_tokens or 0
    return Usage(input_tokens=told.input_tokens, output_tokens=made, total_tokens=told.input_tokens + made)


def read_base64(written: str, what: str, body: bytes, route: Route) -> bytes:
    """Return the bytes of `what` (``"sound"``), written as base64 or as a data URL. Raises `ResponseError`.

    Line breaks, the URL-safe letters and missing padding do no harm: what was made is paid for.
    """
    if written[:5].lower() == "data:":
        written = written.partition(",")[2]
    try:
        return b64decode(tidy_base64(written, what))
    except InvalidInputError:
        raise refuse(f"{what} that is no base64", body, route) from None


def _first(counts: dict[str, Any], *names: str) -> int | None:
    return next((count for name in names if (count := as_count(counts.get(name))) is not None), None)
