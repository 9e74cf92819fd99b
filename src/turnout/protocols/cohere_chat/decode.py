"""A whole answer, decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.protocols.answer_bodies import ExpectedBody
from turnout.protocols.cohere_chat.reasons import is_error
from turnout.protocols.cohere_chat.stream import StreamDecoder
from turnout.protocols.error_bodies import read_hidden_report, read_report
from turnout.protocols.errors import error_from_report
from turnout.protocols.json_reading import is_object
from turnout.responses import ErrorReport

if TYPE_CHECKING:
    from turnout.responses import ModelResponse
    from turnout.routing.route import Route

_EXPECTED = ExpectedBody("answer of Cohere's chat", "/chat", "in `/v2`")


def decode(body: bytes, route: Route) -> ModelResponse:
    """Return the answer in the `body` of a 200; everything that is not read is in `raw`.

    Raises `ResponseError` for a body that is no answer, and for an error inside it the `APIStatusError` that its code
    stands for.
    """
    value = _EXPECTED.read(body, route)
    message = value.get("message") if is_object(value) else None
    if not is_object(value) or not is_object(message):
        is_report = is_object(value) and (isinstance(message, str) or value.get("error"))
        report = read_report(value, route.secrets) if is_report else read_hidden_report(value, route.secrets)
        if report is not None:
            raise error_from_report(report, body=body)
        _EXPECTED.raise_foreign(body, route)
    decoder = StreamDecoder(route)
    response = decoder.read_whole(value, message)
    reason = response.raw_finish_reason
    if reason is not None and is_error(reason):
        report = ErrorReport(message="the provider failed while answering", code=reason)
        raise error_from_report(report, body=body, text=decoder.text)
    response.raw = body
    return response
