"""Answers and requests that hold some of everything, written for the fuzz: it runs where no recordings are, too."""

from __future__ import annotations

import base64
from array import array
from typing import TYPE_CHECKING, Any

from feature_requests import FEATURES, PNG

from turnout.messages import Audio, Image, Message, Reasoning, Refusal, ServerTool, Text, ToolCall
from turnout.responses import ModelResponse, TokenLogprob
from turnout.usage import Usage

if TYPE_CHECKING:
    from turnout.requests import ModelRequest

CITATIONS: list[dict[str, Any]] = [
    {"type": "url_citation", "url": "https://x.y", "title": "X", "start_index": 0, "end_index": 2},
    {"type": "char_location", "cited_text": "a", "document_index": 0, "start_char_index": 0, "end_char_index": 1},
    {"start": 0, "end": 1, "text": "a", "sources": [{"type": "document", "id": "1", "document": {"a": "b"}}]},
]
RESPONSES = [
    ModelResponse(
        message=Message.assistant("Grüße, 世界 🚂"), finish_reason="length", usage=Usage(output_tokens=2), id="r1"
    ),
    ModelResponse(
        message=Message(
            "assistant",
            [
                Reasoning("Hm.", [{"type": "thinking", "thinking": "Hm.", "signature": "QQ=="}], "p"),
                Reasoning("", [{"type": "redacted_thinking", "data": "x"}], "p"),
                Text("Hello", {"p": {"thoughtSignature": "Qg=="}}, CITATIONS),
                ServerTool("web_search", {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}),
                ServerTool("web_search_call", {"type": "web_search_call", "id": "ws_1", "status": "completed"}),
                ServerTool("executableCode", {"executableCode": {"code": "1", "language": "PYTHON"}}),
                Refusal("No."),
                ToolCall("c1", "f", {"a": [1, {"b": None}]}),
                ToolCall("c2", "g", {}, "{broken"),
                Image(data=PNG),
                Text("Spoken.", {"openai_chat@p": {"audio": {"id": "audio_1", "expires_at": 4102444800}}}),
                Audio(data=b"RIFF0000WAVEfmt ", media_type="audio/wav"),
            ],
        ),
        finish_reason="tool_calls",
        refusal="No.",
        model="m-1",
        usage=Usage(
            input_tokens=30, output_tokens=20, total_tokens=50, cached_input_tokens=10, cache_write_tokens=5,
            reasoning_tokens=7, audio_input_tokens=1, audio_output_tokens=1,
        ),
        logprobs=[TokenLogprob(token="Hi", logprob=-0.5, data=b"Hi", top=(TokenLogprob(token="Ho", logprob=-1.0),))],
    ),
    ModelResponse(message=Message.assistant(), finish_reason="content_filter"),
]  # fmt: skip
STREAM_EVENTS: dict[str, list[list[dict[str, Any]]]] = {
    "openai_chat": [
        [
            {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "<think>hm"}}]},
            {"choices": [{"index": 0, "delta": {"content": "</think>Hi", "reasoning_content": "so"}}]},
            {"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f"}}]}}]},
            {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": '{"a"'}}]}}]},
            {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": ": 1}"}}]}}]},
            {"choices": [{"delta": {"tool_calls": [{"index": 7, "function": {"name": "g", "arguments": {}}}]}}]},
            {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]},
            {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}},
            {"error": {"message": "late", "code": 500}},
        ],
        [
            {"choices": [{"index": 0, "delta": {"role": "assistant", "content": None, "audio": {"id": "audio_1"}}}]},
            {"choices": [{"index": 0, "delta": {"audio": {"transcript": "All "}}}]},
            {"choices": [{"index": 0, "delta": {"audio": {"data": "AQIDBA=="}}}]},
            {"choices": [{"index": 0, "delta": {"audio": {"transcript": "aboard!", "data": "BQYH"}}}]},
            {"choices": [{"index": 0, "delta": {"audio": {"data": "CAk"}}}]},
            {"choices": [{"index": 0, "delta": {"audio": {"expires_at": 4102444800}}, "finish_reason": "stop"}]},
        ],
    ],
    "openai_responses": [
        [
            {"type": "response.created", "response": {"id": "r"}},
            {"type": "response.audio.transcript.delta", "delta": "All aboard!"},
            {"type": "response.audio.delta", "delta": "AQIDBA=="},
            {
                "type": "response.completed",
                "response": {
                    "status": "completed",
                    "output": [
                        {
                            "type": "message",
                            "id": "m",
                            "content": [
                                {"type": "output_audio", "data": "AQIDBA==", "transcript": "All aboard!"},
                            ],
                        },
                    ],
                },
            },
        ]
    ],
}
"""Streams of a kind that turnout reads and does not write."""

ANSWERS: dict[str, list[dict[str, Any]]] = {
    "openai_embeddings": [
        {
            "object": "list", "model": "m", "usage": {"prompt_tokens": 2, "total_tokens": 2},
            "data": [
                {"object": "embedding", "index": 1, "embedding": base64.b64encode(array("f", [0.5, 1])).decode()},
                {"object": "embedding", "index": 0, "embedding": [0.25, -1, 1e-9]},
            ],
        }
    ],
    "openai_images": [
        {
            "created": 1, "size": "1024x1024", "quality": "high", "output_format": "png", "background": "opaque",
            "data": [{"b64_json": base64.b64encode(PNG).decode(), "revised_prompt": "A kite"}, {"url": "https://h/a"}],
            "usage": {
                "input_tokens": 50, "input_tokens_details": {"image_tokens": 40, "text_tokens": 10},
                "output_tokens": 1000, "total_tokens": 1050,
            },
        }
    ],
    "openai_speech": [{"audio_data": base64.b64encode(b"RIFF0000WAVE").decode()}, {"error": {"message": "no"}}],
    "openai_transcription": [
        {
            "language": "english", "duration": 8.5, "text": "All aboard.", "model": "m",
            "segments": [{"id": 0, "start": 0.0, "end": "3.25", "text": "All aboard.", "speaker_id": 2}],
            "words": [{"word": "All", "start": 0.0, "end": 1.0}], "languages": [{"code": "en"}],
            "usage": {"type": "duration", "seconds": 9, "prompt_audio_seconds": 8},
        }
    ],
    "rerank": [
        {
            "id": "r-1", "results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.2}],
            "meta": {"billed_units": {"search_units": 1}, "tokens": {"input_tokens": 3}},
        },
        {"data": [{"index": 0, "score": 1, "document": "d"}], "usage": {"total_tokens": 3}, "model": "m"},
    ],
}  # fmt: skip
"""What is answered to a call that is no chat."""


def make_requests() -> list[ModelRequest]:
    """Return a request for each feature of a chat."""
    return list(FEATURES.values())
