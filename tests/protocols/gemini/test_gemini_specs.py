"""Every body that is sent is what Google's discovery documents describe, and every answer that is served as well."""

from __future__ import annotations

import json
from typing import Any

import pytest
from gemini_answers import PNG, make_route, send
from vendor_specs import google_validator

from turnout.catalog.types import ReasoningOption
from turnout.errors import RateLimitError
from turnout.messages import Audio, File, Image, Message, Reasoning, ServerTool, Text, ToolCall, Video
from turnout.protocols.gemini import render_error, render_response
from turnout.requests import OutputSpec, ToolSpec
from turnout.responses import ModelResponse, TokenLogprob
from turnout.usage import Usage

TOOL = ToolSpec(name="weather", description="Tells it", parameters={"properties": {"city": {"type": "string"}}})
CALL = ToolCall("1", "weather", {"city": "Rome"}, provider_options={"p": {"thoughtSignature": "AA=="}})
HISTORY = (
    Message.system("Be short"),
    Message.user("What is the weather?"),
    Message.assistant(
        Reasoning("hm", [{"thought": True, "thoughtSignature": "AA=="}], "p"),
        Text("Let me see", {"p": {"thoughtSignature": "AA=="}}),
        CALL,
        ServerTool("executableCode", {"executableCode": {"code": "1", "language": "PYTHON"}}),
        ServerTool("codeExecutionResult", {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}}),
    ),
    Message.tool("1", "sunny"),
)
LEVELS = {"reasoning_options": (ReasoningOption(type="effort", values=("low", "high")),)}
BUDGET = {"reasoning_options": (ReasoningOption(type="budget_tokens", min=0, max=100),)}
ALL = {
    "temperature": 1.0,
    "top_p": 0.5,
    "top_k": 10,
    "max_output_tokens": 10,
    "stop": ["x"],
    "seed": 1,
    "presence_penalty": 0.1,
    "frequency_penalty": 0.1,
    "top_logprobs": 2,
    "service_tier": "flex",
}
MATRIX: dict[str, dict[str, Any]] = {
    "text": {},
    "settings": {"settings": ALL},
    "levels": {"settings": {"reasoning_effort": "high"}, "facts": LEVELS},
    "budget": {"settings": {"reasoning_effort": "low"}, "facts": BUDGET},
    "tools": {"tools": (TOOL,), "tool_choice": "weather"},
    "any-tool": {"tools": (TOOL,), "tool_choice": "required"},
    "history": {"messages": HISTORY, "tools": (TOOL,)},
    "foreign-history": {
        "messages": (Message.user("x"), Message.assistant(ToolCall("1", "weather", {}))),
        "facts": LEVELS,
    },
    "output": {"output": OutputSpec(schema={"type": "object"}, mode="json_schema")},
    "json": {"output": OutputSpec(schema={"type": "object"}, mode="json_object")},
    "media": {
        "messages": (
            Message.user(
                Image(data=PNG),
                Audio(data=b"RIFF    WAVE"),
                Video(url="https://youtu.be/x", provider_options={"p": {"videoMetadata": {"fps": 1}}}),
                File(data=b"%PDF-1.4", name="a.pdf"),
                File(url="https://h/a.pdf"),
            ),
        )
    },
    "options": {"provider_options": {"p": {"tools": [{"googleSearch": {}}], "safetySettings": []}}},
    "stream": {"stream": True},
}


@pytest.mark.parametrize("vertex", [False, True], ids=["gemini", "vertex"])
@pytest.mark.parametrize("case", MATRIX)
def test_what_is_sent_is_what_google_describes(case, vertex):
    fields = dict(MATRIX[case])
    messages = fields.pop("messages", (Message.user("Hi"),))
    route = make_route(vertex=vertex, facts=fields.pop("facts", None))
    body = send(*messages, route=route, **fields)
    google_validator("GenerateContentRequest", vertex=vertex).validate(body)


def test_what_google_does_not_describe_would_be_found():
    errors = google_validator("GenerateContentRequest", vertex=False).iter_errors(
        {"contents": [{"parts": [{"txt": "x"}]}]}
    )
    assert ["txt" in error.message for error in errors] == [True]


def test_what_is_served_is_what_google_describes():
    response = ModelResponse(
        message=Message("assistant", [*HISTORY[2].content, Image(data=PNG), Text("a", citations=[{"url": "u"}])]),
        finish_reason="tool_calls",
        usage=Usage(input_tokens=1, output_tokens=2, total_tokens=3, cached_input_tokens=1, audio_input_tokens=1),
        id="r",
        model="m",
        logprobs=[TokenLogprob(token="a", logprob=-1.0, top=(TokenLogprob(token="b", logprob=-2.0),))],
    )
    google_validator("GenerateContentResponse", vertex=False).validate(json.loads(render_response(response)))
    assert json.loads(render_error(RateLimitError("slow", status=429)))["error"].keys() == {"code", "message", "status"}
