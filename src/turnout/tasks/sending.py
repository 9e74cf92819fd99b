"""One call of a task: sent, checked, and told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import structs

from turnout.call import receive_whole
from turnout.call.answer import finish_answer
from turnout.call.dispatch import Dispatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnout.call import Answer
    from turnout.call.exchange import Exchange
    from turnout.requests import ModelRequest
    from turnout.responses import ModelResponse
    from turnout.tasks.planning import Prepared


async def send_prepared(
    prepared: Prepared, request: ModelRequest | None = None, check: Callable[[ModelResponse], None] | None = None
) -> Answer:
    """Make a prepared call (of `request`, where it has changed since) and return its answer with all warnings.

    An answer that `check` raises an error of is that of a candidate that failed: the next one is asked.
    """
    call = prepared.call if request is None else structs.replace(prepared.call, request=request)
    answer = await send_dispatch(Dispatch(call, prepared.runtime), check)
    answer.warnings[:0] = prepared.warnings
    return answer


async def send_dispatch(dispatch: Dispatch, check: Callable[[ModelResponse], None] | None = None) -> Answer:
    """Work through the candidates of `dispatch`; return the first answer that `check` lets pass."""

    async def receive(exchange: Exchange) -> tuple[Exchange, ModelResponse]:
        exchange, response = await receive_whole(exchange)
        if check is not None:
            check(response)
        return exchange, response

    return finish_answer(dispatch, *await dispatch.next_answer(receive))


def describe(answer: Answer) -> dict[str, Any]:
    """Return the fields that the results of all tasks have."""
    return {
        "model": answer.response.model or answer.asked.partition("/")[2] or answer.asked,
        "provider": answer.provider,
        "usage": answer.response.usage,
        "cost": answer.cost,
        "warnings": answer.warnings,
        "attempts": answer.attempts,
        "timing": answer.timing,
        "request_id": answer.response.request_id,
        "raw": answer.response.raw,
    }
