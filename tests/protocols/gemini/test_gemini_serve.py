"""What a Gemini client sends, read; and answers as it reads them."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest
from gemini_answers import JSON, PNG, make_body, make_route, send, stream_bytes
from hypothesis import given, settings

from turnout.call.stream import as_chunks
from turnout.chunks import RefusalDelta, ServerToolChunk, StepStart, TextDelta
from turnout.errors import APIConnectionError, CallError, InvalidInputError, RateLimitError, ServerError
from turnout.messages import Image, Message, Reasoning, Refusal, ServerTool, Text, ToolCall, ToolResult
from turnout.protocols.gemini import StreamRenderer, decode, encode, parse_request, render_error, render_response
from turnout.requests import ModelSettings
from turnout.responses import ModelResponse, TokenLogprob
from turnout.usage import Usage

HI = [{"role": "user", "parts": [{"text": "Hi"}]}]


def parse(contents=None, **fields):
    body = {"contents": HI if contents is None else contents, **fields}
    return parse_request(json.dumps(body).encode(), model="m").request


def round_trip(**fields):
    """Return the body that a client's body becomes on its way to a provider of the same wire format."""
    body = json.loads(encode(parse(**fields), make_route()).body)
    return {name: value for name, value in body.items() if name not in ("contents",)}


def part_of(part, role="user"):
    return parse([{"role": role, "parts": [part]}]).messages[0].content[0]


def test_the_model_and_the_stream_are_what_the_url_names():
    parsed = parse_request(b'{"contents": [{"parts": [{"text": "Hi"}]}], "model": "x"}', model="m", stream=True)
    assert (parsed.model, parsed.request.stream, parsed.request.messages) == ("m", True, [Message.user("Hi")])
    assert parse_request(b'{"contents": {"parts": [{"text": "Hi"}]}, "model": "x"}').model == "x"
    assert parse_request(b'{"contents": [{"parts": [{"text": "Hi"}]}]}').model == ""


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"nonsense", "no JSON"),
        (b"[]", "no JSON object"),
        (b"{}", "contents is missing"),
        (b'{"contents": ["x"]}', r"contents\[0\] is a str"),
        (b'{"contents": [{"role": "system"}]}', r"contents\[0\].role is 'system'"),
        (b'{"contents": [{"role": ["x"]}]}', r"contents\[0\].role is \['x'\]"),
        (b'{"contents": [{"role": {"a": 1}}]}', r"contents\[0\].role is {'a': 1}"),
        (b'{"contents": [{"parts": {}}]}', r"contents\[0\].parts is a dict"),
        (b'{"contents": [{"parts": ["x"]}]}', r"contents\[0\].parts\[0\] is a str"),
        (b'{"contents": [{"parts": [{}]}]}', "holds nothing that turnout knows"),
        (b'{"contents": [{"parts": [{"functionCall": {}}]}]}', "functionCall.name is missing"),
        (b'{"contents": [{"parts": [{"text": {}, "thoughtSignature": "QQ=="}]}]}', r"parts\[0\].text is a dict"),
        (b'{"contents": [{"parts": [{"functionCall": {"name": "f", "args": []}}]}]}', "functionCall.args is a list"),
        (b'{"contents": [{"parts": [{"functionResponse": {}}]}]}', "functionResponse.name is missing"),
        (b'{"contents": [{"parts": [{"inlineData": {"data": "!"}}]}]}', "inlineData holds nothing"),
        (b'{"contents": [{"parts": [{"fileData": {}}]}]}', "fileData holds nothing"),
        (b'{"contents": [{}], "tools": {}}', "tools is a dict"),
        (b'{"contents": [{}], "tools": [{"functionDeclarations": [{}]}]}', r"tools\[0\].functionDeclarations\[0\]"),
        (
            b'{"contents": [{}], "tools": [{"functionDeclarations": [{"name": "f", "x": 1}]}]}',
            "f?.x: turnout has no word",
        ),
        (
            b'{"contents": [{}], "tools": [{"functionDeclarations": [{"name": "f", "behavior": "NON_BLOCKING"}]}]}',
            "behavior: turnout has no word",
        ),
        (b'{"contents": [{}], "generationConfig": []}', "generationConfig is a list"),
        (b'{"contents": [{}], "generationConfig": {"temperature": "hot"}}', "temperature"),
        (b'{"contents": [{}], "systemInstruction": []}', "systemInstruction is a list"),
    ],
)
def test_what_is_no_request_is_refused_with_its_place(body, told):
    with pytest.raises(InvalidInputError, match=told):
        parse_request(body)


def test_the_instruction_is_a_message_of_the_system():
    assert parse(systemInstruction={"parts": [{"text": "Be"}]}).messages[0] == Message.system("Be")
    assert parse(system_instruction="Be").messages[0] == Message.system("Be")


def test_results_without_ids_answer_the_calls_in_order():
    calls = [
        {"functionCall": {"name": "f"}},
        {"functionCall": {"name": "f"}},
        {"functionCall": {"name": "g", "id": "G"}},
    ]
    results = [{"functionResponse": {"name": name, "response": {"output": name}}} for name in ("f", "g", "f", "h")]
    said, answered = parse([{"role": "model", "parts": calls}, {"role": "function", "parts": results}]).messages
    first, second, third = (call.id for call in said.content)
    assert [result.call_id for result in answered.content][:3] == [first, third, second]
    assert (third, answered.role) == ("G", "tool")
    assert answered.content[3].call_id not in {first, second, third}


@pytest.mark.parametrize(
    ("response", "result"),
    [
        ({"output": "x"}, ToolResult("1", "x", "f")),
        ({"error": "x"}, ToolResult("1", "x", "f", is_error=True)),
        ({"output": '{"a":1}'}, ToolResult("1", '{"output":"{\\"a\\":1}"}', "f")),
        ({"output": "x", "more": 1}, ToolResult("1", '{"output":"x","more":1}', "f")),
        (None, ToolResult("1", "{}", "f")),
    ],
)
def test_results_are_text(response, result):
    written = {"functionResponse": {"id": "1", "name": "f", "response": response}}
    [message] = parse([{"role": "user", "parts": [written]}]).messages
    assert message == Message("tool", [result])
    back = send(message)["contents"][0]["parts"][0]["functionResponse"]["response"]
    assert back == (response or {})


def test_media_inside_a_result_stand_beside_it():
    inner = {"inline_data": {"mime_type": "image/png", "data": b64encode(PNG).decode()}}
    part = {"function_response": {"id": "1", "name": "f", "response": {"output": "x"}, "parts": [inner]}}
    [message] = parse([{"role": "user", "parts": [part]}]).messages
    assert (message.role, message.content) == (
        "user",
        [ToolResult("1", "x", "f"), Image(data=PNG, media_type="image/png")],
    )


def test_fields_of_a_result_go_back_with_it():
    part = {
        "functionResponse": {"id": "1", "name": "f", "response": {"a": 1}, "willContinue": True},
        "partMetadata": {},
    }
    [message] = parse([{"role": "user", "parts": [part]}]).messages
    assert send(message)["contents"][0]["parts"] == [part]


def test_fields_beside_a_part_are_its_options():
    assert part_of({"text": "a", "part_metadata": {}}) == Text("a", {"gemini": {"partMetadata": {}}})
    film = part_of(
        {"file_data": {"file_uri": "https://h/x.mp4", "mime_type": "video/mp4"}, "video_metadata": {"fps": 1}}
    )
    assert film.provider_options == {"gemini": {"videoMetadata": {"fps": 1}}}
    [message] = parse([{"role": "user", "parts": [], "k": 1}]).messages
    assert message.provider_options == {"gemini": {"k": 1}}


def test_thoughts_and_signatures_are_kept_for_their_provider():
    body = {
        "contents": [
            {"role": "model", "parts": [{"text": "t", "thought": True}, {"text": "", "thoughtSignature": "A"}]}
        ]
    }
    [message] = parse_request(json.dumps(body).encode(), provider="p").request.messages
    assert message.content == [
        Reasoning("t", [{"thought": True}], "p"),
        Reasoning("", [{"thoughtSignature": "A"}], "p"),
    ]
    assert part_of({"thoughtSignature": "A"}, "model") == Reasoning("", [{"thoughtSignature": "A"}])
    assert part_of({"text": "", "thought": True, "thoughtSignature": 5}, "model").details == [
        {"thought": True, "thoughtSignature": 5}
    ]
    assert part_of({"text": "", "thought": True, "thoughtSignature": "é"}, "model").provider is None


def test_other_parts_are_records():
    code = {"executableCode": {"code": "1"}, "thoughtSignature": "A"}
    assert part_of(code, "model") == ServerTool("executableCode", code)
    assert part_of({"novelty": {}}) == ServerTool("novelty", {"novelty": {}})


def test_tools_of_both_dialects():
    request = parse(
        tools=[
            {
                "functionDeclarations": [
                    {"name": "a", "parameters": {"type": "OBJECT", "properties": {}}, "response": {}}
                ]
            },
            {
                "function_declarations": [
                    {"name": "b", "description": "B", "parameters_json_schema": {"type": "object"}}
                ]
            },
            {"function_declarations": [{"name": "c"}], "googleSearch": {}},
        ],
        toolConfig={"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["b"]}},
    )
    assert [(tool.name, tool.parameters) for tool in request.tools] == [
        ("a", {"type": "object", "properties": {}}),
        ("b", {"type": "object"}),
        ("c", {"type": "object", "properties": {}}),
    ]
    assert (request.tool_choice, request.provider_options) == ("b", {"*": {"tools": [{"googleSearch": {}}]}})


TOOLS = [
    {
        "functionDeclarations": [
            {"name": "a", "description": "", "parametersJsonSchema": {"type": "object", "properties": {}}}
        ]
    }
]


@pytest.mark.parametrize(
    "config",
    [
        {"functionCallingConfig": {"mode": "AUTO"}},
        {"functionCallingConfig": {"mode": "NONE"}},
        {"functionCallingConfig": {"mode": "VALIDATED"}},
        {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["a", "b"]}},
        {
            "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["a"]},
            "includeServerSideToolInvocations": True,
        },
        {"includeServerSideToolInvocations": True},
    ],
)
def test_tool_configurations_come_out_as_they_went_in(config):
    assert round_trip(tools=TOOLS, toolConfig=config) == {"tools": TOOLS, "toolConfig": config}
    assert round_trip(toolConfig=config) == {"toolConfig": config}


@pytest.mark.parametrize(
    "config",
    [
        {"temperature": 0.5, "topK": 40, "stopSequences": ["x"], "seed": 1},
        {"responseMimeType": "text/plain"},
        {"responseMimeType": "application/json"},
        {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}},
        {"responseModalities": ["TEXT", "IMAGE"], "candidateCount": 1},
        {"thinkingConfig": {"thinkingBudget": 0}},
        {"thinkingConfig": {"thinkingBudget": 100, "includeThoughts": True}},
        {"thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": True}},
        {"thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": False}},
    ],
)
def test_configurations_come_out_as_they_went_in(config):
    assert round_trip(generationConfig=config) == {"generationConfig": config}


def test_a_level_of_thinking_is_an_effort_for_any_provider():
    request = parse(generationConfig={"thinking_config": {"thinking_level": "high"}, "topK": 40.0})
    assert request.settings == ModelSettings(reasoning_effort="high", top_k=40)
    assert request.provider_options == {"*": {"generationConfig": {"thinkingConfig": {"includeThoughts": False}}}}
    assert parse(generationConfig={"thinkingConfig": {"thinkingBudget": 0}}).settings.reasoning_effort == "none"
    assert parse(generationConfig={"thinkingConfig": []}).settings == ModelSettings()


def test_other_fields_are_kept():
    assert round_trip(serviceTier="flex", safetySettings=[], cachedContent="c") == {
        "serviceTier": "flex",
        "safetySettings": [],
        "cachedContent": "c",
    }


def test_a_schema_of_the_dialect_becomes_a_json_schema():
    dialect = {
        "type": "OBJECT",
        "property_ordering": ["a"],
        "required": ["a"],
        "properties": {
            "a": {"type": "STRING", "nullable": True, "enum": ["x"], "maxLength": "5", "example": "x"},
            "type": {"any_of": [{"type": "INTEGER"}, True], "nullable": True},
            "b": {"type": "ARRAY", "items": {"type": "NUMBER", "nullable": False}, "minItems": 1},
            "c": {"nullable": True},
            "d": 5,
        },
        "additionalProperties": False,
    }
    config = {"responseMimeType": "application/json", "responseSchema": dialect}
    assert parse(generationConfig=config).output.schema == {
        "type": "object",
        "propertyOrdering": ["a"],
        "required": ["a"],
        "properties": {
            "a": {"type": ["string", "null"], "enum": ["x", None], "maxLength": 5, "examples": ["x"]},
            "type": {"anyOf": [{"type": "integer"}, True, {"type": "null"}]},
            "b": {"type": "array", "items": {"type": "number"}, "minItems": 1},
            "c": {},
            "d": 5,
        },
        "additionalProperties": False,
    }


def test_a_schema_that_is_nested_too_deeply_is_refused():
    schema: dict[str, object] = {"type": "STRING"}
    for _ in range(200):
        schema = {"type": "ARRAY", "items": schema}
    with pytest.raises(InvalidInputError, match="nested too deeply"):
        parse(generationConfig={"responseMimeType": "application/json", "responseSchema": schema})


def make_response(*parts, **fields):
    return ModelResponse(
        message=Message("assistant", list(parts)), finish_reason=fields.pop("reason", "stop"), **fields
    )


def render(response, **options):
    return json.loads(render_response(response, **options))


def test_an_answer_is_rendered_with_its_usage_and_names():
    usage = Usage(
        input_tokens=10,
        output_tokens=9,
        total_tokens=19,
        cached_input_tokens=3,
        reasoning_tokens=4,
        audio_input_tokens=2,
        audio_output_tokens=1,
        cached_audio_tokens=2,
    )
    assert render(make_response(Text("Hi"), usage=usage, id="r", model="x"), model="m") == {
        "candidates": [{"content": {"parts": [{"text": "Hi"}], "role": "model"}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {
            "promptTokenCount": 10,
            "candidatesTokenCount": 5,
            "totalTokenCount": 19,
            "cachedContentTokenCount": 3,
            "thoughtsTokenCount": 4,
            "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 2}],
            "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 1}],
            "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 2}],
        },
        "modelVersion": "m",
        "responseId": "r",
    }
    assert render(make_response(Text("Hi"), usage=Usage(output_tokens=1)))["usageMetadata"] == {
        "candidatesTokenCount": 1
    }


@pytest.mark.parametrize(
    ("reason", "raw", "word"),
    [
        ("stop", None, "STOP"),
        ("tool_calls", "tool_use", "STOP"),
        ("length", "length", "MAX_TOKENS"),
        ("content_filter", "RECITATION", "RECITATION"),
        ("content_filter", "sensitive", "SAFETY"),
        ("other", None, "OTHER"),
    ],
)
def test_finish_reasons_are_rendered_in_words_of_the_wire(reason, raw, word):
    response = make_response(Text("a"), reason=reason, raw_finish_reason=raw)
    assert render(response)["candidates"][0]["finishReason"] == word


PARTS = [
    Reasoning("hm", [{"thought": True, "thoughtSignature": "QQ=="}], "p"),
    Text("Hello", {"p": {"thoughtSignature": "Qg=="}}),
    ToolCall("1", "f", {"a": 1}, provider_options={"p": {"thoughtSignature": "Qw=="}}),
    ToolCall("2", "g", {}, invalid_arguments="[1"),
    ServerTool("executableCode", {"executableCode": {"code": "1"}}),
    Image(data=PNG, media_type="image/png"),
    Reasoning("", [{"thoughtSignature": "RA=="}], "p"),
]
WIRE = [
    {"text": "hm", "thought": True, "thoughtSignature": "QQ=="},
    {"text": "Hello", "thoughtSignature": "Qg=="},
    {"functionCall": {"id": "1", "name": "f", "args": {"a": 1}}, "thoughtSignature": "Qw=="},
    {"functionCall": {"id": "2", "name": "g", "args": {"invalid_arguments": "[1"}}},
    {"executableCode": {"code": "1"}},
    {"inlineData": {"mimeType": "image/png", "data": b64encode(PNG).decode()}},
    {"text": "", "thoughtSignature": "RA=="},
]


def test_every_part_is_rendered_and_what_the_wire_lacks_is_not():
    response = make_response(*PARTS, Refusal("No"), ServerTool("web_search", {"type": "x"}), ToolResult("1", "x"))
    assert render(response)["candidates"][0]["content"]["parts"] == [*WIRE, {"text": "No"}]


def test_another_providers_reasoning_comes_back_as_it_was():
    thought = Reasoning("hm", [{"type": "thinking", "signature": "s"}], "q")
    [part] = render(make_response(thought))["candidates"][0]["content"]["parts"]
    assert (part["text"], part["thought"]) == ("hm", True)
    assert part_of(part, "model") == thought
    assert render(make_response(Reasoning("hm")))["candidates"][0]["content"]["parts"] == [
        {"text": "hm", "thought": True}
    ]


def test_sources_are_rendered_in_their_place():
    record = {"groundingMetadata": {"webSearchQueries": ["x"]}}
    candidate = render(make_response(Text("a"), ServerTool("groundingMetadata", record)))["candidates"][0]
    assert candidate["groundingMetadata"] == record["groundingMetadata"]
    assert candidate["content"]["parts"] == [{"text": "a"}]
    cited = Text("a", citations=[{"url": "u", "title": "t"}, {"url": "v"}, {"uri": "w"}, {"url": 5}])
    candidate = render(make_response(cited))["candidates"][0]
    assert candidate["groundingMetadata"] == {
        "groundingChunks": [{"web": {"uri": "u", "title": "t"}}, {"web": {"uri": "v", "title": "v"}}]
    }
    assert candidate["citationMetadata"] == {"citationSources": [{"uri": "w"}]}


def test_log_probabilities_are_rendered():
    tokens = [TokenLogprob(token="a", logprob=-1.0, top=(TokenLogprob(token="b", logprob=-2.0),))]
    found = decode(render_response(make_response(Text("a"), logprobs=tokens)), make_route())
    assert found.logprobs == tokens


def stream_of(response):
    renderer = StreamRenderer(model="m")
    data = renderer.feed([StepStart(1)]) + renderer.feed(as_chunks(response)) + renderer.finish(response)
    return stream_bytes([data])[1]


def test_a_rendered_stream_is_the_rendered_answer():
    usage = Usage(input_tokens=1, output_tokens=2, total_tokens=3)
    response = make_response(*PARTS, reason="tool_calls", usage=usage, id="r")
    streamed, whole = stream_of(response), decode(render_response(response), make_route())
    assert (streamed.text, streamed.reasoning, streamed.tool_calls) == (whole.text, whole.reasoning, whole.tool_calls)
    assert (streamed.usage, streamed.finish_reason, streamed.id, streamed.model) == (usage, "tool_calls", "r", "m")

    def signatures(message):
        return sorted(part.get("thoughtSignature", "") for part in send(message)["contents"][0]["parts"])

    assert [found for found in signatures(streamed.message) if found] == ["QQ==", "Qg==", "Qw==", "RA=="]
    assert [part for part in streamed.message.content if isinstance(part, Image)] == [PARTS[5]]


def test_chunks_that_are_no_content_make_no_event():
    renderer = StreamRenderer()
    assert renderer.feed([StepStart(1)]) == b""
    assert renderer.feed([ServerToolChunk("groundingMetadata", {"groundingMetadata": {}})]) == b""
    told = json.loads(renderer.feed([TextDelta("a"), RefusalDelta("b")]).removeprefix(b"data: "))
    assert told == {"candidates": [{"content": {"parts": [{"text": "a"}, {"text": "b"}], "role": "model"}, "index": 0}]}


@pytest.mark.parametrize(
    ("error", "status", "code", "word"),
    [
        (RateLimitError("slow", status=429), None, 429, "RESOURCE_EXHAUSTED"),
        (ServerError("x", status=529), None, 529, "INTERNAL"),
        (APIConnectionError("x"), 504, 504, "DEADLINE_EXCEEDED"),
        (APIConnectionError("x", status=200), None, 500, "INTERNAL"),
        (APIConnectionError("x", status=418), None, 418, "FAILED_PRECONDITION"),
    ],
)
def test_errors_are_rendered_with_their_status(error, status, code, word):
    assert json.loads(render_error(error, status)) == {
        "error": {"code": code, "message": error.message, "status": word}
    }


def test_a_stream_that_breaks_says_so():
    told = json.loads(StreamRenderer().fail("it broke").removeprefix(b"data: "))
    assert told == {"error": {"code": 500, "message": "it broke", "status": "INTERNAL"}}
    assert b'"UNAVAILABLE"' in StreamRenderer().fail("x", "UNAVAILABLE")


@given(JSON)
@settings(max_examples=300)
def test_any_json_is_a_request_or_an_error_of_ours(value):
    for body in (
        value,
        {"contents": value},
        {"contents": [{"parts": [value], "role": "model"}]},
        {"contents": [{}], "tools": [value]},
    ):
        try:
            request = parse_request(json.dumps(body).encode()).request
            encode(request, make_route())
        except InvalidInputError:
            continue


@given(JSON)
@settings(max_examples=150)
def test_any_answer_that_is_read_is_rendered(value):
    try:
        response = decode(json.dumps(make_body(value)).encode(), make_route())
    except CallError:
        return
    again = decode(render_response(response), make_route())
    assert (again.text, again.finish_reason) == (response.text, response.finish_reason)


def test_a_record_of_sources_brings_no_other_field_of_the_answer():
    body = make_body({"groundingMetadata": None, "finishReason": "SAFETY"})
    again = decode(render_response(decode(json.dumps(body).encode(), make_route())), make_route())
    assert again.finish_reason == "stop"


def test_a_picture_that_is_none_is_left_out_of_an_answer_that_is_served():
    response = ModelResponse(
        message=Message("assistant", [Text("See"), Image(url="data:image/png;base64,no!")]), finish_reason="stop"
    )
    told = json.loads(render_response(response))
    assert told["candidates"][0]["content"]["parts"] == [{"text": "See"}]
