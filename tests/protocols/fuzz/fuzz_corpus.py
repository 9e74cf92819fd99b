"""What the fuzz begins with: recorded exchanges where they are there, and always a few written here."""

from __future__ import annotations

import base64
import json
import re
import struct
from functools import cache
from typing import Any, Literal, NamedTuple

import traffic
from fuzz_seeds import ANSWERS, RESPONSES, STREAM_EVENTS, make_requests

from turnout.call.stream import as_chunks
from turnout.errors import BadRequestError
from turnout.protocols import PROTOCOLS, find_protocol
from turnout.protocols.bedrock_converse.frames import write_event
from turnout.routing.route import Route

Kind = Literal["whole", "stream", "error", "request"]
SECRET = "sk-planted-secret-4711"
FRAMED = frozenset({"bedrock_converse", "bedrock_anthropic"})
"""The wire formats whose streams are AWS event streams."""

_LONGEST_BYTES = 12_000  # of a record: a longer one is slow, and of the same kinds of parts
_SOURCES = {
    "vertex_gemini": "gemini",
    "vertex_anthropic": "anthropic_messages",
    "bedrock_anthropic": "anthropic_messages",
    "watsonx_chat": "openai_chat",
    "sap_orchestration": "openai_chat",
}
"""Whose bodies a wire format has too: its recordings stand for those that it lacks."""


class Seed(NamedTuple):
    """One body or stream that is whole, before it is broken."""

    kind: Kind
    data: bytes


def make_route(protocol: str) -> Route:
    """Return a route to a provider `p` with a secret."""
    base = "https://h.example/v1"
    return Route(
        asked="p/m", provider="p", model="m", protocol=protocol, base_url=base, url=base, secrets=(SECRET,)
    )  # fmt: skip


@cache
def load_seeds(protocol: str) -> dict[Kind, tuple[Seed, ...]]:
    """Return the seeds of `protocol` by kind: the same ones in the same order in each run."""
    source = _SOURCES.get(protocol, protocol)
    seeds = [*_make_seeds(source)] if source in PROTOCOLS else _make_task_seeds(protocol)
    for record in traffic.load_records(source):
        seeds.append(Seed("request", json.dumps(record["request"]).encode()))
        body = base64.b64decode(record["body_b64"]) if "body_b64" in record else record["body"].encode()
        is_stream = "stream" in record["headers"].get("content-type", "")
        seeds.append(Seed("stream" if is_stream else "whole" if record["status"] == 200 else "error", body))
    if protocol != source:
        seeds = [_dress(seed, protocol) for seed in seeds]
    if not hasattr(find_protocol(protocol), "parse_request"):  # it is not served: no client sends it
        seeds = [seed for seed in seeds if seed.kind != "request"]
    made: dict[Kind, dict[Seed, None]] = {}
    for seed in seeds:
        if 0 < len(seed.data) <= _LONGEST_BYTES:
            made.setdefault(seed.kind, {})[seed] = None
    return {kind: tuple(held) for kind, held in made.items()}


def _make_seeds(protocol: str) -> list[Seed]:
    """Return answers, streams, errors and requests as turnout itself writes them."""
    wire: Any = find_protocol(protocol)
    route = make_route(protocol)
    seeds = [Seed("error", b'{"error": {"message": "no", "code": "c", "type": "t", "status": "S", "details": [{}]}}')]
    for request in make_requests():
        seeds.append(Seed("request", wire.encode(request, route).body))
    for response in RESPONSES:
        if hasattr(wire, "render_response"):
            seeds.append(Seed("whole", wire.render_response(response)))
        if hasattr(wire, "StreamRenderer"):
            renderer = wire.StreamRenderer()
            seeds.append(Seed("stream", renderer.feed(as_chunks(response)) + renderer.finish(response)))
    if hasattr(wire, "render_error"):
        seeds.append(Seed("error", wire.render_error(BadRequestError("no", status=400, code="c", param="p"))))
    for events in STREAM_EVENTS.get(protocol, ()):
        seeds.append(Seed("stream", b"".join([b"data: " + json.dumps(event).encode() + b"\n\n" for event in events])))
    return seeds


def _make_task_seeds(protocol: str) -> list[Seed]:
    error = Seed("error", b'{"detail": [{"loc": ["body", "input"], "msg": "no", "type": "t"}]}')
    return [error, *[Seed("whole", json.dumps(answer).encode()) for answer in ANSWERS[protocol]]]


def _dress(seed: Seed, protocol: str) -> Seed:
    """Return a seed of another wire format in the coat of `protocol`."""
    if protocol == "sap_orchestration" and seed.kind == "whole":
        return Seed("whole", b'{"request_id": "1", "intermediate_results": {}, "final_result": ' + seed.data + b"}")
    if protocol == "sap_orchestration" and seed.kind == "stream":
        return Seed(
            "stream", re.sub(rb"^data: ?(\{.*)$", rb'data: {"final_result": \1}', seed.data, flags=re.MULTILINE)
        )
    if protocol == "bedrock_anthropic" and seed.kind == "stream":
        told = re.findall(rb"^data: ?(\{.*?)\r?$", seed.data, re.MULTILINE)
        frames = [write_event("chunk", {"bytes": base64.b64encode(data).decode()}) for data in told]
        return Seed("stream", b"".join(frames))
    return seed


def split_frames(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return the header block and the payload of each frame of an AWS event stream that is whole."""
    frames: list[tuple[bytes, bytes]] = []
    while len(data) >= 16:
        total, headers = struct.unpack(">II", data[:8])
        if total < 16:
            break
        frames.append((data[12 : 12 + headers], data[12 + headers : total - 4]))
        data = data[total:]
    return frames
