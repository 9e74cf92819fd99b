"""A whole answer, decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from turnout.errors import ResponseError
from turnout.protocols.anthropic_messages.stream import StreamDecoder
from turnout.protocols.anthropic_messages.wire import Body, convert_body, read_body
from turnout.protocols.error_bodies import is_web_page, read_hidden_report, read_report
from turnout.protocols.errors import error_from_report
from turnout.protocols.json_reading import UnreadableJSONError, is_object, quote, read_json, try_read_json

if TYPE_CHECKING:
    from turnout.responses import ModelResponse
    from turnout.routing.route import Route


def decode(body: bytes, route: Route) -> ModelResponse:
    """Return the answer in the `body` of a 200; everything that has no place in it is in `raw`.

    Raises `ResponseError` for a body that is no answer, and for an error inside it the `APIStatusError` that its code
    stands for.
    """
    try:
        told = read_body(body)
    except (ValueError, RecursionError):
        told = _read_leniently(body, route)
    if told.error or told.content is None:
        _raise_error(told, body, route)
    response = StreamDecoder(route).read_whole(told)
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
    return convert_body(value) if is_object(value) else Body()


def _raise_error(told: Body, body: bytes, route: Route) -> NoReturn:
    value = try_read_json(body)
    report = read_report(value, route.secrets) if told.error else read_hidden_report(value, route.secrets)
    if report is not None:
        raise error_from_report(report, body=body)
    _raise_foreign(body, route)


def _raise_foreign(body: bytes, route: Route) -> NoReturn:
    """Raise the error for a body that some other kind of server sent."""
    what = "a web page" if is_web_page(quote(body, route.secrets)) else "a body that is no message"
    cure = "check the base URL: it should end where `/messages` begins (often in `/v1`)"
    raise _response_error(what, body, route, cure, is_retryable=False)


def _response_error(what: str, body: bytes, route: Route, cure: str, *, is_retryable: bool) -> ResponseError:
    quoted = quote(body, route.secrets)
    error = ResponseError(f"the provider answered 200 with {what}: {quoted!r}: {cure}", status=200, body=body)
    error.is_retryable = is_retryable
    return error
