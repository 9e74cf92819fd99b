"""A whole answer, decoded."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, NoReturn

from turnout.messages import Message, Text
from turnout.protocols.answer_bodies import ExpectedBody, refuse
from turnout.protocols.error_bodies import read_hidden_report, read_report
from turnout.protocols.errors import error_from_report
from turnout.protocols.json_reading import is_object, try_read_json
from turnout.protocols.openai_chat.reasons import is_error, read_finish_reason
from turnout.protocols.openai_chat.stream import StreamDecoder
from turnout.protocols.openai_chat.tokens import has_counts, read_usage
from turnout.protocols.openai_chat.wire import USES, Body, Delta, convert_leniently, read_strictly
from turnout.responses import ErrorReport, ModelResponse
from turnout.usage import Usage

if TYPE_CHECKING:
    from turnout.protocols.openai_chat.wire import Choice
    from turnout.routing.route import Route

_read_others = attrgetter(*[name for name in Delta.__struct_fields__ if name != "content"])

_read_uses = attrgetter(*USES)

_USUAL_TIERS = (None, "default", "on_demand", "")
"""Service tiers that nothing is to be said of."""

_EXPECTED = ExpectedBody("chat completion", "/chat/completions", "often in `/v1`")


def decode(body: bytes, route: Route) -> ModelResponse:
    """Return the answer in the `body` of a 200. Only the first choice is read; everything else is in `raw`.

    Raises `ResponseError` for a body that is no answer, and for an error inside it the `APIStatusError` that its code
    stands for.
    """
    try:
        wire = read_strictly(body)
    except (ValueError, RecursionError):
        wire = _read_leniently(body, route)
    plain = _read_plain(wire, body)
    if plain is not None:
        return plain
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


def _read_plain(wire: Body, body: bytes) -> ModelResponse | None:
    """Return an answer that is one text and no more, as most are; `None` for any other, which takes the long way."""
    choices, counts = wire.choices, wire.usage
    if choices is None or len(choices) != 1 or wire.error or wire.x_groq is not None:
        return None
    if wire.citations or wire.search_results or wire.service_tier not in _USUAL_TIERS:
        return None
    if counts is not None and any(_read_uses(counts)):
        return None
    choice = choices[0]
    message, reason = choice.message, choice.finish_reason
    if message is None or choice.delta is not None or choice.logprobs or not reason or is_error(reason):
        return None
    text = message.content
    if type(text) is not str or not text or any(_read_others(message)):
        return None
    if text[0] == "<" or text[0].isspace():  # it may begin with thoughts: see `thinking.ThinkSplitter`
        return None
    return ModelResponse(
        message=Message("assistant", [Text(text)]),
        finish_reason=read_finish_reason(reason, has_calls=False),
        usage=read_usage(counts) if counts is not None and has_counts(counts) else Usage(),
        id=wire.id or None,
        model=wire.model or None,
        raw_finish_reason=reason,
        raw=body,
    )


def _read_leniently(body: bytes, route: Route) -> Body:
    value = _EXPECTED.read(body, route)
    return convert_leniently(value) if is_object(value) else Body()


def _says_something(choice: Choice) -> bool:
    return choice.message is not None or choice.delta is not None or bool(choice.finish_reason)


def _raise_error(wire: Body, body: bytes, route: Route) -> NoReturn:
    value = try_read_json(body)
    report = read_report(value, route.secrets) if wire.error else read_hidden_report(value, route.secrets)
    if report is not None:
        raise error_from_report(report, body=body)
    if wire.choices is None:
        _EXPECTED.raise_foreign(body, route)
    what = "a choice that says nothing" if wire.choices else "no choices"
    raise refuse(what, body, route, "try again, or name a fallback model")
