"""A whole answer, decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from turnout.protocols.answer_bodies import ExpectedBody
from turnout.protocols.bedrock_converse.stream import StreamDecoder
from turnout.protocols.error_bodies import read_hidden_report, read_report
from turnout.protocols.errors import error_from_report
from turnout.protocols.json_reading import is_object

if TYPE_CHECKING:
    from turnout.responses import ModelResponse
    from turnout.routing.route import Route

_EXPECTED = ExpectedBody("answer of Converse", "/model/…/converse")
_ERROR_NAMES = frozenset({"message", "Message", "error", "__type"})


def decode(body: bytes, route: Route) -> ModelResponse:
    """Return the answer in the `body` of a 200; everything that is not in its parts is in `raw`.

    Raises `ResponseError` for a body that is no answer, and for an error inside it the `APIStatusError` that its code
    stands for.
    """
    value = _EXPECTED.read(body, route)
    output = value.get("output") if is_object(value) else None
    if not is_object(output) or not is_object(output.get("message")):
        _raise_foreign(value, body, route)
    response = StreamDecoder(route).read_whole(value)
    response.raw = body
    return response


def _raise_foreign(value: object, body: bytes, route: Route) -> NoReturn:
    """Raise the error for a body that some other kind of server sent, or that tells an error."""
    tells = is_object(value) and not _ERROR_NAMES.isdisjoint(value)
    report = read_report(value, route.secrets) if tells else read_hidden_report(value, route.secrets)
    if report is not None:
        raise error_from_report(report, body=body)
    _EXPECTED.raise_foreign(body, route)
