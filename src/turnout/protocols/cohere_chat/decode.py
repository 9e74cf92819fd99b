"""A whole answer, decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from turnout.errors import ResponseError
from turnout.protocols.cohere_chat.reasons import is_error
from turnout.protocols.cohere_chat.stream import StreamDecoder
from turnout.protocols.error_bodies import is_web_page, read_hidden_report, read_report
from turnout.protocols.errors import error_from_report
from turnout.protocols.json_reading import UnreadableJSONError, is_object, quote, read_json
from turnout.responses import ErrorReport

if TYPE_CHECKING:
    from turnout.responses import ModelResponse
    from turnout.routing.route import Route


def decode(body: bytes, route: Route) -> ModelResponse:
    """Return the answer in the `body` of a 200; everything that is not read is in `raw`.

    Raises `ResponseError` for a body that is no answer, and for an error inside it the `APIStatusError` that its code
    stands for.
    """
    value = _read(body, route)
    message = value.get("message") if is_object(value) else None
    if not is_object(value) or not is_object(message):
        is_report = is_object(value) and (isinstance(message, str) or value.get("error"))
        report = read_report(value, route.secrets) if is_report else read_hidden_report(value, route.secrets)
        if report is not None:
            raise error_from_report(report, body=body)
        _raise_foreign(body, route)
    decoder = StreamDecoder(route)
    response = decoder.read_whole(value, message)
    reason = response.raw_finish_reason
    if reason is not None and is_error(reason):
        report = ErrorReport(message="the provider failed while answering", code=reason)
        raise error_from_report(report, body=body, text=decoder.text)
    response.raw = body
    return response


def _read(body: bytes, route: Route) -> Any:
    try:
        return read_json(body)
    except UnreadableJSONError as error:
        if error.is_cut:
            what = "a body that breaks off" if body.strip() else "an empty body"
            raise _response_error(what, body, route, "try again", is_retryable=True) from None
        _raise_foreign(body, route)


def _raise_foreign(body: bytes, route: Route) -> NoReturn:
    """Raise the error for a body that some other kind of server sent."""
    what = "a web page" if is_web_page(quote(body, route.secrets)) else "a body that is no answer of Cohere's chat"
    cure = "check the base URL: it should end where `/chat` begins (in `/v2`)"
    raise _response_error(what, body, route, cure, is_retryable=False)


def _response_error(what: str, body: bytes, route: Route, cure: str, *, is_retryable: bool) -> ResponseError:
    quoted = quote(body, route.secrets)
    error = ResponseError(f"the provider answered 200 with {what}: {quoted!r}: {cure}", status=200, body=body)
    error.is_retryable = is_retryable
    return error
