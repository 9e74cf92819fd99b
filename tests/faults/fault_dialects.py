"""The right answer in each wire format: whole, and as the events of a stream."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from provider import answer, events

VECTORS = [[0.5, 0.25, -1.0], [1.0, 0.0, 0.125]]
RANKS = [(1, 0.75), (0, 0.25)]


class Spoken(NamedTuple):
    """One answer in one wire format."""

    whole: dict[str, Any]
    events: list[bytes]


def speak(path: str, text: str) -> Spoken:
    """Return the answer `text` as the API at `path` gives it."""
    words = [text[at : at + 7] for at in range(0, len(text), 7)]
    path = path.partition("?")[0]
    if path.endswith("/messages"):
        return _anthropic_messages(text, words)
    if path.endswith("/responses"):
        return _openai_responses(text, words)
    if path.endswith("enerateContent"):
        return _gemini(text, words)
    if path.endswith("/embeddings"):
        rows = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(VECTORS)]
        usage = {"prompt_tokens": 4, "total_tokens": 4}
        return Spoken({"object": "list", "model": "m", "data": rows, "usage": usage}, [])
    if path.endswith("/rerank"):
        ranks = [{"index": index, "relevance_score": score} for index, score in RANKS]
        return Spoken({"id": "r", "results": ranks, "meta": {"billed_units": {"search_units": 1}}}, [])
    return Spoken(answer(text), events(words))


def is_streamed(path: str, body: dict[str, Any]) -> bool:
    """Whether a request asks for a stream."""
    return bool(body.get("stream")) or ":streamGenerateContent" in path


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def _anthropic_messages(text: str, words: list[str]) -> Spoken:
    usage = {"input_tokens": 11, "output_tokens": 7}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "usage": usage}
    whole = {**message, "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": None}
    told = [
        _event("message_start", message={**message, "content": [], "stop_reason": None}),
        _event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        *(_event("content_block_delta", index=0, delta={"type": "text_delta", "text": word}) for word in words),
        _event("content_block_stop", index=0),
        _event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 7}),
        _event("message_stop"),
    ]
    return Spoken(whole, told)


def _openai_responses(text: str, words: list[str]) -> Spoken:
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    usage = {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}
    whole = {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "model": "m",
        "output": [item],
        "usage": usage,
    }
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    told = [
        _event("response.created", response=begun),
        _event("response.output_item.added", output_index=0, item={**item, "status": "in_progress", "content": []}),
        _event("response.content_part.added", **place, part={**part, "text": ""}),
        *(_event("response.output_text.delta", **place, delta=word) for word in words),
        _event("response.output_text.done", **place, text=text),
        _event("response.content_part.done", **place, part=part),
        _event("response.output_item.done", output_index=0, item=item),
        _event("response.completed", response=whole),
    ]
    return Spoken(whole, told)


def _gemini(text: str, words: list[str]) -> Spoken:
    usage = {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18}

    def candidate(said: str, **more: Any) -> dict[str, Any]:
        content = {"role": "model", "parts": [{"text": said}]}
        return {"candidates": [{"index": 0, "content": content, **more}], "modelVersion": "m", "responseId": "r1"}

    bodies = [candidate(word) for word in words[:-1]]
    bodies.append({**candidate(words[-1], finishReason="STOP"), "usageMetadata": usage})
    whole = {**candidate(text, finishReason="STOP"), "usageMetadata": usage}
    return Spoken(whole, [b"data: " + json.dumps(body).encode() + b"\r\n\r\n" for body in bodies])
