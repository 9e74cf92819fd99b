"""A whole answer, decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from turnout.errors import ResponseError
from turnout.protocols.bedrock_converse.stream import StreamDecoder
from turnout.protocols.error_bodies import is_web_page, read_hidden_report, read_report
from turnout.protocols.errors import error_from_report
from turnout.protocols.json_reading import UnreadableJSONError, is_object, quote, read_json

if TYPE_CHECKING:
    from turnout.responses import ModelResponse
    from turnout.routing.route import Route

_ERROR_NAMES = frozenset({"message", "Message", "error", "__type"})


def decode(body: bytes, route: Route) -> ModelResponse:
    """Return the answer in the `body` of a 200; everything that is not in its parts is in `raw`.

    Raises `ResponseError` for a body that is no answer, and for an error inside it the `APIStatusError` that its code
    stands for.
    """
    value = _read(body, route)
    output = value.get("output")
    if not is_object(output) or not is_object(output.get("message")):
        _raise_foreign(value, body, route)
    response = StreamDecoder(route).read_whole(value)
    response.raw = body
    return response


def _read(body: bytes, route: Route) -> dict[str, Any]:
    try:
        value = read_json(body)
    except UnreadableJSONError as error:
        if error.is_cut:
            what = "a body that breaks off" if body.strip() else "an empty body"
            raise _response_error(what, body, route, "try again", is_retryable=True) from None
        _raise_foreign(None, body, route)
    if not is_object(value):
        _raise_foreign(value, body, route)
    return value


def _raise_foreign(value: object, body: bytes, route: Route) -> NoReturn:
    """Raise the error for a body that some other kind of server sent, or that tells an error."""
    tells = is_object(value) and not _ERROR_NAMES.isdisjoint(value)
    report = read_report(value, route.secrets) if tells else read_hidden_report(value, route.secrets)
    if report is not None:
        raise error_from_report(report, body=body)
    what = "a web page" if is_web_page(quote(body, route.secrets)) else "a body that is no answer of Converse"
    cure = "check the base URL: it should end where `/model/…/converse` begins"
    raise _response_error(what, body, route, cure, is_retryable=False)


def _response_error(what: str, body: bytes, route: Route, cure: str, *, is_retryable: bool) -> ResponseError:
    quoted = quote(body, route.secrets)
    error = ResponseError(f"the provider answered 200 with {what}: {quoted!r}: {cure}", status=200, body=body)
    error.is_retryable = is_retryable
    return error
