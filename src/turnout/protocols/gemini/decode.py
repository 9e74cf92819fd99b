"""A whole answer, decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from turnout.errors import ContentFilterError, ResponseError
from turnout.protocols.error_bodies import is_web_page, read_hidden_report, read_report
from turnout.protocols.errors import error_from_report
from turnout.protocols.gemini.stream import StreamDecoder, read_events
from turnout.protocols.json_reading import UnreadableJSONError, objects, quote, read_json

if TYPE_CHECKING:
    from turnout.responses import ModelResponse
    from turnout.routing.route import Route


def decode(body: bytes, route: Route) -> ModelResponse:
    """Return the answer in the `body` of a 200. Only the first candidate is read; everything else is in `raw`.

    Raises `ResponseError` for a body that is no answer, `ContentFilterError` where the prompt was blocked, and for an
    error inside it the `APIStatusError` that its code stands for.
    """
    value = _read(body, route)
    events = read_events(value)
    if any(event.get("error") for event in events):
        report = next(filter(None, (read_report(event, route.secrets) for event in events if event.get("error"))), None)
        if report is not None:
            raise error_from_report(report, body=body)
    decoder = StreamDecoder(route)
    try:
        for event in events:
            decoder.decode_body(event)
    except ContentFilterError as error:
        error.body = body
        raise
    if not any(objects(event.get("candidates")) for event in events):
        _raise_empty(value, events, body, route)
    response = decoder.build()[1]
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


def _raise_empty(value: object, events: list[dict[str, Any]], body: bytes, route: Route) -> NoReturn:
    report = read_hidden_report(value, route.secrets)
    if report is not None:
        raise error_from_report(report, body=body)
    if any("usageMetadata" in event or "candidates" in event or "modelVersion" in event for event in events):
        raise _response_error("no candidates", body, route, "try again, or name a fallback model", is_retryable=True)
    _raise_foreign(body, route)


def _raise_foreign(body: bytes, route: Route) -> NoReturn:
    """Raise the error for a body that some other kind of server sent."""
    what = "a web page" if is_web_page(quote(body, route.secrets)) else "a body that is no answer of a Gemini API"
    cure = "check the base URL: it should end where `/models/…:generateContent` begins (often in `/v1beta`)"
    raise _response_error(what, body, route, cure, is_retryable=False)


def _response_error(what: str, body: bytes, route: Route, cure: str, *, is_retryable: bool) -> ResponseError:
    quoted = quote(body, route.secrets)
    error = ResponseError(f"the provider answered 200 with {what}: {quoted!r}: {cure}", status=200, body=body)
    error.is_retryable = is_retryable
    return error
