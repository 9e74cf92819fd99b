"""A whole answer, decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from turnout.protocols.answer_bodies import ExpectedBody
from turnout.protocols.anthropic_messages.stream import StreamDecoder
from turnout.protocols.anthropic_messages.wire import Body, convert_body, read_body
from turnout.protocols.error_bodies import read_hidden_report, read_report
from turnout.protocols.errors import error_from_report
from turnout.protocols.json_reading import is_object, is_too_deep, try_read_json

if TYPE_CHECKING:
    from turnout.responses import ModelResponse
    from turnout.routing.route import Route

_EXPECTED = ExpectedBody("message", "/messages", "often in `/v1`")


def decode(body: bytes, route: Route) -> ModelResponse:
    """Return the answer in the `body` of a 200; everything that has no place in it is in `raw`.

    Raises `ResponseError` for a body that is no answer, and for an error inside it the `APIStatusError` that its code
    stands for.
    """
    try:
        told = _read_leniently(body, route) if is_too_deep(body) else read_body(body)
    except (ValueError, RecursionError):
        told = _read_leniently(body, route)
    if told.error or told.content is None:
        _raise_error(told, body, route)
    response = StreamDecoder(route).read_whole(told)
    response.raw = body
    return response


def _read_leniently(body: bytes, route: Route) -> Body:
    value = _EXPECTED.read(body, route)
    return convert_body(value) if is_object(value) else Body()


def _raise_error(told: Body, body: bytes, route: Route) -> NoReturn:
    value = try_read_json(body)
    report = read_report(value, route.secrets) if told.error else read_hidden_report(value, route.secrets)
    if report is not None:
        raise error_from_report(report, body=body)
    _EXPECTED.raise_foreign(body, route)
