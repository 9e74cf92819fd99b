"""A whole answer, decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from turnout.protocols.answer_bodies import ExpectedBody
from turnout.protocols.error_bodies import read_hidden_report
from turnout.protocols.errors import error_from_report
from turnout.protocols.json_reading import is_array, is_object
from turnout.protocols.openai_responses.stream import StreamDecoder, read_failure

if TYPE_CHECKING:
    from turnout.responses import ModelResponse
    from turnout.routing.route import Route

_EXPECTED = ExpectedBody("answer of a Responses API", "/responses", "often in `/v1`")


def decode(body: bytes, route: Route) -> ModelResponse:
    """Return the answer in the `body` of a 200; everything that is not in its parts is in `raw`.

    Raises `ResponseError` for a body that is no answer, and for an error inside it the `APIStatusError` that its code
    stands for.
    """
    value = _EXPECTED.read(body, route)
    if not is_object(value):
        _raise_foreign(value, body, route)
    decoder = StreamDecoder(route)
    if value.get("error") or value.get("status") == "failed":
        raise error_from_report(read_failure(value, route.secrets), body=body)
    if not is_array(value.get("output")):
        _raise_foreign(value, body, route)
    response = decoder.read_whole(value)
    response.raw = body
    return response


def _raise_foreign(value: object, body: bytes, route: Route) -> NoReturn:
    """Raise the error for a body that some other kind of server sent."""
    report = read_hidden_report(value, route.secrets)
    if report is not None:
        raise error_from_report(report, body=body)
    _EXPECTED.raise_foreign(body, route)
