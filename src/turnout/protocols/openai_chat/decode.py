"""A whole answer, decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from turnout.errors import ResponseError
from turnout.protocols.error_bodies import is_web_page, read_hidden_report, read_report
from turnout.protocols.errors import error_from_report
from turnout.protocols.json_reading import UnreadableJSONError, is_object, quote, read_json, try_read_json
from turnout.protocols.openai_chat.reasons import is_error
from turnout.protocols.openai_chat.stream import StreamDecoder
from turnout.protocols.openai_chat.wire import Body, convert_leniently, read_strictly
from turnout.responses import ErrorReport

if TYPE_CHECKING:
    from turnout.protocols.openai_chat.wire import Choice
    from turnout.responses import ModelResponse
    from turnout.routing.route import Route


def decode(body: bytes, route: Route) -> ModelResponse:
    """Return the answer in the `body` of a 200. Only the first choice is read; everything else is in `raw`.

    Raises `ResponseError` for a body that is no answer, and for an error inside it the `APIStatusError` that its code
    stands for.
    """
    try:
        wire = read_strictly(body)
    except (ValueError, RecursionError):
        wire = _read_leniently(body, route)
    if wire.error or not wire.choices or not any(map(_says_something, wire.choices)):
        _raise_error(wire, body, route)
    decoder = StreamDecoder(route)
    response = decoder.read_whole(wire)
    reason = response.raw_finish_reason
    if reason is not None and is_error(reason):
        report = ErrorReport(message="the provider failed while answering", code=reason)
        raise error_from_report(report, body=body, text=decoder.text)
    response.raw = body
    return response


def _read_leniently(body: bytes, route: Route) -> Body:
    try:
        value = read_json(body)
    except UnreadableJSONError as error:
        if error.is_cut:
            what = "a body that breaks off" if body.strip() else "an empty body"
            raise _response_error(what, body, route, "try again", is_retryable=True) from None
        _raise_foreign(body, route)
    return convert_leniently(value) if is_object(value) else Body()


def _says_something(choice: Choice) -> bool:
    return choice.message is not None or choice.delta is not None or bool(choice.finish_reason)


def _raise_error(wire: Body, body: bytes, route: Route) -> NoReturn:
    value = try_read_json(body)
    report = read_report(value, route.secrets) if wire.error else read_hidden_report(value, route.secrets)
    if report is not None:
        raise error_from_report(report, body=body)
    if wire.choices is None:
        _raise_foreign(body, route)
    what = "a choice that says nothing" if wire.choices else "no choices"
    raise _response_error(what, body, route, "try again, or name a fallback model", is_retryable=True)


def _raise_foreign(body: bytes, route: Route) -> NoReturn:
    """Raise the error for a body that some other kind of server sent."""
    what = "a web page" if is_web_page(quote(body, route.secrets)) else "a body that is no chat completion"
    cure = "check the base URL: it should end where `/chat/completions` begins (often in `/v1`)"
    raise _response_error(what, body, route, cure, is_retryable=False)


def _response_error(what: str, body: bytes, route: Route, cure: str, *, is_retryable: bool) -> ResponseError:
    quoted = quote(body, route.secrets)
    error = ResponseError(f"the provider answered 200 with {what}: {quoted!r}: {cure}", status=200, body=body)
    error.is_retryable = is_retryable
    return error
