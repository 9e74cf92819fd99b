"""One model call: candidate, route, encode, send, decode, cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.call.answer import Answer, finish_answer
from turnout.call.dispatch import Dispatch
from turnout.call.exchange import decode_whole
from turnout.call.spec import Call, Runtime
from turnout.call.stream import ModelStream

if TYPE_CHECKING:
    from turnout.call.exchange import Exchange
    from turnout.responses import ModelResponse

__all__ = ["Answer", "Call", "ModelStream", "Runtime", "open_stream", "receive_whole", "send"]


async def send(call: Call, runtime: Runtime) -> Answer:
    """Make `call` and return its whole answer.

    Raises the error of its one candidate, or `AllCandidatesFailedError` when several failed.
    """
    dispatch = Dispatch(call, runtime)
    exchange, response = await dispatch.next_answer(receive_whole)
    return finish_answer(dispatch, exchange, response)


async def receive_whole(exchange: Exchange) -> tuple[Exchange, ModelResponse]:
    """Return the whole answer of one try, with the try. Raises what the transport and the wire format raise."""
    limit_s, kind = exchange.clock.until_first_chunk()
    try:
        body = await exchange.http.read(limit_s, kind)
    finally:
        exchange.http.close()
    return exchange, decode_whole(exchange, body)


async def open_stream(call: Call, runtime: Runtime) -> ModelStream:
    """Send `call` and return its stream when the first chunk is there. Raises as `send` does, before that chunk."""
    stream = ModelStream(Dispatch(call, runtime))
    await stream.open()
    return stream
