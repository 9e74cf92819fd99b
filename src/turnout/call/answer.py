"""What one model call comes to: the response, what it cost, and how it was made."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from turnout import catalog
from turnout.messages import Media, Reasoning, ServerTool, Text
from turnout.responses import Attempt, ModelResponse, Timing, Warning
from turnout.usage import Cost, compute_cost

if TYPE_CHECKING:
    from turnout.call.dispatch import Dispatch
    from turnout.call.exchange import Exchange
    from turnout.catalog.types import Model
    from turnout.messages import Message, Part
    from turnout.routing.route import Route


class Answer(Struct, kw_only=True):
    """One answered model call. `asked` is the model as the caller wrote it; `cost` is in USD."""

    asked: str
    provider: str
    response: ModelResponse
    cost: Cost
    attempts: list[Attempt]
    warnings: list[Warning]
    timing: Timing
    is_output_pending: bool = False


def finish_answer(
    dispatch: Dispatch, exchange: Exchange, response: ModelResponse, first_chunk_s: float | None = None
) -> Answer:
    """Return the answer that `response` stands for, priced by the model that answered."""
    route = exchange.route
    response.headers = dict(exchange.http.headers)
    response.message = _sign(response.message, route.maker)
    response.request_id = exchange.request_id
    facts = _answering_model(route, response.model)
    prices = facts.tier_for(response.usage.input_tokens or 0) if facts else None
    answer = Answer(
        asked=route.asked,
        provider=route.provider,
        response=response,
        cost=compute_cost(response.usage, prices),
        attempts=dispatch.attempts,
        warnings=[*dispatch.warnings, *response.warnings],
        timing=Timing(first_chunk_s=first_chunk_s, total_s=time.monotonic() - dispatch.started),
        is_output_pending=exchange.is_output_pending,
    )
    _measure(dispatch, exchange, answer)
    dispatch.end()
    if exchange.account is not None:
        exchange.account.answered(answer, exchange.http.status)
    return answer


def _sign(message: Message, maker: str) -> Message:
    """Return the message with who made it, where it holds what only its maker understands: a fallback may go on."""
    return structs.replace(message, provider=maker) if any(map(_is_its_makers, message.content)) else message


def _is_its_makers(part: Part) -> bool:
    if isinstance(part, Text):
        return bool(part.citations)
    if isinstance(part, Reasoning):
        return part.provider is None
    return isinstance(part, (ServerTool, Media))


def _measure(dispatch: Dispatch, exchange: Exchange, answer: Answer) -> None:
    """Note how fast the try was that made `answer`: without earlier tries, and without the wait for a connection."""
    route, timing = exchange.route, answer.timing
    before_s = exchange.clock.started - dispatch.started + exchange.http.queued_s
    first_chunk_s = timing.first_chunk_s
    if first_chunk_s is not None:
        first_chunk_s -= before_s
        if first_chunk_s < 0:  # the stream had begun with another candidate
            return
    dispatch.runtime.measured.note(
        f"{route.provider}/{route.model}" if route.facts is None else route.facts.id,
        route.base_url,
        total_s=timing.total_s - before_s,
        first_chunk_s=first_chunk_s,
        output_tokens=answer.response.usage.output_tokens,
        is_cold=not getattr(exchange.http, "is_reused", True),
    )


def _answering_model(route: Route, answered: str | None) -> Model | None:
    """Return the catalog's row of the model that answered, else of the one that was asked."""
    if answered is None or answered == route.model:
        return route.facts
    return catalog.find(f"{route.provider}/{answered}") or route.facts
