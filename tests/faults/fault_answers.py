"""The right answer to a request, as bytes that a fault can cut, stretch and spoil."""

from __future__ import annotations

import json

from fault_dialects import is_streamed, speak
from fault_site import Wire

from provider import answer, event
from tool_replies import call

STORY = "Once upon a time there was a switch. It had two tracks, and a train."
BACKUP = "The other one answers: all is well on the second track."
OBJECT = {"name": "Ada Lovelace", "age": 36, "field": "programs for an engine"}


def head(status: str = "200 OK", *lines: str, version: str = "1.1") -> bytes:
    """Return the head of an answer; `lines` are its headers."""
    return "\r\n".join([f"HTTP/{version} {status}", *lines, "", ""]).encode("latin-1")


def chunk(data: bytes) -> bytes:
    """Return `data` as one chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"


class Right:
    """What a healthy provider answers, whole or as events: by what the request asks for."""

    def __init__(self, wire: Wire, text: str = STORY) -> None:
        self.text = text
        path = wire.request.path
        self.is_stream = is_streamed(path, wire.request.json)
        self.content_type = "text/event-stream" if self.is_stream else "application/json"
        self.object, self.events = speak(path, text)
        self.pieces = self.events if self.is_stream else [json.dumps(self.object).encode()]

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def begun(self) -> bytes:
        """A part of the answer: of a stream the first words, whole events; else less than its first text."""
        return b"".join(self.events[:5]) if self.is_stream else self.body[:40]

    def head(self, *lines: str, status: str = "200 OK") -> bytes:
        return head(status, f"content-type: {self.content_type}", *lines)

    def framed(self, body: bytes | None = None, *lines: str) -> bytes:
        """Return head and body with the length of the body; what is not given is right."""
        body = self.body if body is None else body
        return self.head(f"content-length: {len(body)}", *lines) + body

    def chunked(self, pieces: list[bytes] | None = None, *lines: str) -> bytes:
        """Return head and body in chunks."""
        pieces = self.pieces if pieces is None else pieces
        return self.head("transfer-encoding: chunked", *lines) + b"".join(map(chunk, pieces)) + LAST_CHUNK


def broken_off(right: Right, finish: str | None = None) -> list[bytes]:
    """Return the events of a stream without its finish reason and end mark."""
    return right.events[:5] if finish is None else [*right.events[:5], event({}, finish)]


async def answer_rightly(wire: Wire, text: str = STORY) -> None:
    """Answer as a healthy provider does."""
    right = Right(wire, text)
    await wire.send(right.chunked() if right.is_stream else right.framed())


async def call_tool(wire: Wire, identity: str = "call_1") -> None:
    """Answer with a call of the tool `look_up`, whole or streamed."""
    wanted = call("look_up", {"word": "switch"}, identity)
    right = Right(wire)
    if right.is_stream:
        pieces = [event({"role": "assistant", "content": None}), event({"tool_calls": [{**wanted, "index": 0}]})]
        await wire.send(right.chunked([*pieces, event({}, "tool_calls"), b"data: [DONE]\n\n"]))
        return
    body = answer("", tool_calls=[wanted], finish_reason="tool_calls")
    await wire.send(right.framed(json.dumps(body).encode()))
