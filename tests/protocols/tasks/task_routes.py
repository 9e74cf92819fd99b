"""Routes, requests and answers for the wire formats that are no chats."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

from turnout.catalog.quirks import Quirks
from turnout.messages import Audio, Image, Message
from turnout.protocols import openai_images, openai_speech, openai_transcription, rerank
from turnout.requests import ImageRequest, RerankRequest, SpeechRequest, TranscriptionRequest
from turnout.routing.hosts import ENDPOINTS
from turnout.routing.route import Route

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
WAV = b"RIFF0000WAVE" + bytes(range(256))
MODULES: dict[str, Any] = {
    "openai_images": openai_images,
    "openai_speech": openai_speech,
    "openai_transcription": openai_transcription,
    "rerank": rerank,
}
REQUESTS = {
    "openai_images": ImageRequest(messages=[Message.user("A kite")]),
    "openai_speech": SpeechRequest(messages=[Message.user("Hello!")]),
    "openai_transcription": TranscriptionRequest(messages=[Message.user(Audio(data=WAV))]),
    "rerank": RerankRequest(messages=[Message.user("trains", "one", "two")]),
}
ANSWERS: dict[str, dict[str, Any]] = {
    "openai_images": {
        "created": 1, "size": "1024x1024", "quality": "high", "output_format": "png", "background": "opaque",
        "data": [{"b64_json": b64encode(PNG).decode()}],
        "usage": {
            "input_tokens": 50, "input_tokens_details": {"image_tokens": 40, "text_tokens": 10},
            "output_tokens": 1000, "total_tokens": 1050,
        },
    },
    "openai_speech": {"audio_data": b64encode(WAV).decode()},
    "openai_transcription": {
        "task": "transcribe", "language": "english", "duration": 8.5, "text": "All aboard.",
        "segments": [
            {"id": 0, "seek": 0, "start": 0.0, "end": 3.25, "text": "All aboard.", "tokens": [1], "temperature": 0.0,
             "avg_logprob": -0.3, "compression_ratio": 1.2, "no_speech_prob": 0.01}
        ],
        "words": [{"word": "All", "start": 0.0, "end": 1.0}],
        "usage": {"type": "duration", "seconds": 9},
    },
    "rerank": {
        "id": "r-1", "results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.2}],
        "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}},
    },
}  # fmt: skip
"""What a server of each format answers, in full."""


def route(protocol: str, base_url: str = "http://h/v1", query: str = "", **quirks: Any) -> Route:
    return Route(
        asked="p/m", provider="p", model="m", protocol=protocol, base_url=base_url + query,
        url=base_url + ENDPOINTS[protocol] + query, secrets=("sk-secret",), quirks=Quirks(**quirks),
    )  # fmt: skip


def decode(protocol: str, value: object) -> Any:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return MODULES[protocol].decode(body, route(protocol))


def picture() -> Image:
    return Image(data=PNG)
