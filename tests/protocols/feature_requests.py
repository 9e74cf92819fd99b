"""One request for each feature of a chat, for what is asked of every wire format alike."""

from __future__ import annotations

from turnout.messages import Image, Message, Reasoning, Text, ToolCall
from turnout.requests import ModelRequest, ModelSettings, OutputSpec, ToolSpec

PNG = b"\x89PNG\r\n\x1a\n" + bytes(24)
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOL = ToolSpec(name="weather", description="Tells the weather", parameters=CITY)
ASKED = [Message.system("Be short"), Message.user("What is the weather?")]
HISTORY = [
    *ASKED,
    Message.assistant(
        Reasoning("hm", [{"type": "thinking", "thinking": "hm", "signature": "s"}], "other"),
        Text("Let me see"),
        ToolCall("call_1", "weather", {"city": "Rome"}),
        ToolCall("call_2", "weather", {}, "{"),
    ),
    Message.tool("call_1", "sunny"),
    Message.tool("call_2", "the city is missing", is_error=True),
]
FEATURES: dict[str, ModelRequest] = {
    "text": ModelRequest(messages=ASKED),
    "image": ModelRequest(messages=[Message.user("Look", Image(data=PNG))]),
    "tools": ModelRequest(messages=ASKED, tools=(TOOL,), tool_choice="weather"),
    "tool history": ModelRequest(messages=HISTORY, tools=(TOOL,)),
    "output": ModelRequest(messages=ASKED, output=OutputSpec(schema=CITY, name="place", mode="json_schema")),
    "reasoning": ModelRequest(
        messages=ASKED, settings=ModelSettings(reasoning_effort="high", max_output_tokens=30_000)
    ),
    "stream": ModelRequest(messages=ASKED, stream=True),
    "settings": ModelRequest(
        messages=ASKED, settings=ModelSettings(temperature=0.5, top_p=0.5, max_output_tokens=50, stop=["x"])
    ),
}
"""The features of issue and guide: each is encoded by every wire format for chats, or refused with a reason."""
