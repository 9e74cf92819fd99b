"""What turnout itself takes for a call and a chunk, with no network: a canned transport answers at once.

    python overhead.py SECONDS

Prints the least CPU microseconds of many short runs, which a busy machine hardly changes: it shows a gain of one in a
hundred, where the other figures show one in ten.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any, cast

from turnout import Agent, Message
from turnout.transport.seam import Headers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MESSAGES = [Message.user("Hello! What can you do for me?")]
CHUNKS = 200


def _write(**fields: Any) -> bytes:
    return json.dumps({"id": "chatcmpl-1", "model": "gpt-oss-120b", **fields}).encode()


_SAID = {
    "role": "assistant",
    "content": "Hello! I can answer questions, write texts and explain things.",
    "refusal": None,
}
_COUNTS = {"prompt_tokens": 12, "completion_tokens": 24, "total_tokens": 36}
WHOLE = _write(choices=[{"index": 0, "message": _SAID, "finish_reason": "stop"}], usage=_COUNTS)
_DELTAS: list[dict[str, Any]] = [
    {"index": 0, "delta": {"content": f" {number}"}, "finish_reason": None} for number in range(CHUNKS)
]
_END: dict[str, Any] = {"index": 0, "delta": {}, "finish_reason": "stop"}
STREAM = b"".join(b"data: " + _write(choices=[choice]) + b"\n\n" for choice in (*_DELTAS, _END)) + b"data: [DONE]\n\n"


class Answer:
    status, queued_s, is_reused = 200, 0.0, True

    def __init__(self, pieces: list[bytes], content_type: str) -> None:
        self.pieces = pieces[::-1]
        self.headers = Headers({"content-type": content_type, "x-request-id": "req_1"})

    async def receive(self, *limits: object) -> bytes:
        return self.pieces.pop() if self.pieces else b""

    async def read(self, *limits: object) -> bytes:
        return self.pieces[0]

    def close(self) -> None:
        pass


class Canned:
    """Answers with what is in `streamed`, a piece to a read, or with a whole answer."""

    def __init__(self, streamed: list[bytes]) -> None:
        self.streamed = streamed

    async def send(self, request: Any) -> Answer:
        is_stream = b'"stream":true' in request.body
        return Answer(self.streamed, "text/event-stream") if is_stream else Answer([WHOLE], "application/json")


async def find_least(work: Callable[[], Awaitable[object]], times: int, seconds: float) -> float:
    """Return the least CPU microseconds of one `work` in runs of `times`."""
    least = float("inf")
    end = time.process_time() + seconds
    while (started := time.process_time()) < end:
        for _ in range(times):
            await work()
        least = min(least, (time.process_time() - started) / times)
    return least * 1e6


async def measure(seconds: float) -> dict[str, float]:
    """Return the figures, each after about `seconds` of CPU."""
    at_once, one_a_read = _make_agent([STREAM]), _make_agent([piece + b"\n\n" for piece in STREAM.split(b"\n\n")[:-1]])
    return {
        "alone_call_us": await find_least(lambda: at_once.generate(MESSAGES), 50, seconds),
        "alone_chunk_us": await find_least(lambda: _read(at_once), 1, seconds) / CHUNKS,
        "alone_read_us": await find_least(lambda: _read(one_a_read), 1, seconds) / CHUNKS,
    }


def _make_agent(streamed: list[bytes]) -> Agent:
    return Agent(model="ovhcloud/gpt-oss-120b", transport=cast("Any", Canned(streamed)))


async def _read(agent: Agent) -> None:
    async for _ in agent.stream(MESSAGES):
        pass


def main() -> None:
    os.environ["OVHCLOUD_BASE_URL"], os.environ["OVHCLOUD_API_KEY"] = "http://127.0.0.1:9/v1", "sk-benchmark"
    print(json.dumps(asyncio.run(measure(float(sys.argv[1])))))


if __name__ == "__main__":
    main()
