"""A whole answer, decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from turnout.errors import ContentFilterError
from turnout.protocols.answer_bodies import ExpectedBody, refuse
from turnout.protocols.error_bodies import read_hidden_report, read_report
from turnout.protocols.errors import error_from_report
from turnout.protocols.gemini.stream import StreamDecoder, read_events
from turnout.protocols.json_reading import objects

if TYPE_CHECKING:
    from turnout.responses import ModelResponse
    from turnout.routing.route import Route

_EXPECTED = ExpectedBody("answer of a Gemini API", "/models/…:generateContent", "often in `/v1beta`")


def decode(body: bytes, route: Route) -> ModelResponse:
    """Return the answer in the `body` of a 200. Only the first candidate is read; everything else is in `raw`.

    Raises `ResponseError` for a body that is no answer, `ContentFilterError` where the prompt was blocked, and for an
    error inside it the `APIStatusError` that its code stands for.
    """
    value = _EXPECTED.read(body, route)
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


def _raise_empty(value: object, events: list[dict[str, Any]], body: bytes, route: Route) -> NoReturn:
    report = read_hidden_report(value, route.secrets)
    if report is not None:
        raise error_from_report(report, body=body)
    if any("usageMetadata" in event or "candidates" in event or "modelVersion" in event for event in events):
        raise refuse("no candidates", body, route, "try again, or name a fallback model")
    _EXPECTED.raise_foreign(body, route)
