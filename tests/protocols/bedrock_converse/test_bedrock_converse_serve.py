"""This wire format from the server's side: requests read, answers and streams that AWS's own client parses."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError
from converse_answers import answer, body_of, make_route, stream
from vendor_specs import find_converse_faults

from provider import reply
from turnout.chunks import (
    ErrorChunk,
    FallbackChunk,
    ReasoningDelta,
    RefusalDelta,
    ServerToolChunk,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
)
from turnout.errors import APIStatusError, InvalidInputError, NotFoundError, RateLimitError, TurnoutError
from turnout.messages import (
    Audio,
    File,
    Image,
    Message,
    Reasoning,
    Refusal,
    ServerTool,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from turnout.protocols import bedrock_converse
from turnout.protocols.bedrock_converse import (
    StreamDecoder,
    StreamRenderer,
    decode,
    encode,
    parse_request,
    render_error,
    render_response,
)
from turnout.requests import ModelRequest, ModelSettings, OutputSpec, ToolSpec
from turnout.responses import ModelResponse
from turnout.transport.event_stream import EventStreamParser
from turnout.usage import Usage

if TYPE_CHECKING:
    from provider import Provider

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
TEXT = {"text": "a"}
POINT = {"cachePoint": {"type": "default"}}
SIGNED = {"reasoningText": {"text": "Hm.", "signature": "s"}}
REDACTED = {"redactedContent": "AAAA"}
CITED = {"title": "T", "location": {"web": {"url": "https://example.com"}}}
RAN = {"toolUse": {"toolUseId": "t", "name": "nova", "input": {"a": 1}, "type": "server_tool_use"}}
GAVE = {"toolResult": {"toolUseId": "t", "type": "r", "content": [{"json": {}}]}}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def parse(**body: Any) -> ModelRequest:
    return parse_request(
        json.dumps({"messages": [{"role": "user", "content": [{"text": "Hi"}]}], **body}).encode()
    ).request


def parse_blocks(*blocks: Any, role: str = "user") -> Message:
    return parse(messages=[{"role": role, "content": list(blocks)}]).messages[0]


def own(fields: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {"bedrock_converse": fields}


def test_a_request_is_read_and_written_again() -> None:
    body = {
        "messages": [
            {"role": "user", "content": [{"text": "Hi"}, POINT]},
            {"role": "assistant", "content": [{"toolUse": {"toolUseId": "c", "name": "search", "input": {"q": "x"}}}]},
            {"role": "user", "content": [{"toolResult": {"toolUseId": "c", "content": [TEXT], "status": "error"}}]},
        ],
        "system": [{"text": "Be brief."}, POINT],
        "inferenceConfig": {"maxTokens": 9.0, "temperature": 0.5, "topP": 0.9, "stopSequences": ["x"], "new": 1},
        "toolConfig": {
            "tools": [{"toolSpec": {"name": "search", "strict": True, "inputSchema": {"json": {}}}}, POINT],
            "toolChoice": {"any": {}},
        },
        "serviceTier": {"type": "flex"},
        "outputConfig": {"effort": "high"},
        "performanceConfig": {"latency": "optimized"},
        "additionalModelRequestFields": {"top_k": 20},
    }  # fmt: skip
    parsed = parse_request(json.dumps(body).encode(), model="us.amazon.nova-micro-v1%3A0", stream=True)
    assert parsed.model == "us.amazon.nova-micro-v1:0"
    request = parsed.request
    assert request.stream
    assert request.tool_choice == "required"
    assert request.settings == ModelSettings(
        max_output_tokens=9, temperature=0.5, top_p=0.9, stop=["x"], service_tier="flex", reasoning_effort="high"
    )
    assert [message.role for message in request.messages] == ["system", "user", "assistant", "tool"]
    assert request.messages[1].content == [Text("Hi", own(POINT))]
    written = json.loads(encode(request, make_route()).body)
    body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"] = {"type": "object", "properties": {}}  # pyright: ignore
    assert written == body


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"text": "a"}, Text("a")),
        ({"image": {"format": "png", "source": {"bytes": b64(PNG)}}}, Image(data=PNG, media_type="image/png")),
        (
            {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b/c", "bucketOwner": "1"}}}},
            Image(
                url="s3://b/c",
                media_type="image/png",
                provider_options=own({"image": {"source": {"s3Location": {"bucketOwner": "1"}}}}),
            ),
        ),
        (
            {"document": {"format": "txt", "name": "D", "source": {"bytes": b64(b"a")}, "context": "c"}},
            File(data=b"a", media_type="text/plain", name="D", provider_options=own({"document": {"context": "c"}})),
        ),
        ({"video": {"format": "mp4", "source": {"bytes": b64(b"a")}}}, Video(data=b"a", media_type="video/mp4")),
        ({"audio": {"format": "wav", "source": {"bytes": b64(b"a")}}}, Audio(data=b"a", media_type="audio/wav")),
        ({"image": {"format": "png"}}, ServerTool("image", {"image": {"format": "png"}})),
        (
            {"guardContent": {"text": {"text": "a", "qualifiers": ["query"]}}},
            Text("a", own({"guardContent": {"text": {"qualifiers": ["query"]}}})),
        ),
        (
            {"guardContent": {"image": {"format": "png"}}},
            ServerTool("guardContent", {"guardContent": {"image": {"format": "png"}}}),
        ),
        (POINT, ServerTool("cachePoint", POINT)),
        ({"searchResult": {"title": "a"}}, ServerTool("searchResult", {"searchResult": {"title": "a"}})),
        (GAVE, ServerTool("toolResult", GAVE)),
    ],
)
def test_blocks_of_a_user_become_parts(block, part) -> None:
    assert parse_blocks(block) == Message("user", [part])


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"reasoningContent": SIGNED}, Reasoning("Hm.", [SIGNED])),
        ({"reasoningContent": {"reasoningText": {"text": "Hm."}}}, Reasoning("Hm.")),
        ({"reasoningContent": REDACTED}, Reasoning("", [REDACTED])),
        ({"reasoningContent": {"redactedContent": "?"}}, Reasoning("", [{"redactedContent": "?"}])),
        ({"reasoningContent": {"redactedContent": b64(b"abc")}}, Reasoning("", [{"redactedContent": b64(b"abc")}])),
        ({"reasoningContent": {"new": 1}}, ServerTool("reasoningContent", {"reasoningContent": {"new": 1}})),
        ({"toolUse": {"toolUseId": "c", "name": "n"}}, ToolCall("c", "n", {})),
        (RAN, ServerTool("toolUse", RAN)),
        (
            {"citationsContent": {"content": [{"text": "a"}, {"text": "b"}], "citations": [CITED]}},
            Text("ab", citations=[CITED]),
        ),
    ],
)
def test_blocks_of_an_assistant_become_parts(block, part) -> None:
    assert parse_blocks(block, role="assistant") == Message("assistant", [part])


def test_a_cache_point_goes_with_the_part_before_it_once() -> None:
    assert parse_blocks({"text": "a"}, POINT, POINT).content == [Text("a", own(POINT)), ServerTool("cachePoint", POINT)]
    said = parse_blocks({"reasoningContent": REDACTED}, POINT, role="assistant")
    assert said.content == [Reasoning("", [REDACTED]), ServerTool("cachePoint", POINT)]


def test_results_of_tools_keep_what_is_more_than_text() -> None:
    content = [{"text": "a"}, {"json": {"b": 1}}, {"image": {"format": "png"}}]
    message = parse_blocks({"toolResult": {"toolUseId": "c", "content": content, "status": "success"}})
    result = ToolResult("c", 'a\n{"b":1}', provider_options=own({"toolResult": {"content": content}}))
    assert message == Message("tool", [result])
    mixed = parse_blocks({"toolResult": {"toolUseId": "c", "content": [{"text": "a"}]}}, {"text": "b"})
    assert mixed == Message("user", [ToolResult("c", "a"), Text("b")])


def test_a_system_message_in_its_place_stays_there() -> None:
    message = parse(messages=[{"role": "system", "content": [{"text": "a"}], "new": 1}]).messages[0]
    assert message == Message("system", [Text("a")], provider_options=own({"new": 1, "role": "system"}))


@pytest.mark.parametrize(
    ("config", "choice", "options"),
    [
        ({"toolChoice": {"auto": {}}}, "auto", {}),
        ({"toolChoice": {"tool": {"name": "t"}}}, "t", {}),
        ({"toolChoice": {"new": {}}}, None, own({"toolConfig": {"toolChoice": {"new": {}}}})),
        ({"new": 1}, None, own({"toolConfig": {"new": 1}})),
    ],
)
def test_tool_choices_are_read(config, choice, options) -> None:
    tools = [{"toolSpec": {"name": "t", "description": "d", "inputSchema": {"json": {"type": "object"}}}}]
    request = parse(toolConfig={"tools": tools, **config})
    assert request.tools == (ToolSpec(name="t", description="d", parameters={"type": "object"}),)
    assert (request.tool_choice, request.provider_options) == (choice, options)


def test_a_choice_without_tools_of_the_client_is_kept() -> None:
    config = {"tools": [{"systemTool": {"name": "nova_grounding"}}], "toolChoice": {"any": {}}}
    request = parse(toolConfig=config)
    assert (request.tools, request.tool_choice) == ((), None)
    assert request.provider_options == own({"toolConfig": config})
    bare = parse(toolConfig={"tools": [{"toolSpec": {"name": "t", "inputSchema": {}}}]})
    assert bare.tools[0].parameters == {"type": "object", "properties": {}}


def format_of(schema: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "json_schema", "structure": {"jsonSchema": {"schema": schema, **fields}}}


def test_structured_output_is_read() -> None:
    told = format_of('{"type": "object"}', name="n", description="d")
    request = parse(outputConfig={"textFormat": told, "effort": "none", "new": 1})
    assert request.output == OutputSpec(schema={"type": "object"}, name="n", description="d", mode="json_schema")
    assert request.provider_options == own({"outputConfig": {"new": 1, "effort": "none"}})
    assert parse(outputConfig={"textFormat": format_of("{}")}).output == OutputSpec(schema={}, mode="json_schema")


@pytest.mark.parametrize("told", [format_of("no JSON"), {"type": "new"}, {"structure": {}}, "x"])
def test_an_output_that_cannot_be_read_is_kept(told) -> None:
    request = parse(outputConfig={"textFormat": told})
    assert (request.output, request.provider_options) == (None, own({"outputConfig": {"textFormat": told}}))


def test_a_tier_that_says_more_is_kept() -> None:
    assert parse(serviceTier={"type": "flex", "new": 1}).provider_options == own(
        {"serviceTier": {"type": "flex", "new": 1}}
    )
    assert parse_request(b'{"messages": [{"role": "user", "content": []}], "modelId": "m"}').model == "m"


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"x", "the body is no JSON"),
        (b"{}", "messages is missing or empty"),
        (b'{"messages": 1}', "messages is a int"),
        (b'{"messages": ["x"]}', "messages[0] is a str"),
        (b'{"messages": [{"role": "x"}]}', "messages[0].role is 'x'"),
        (b'{"messages": [{"role": "user", "content": [1]}]}', "messages[0].content[0] is a int"),
        (b'{"messages": [{"role": "user", "content": [{}]}]}', "messages[0].content[0] has 0 fields"),
        (b'{"messages": [{"role": "user", "content": [{"text": 1}]}]}', "text is a int"),
        (b'{"messages": [{"role": "user", "content": [{"toolUse": 1}]}]}', "messages[0].content[0].toolUse is a int"),
        (
            b'{"messages": [{"role": "user", "content": [{"toolUse": {"toolUseId": "c", "name": "n", "input": 1}}]}]}',
            "messages[0].content[0].toolUse.input is a int",
        ),
        (b'{"system": [{"text": "a"}], "inferenceConfig": {"temperature": "x"}}', "settings"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(body, where) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_request(body)
    assert where in str(caught.value)


ANSWER = ModelResponse(
    message=Message(
        "assistant",
        [
            Reasoning("Hm.", [SIGNED], "p"),
            Reasoning("", [REDACTED], "p"),
            Text("So it is."),
            ServerTool("nova", RAN),
            ServerTool("nova", GAVE),
            ToolCall("c", "search", {"q": "x"}),
            Image(data=PNG, media_type="image/png"),
        ],
    ),
    finish_reason="tool_calls",
    raw_finish_reason="stop",
    usage=Usage(
        input_tokens=13,
        output_tokens=2,
        total_tokens=15,
        cached_input_tokens=4,
        cache_write_tokens=6,
        cache_write_1h_tokens=2,
    ),
)


def chunks_of(response: ModelResponse) -> list[Any]:
    """Return the chunks of an answer as this wire would have streamed them."""
    decoder = StreamDecoder(make_route())
    whole = json.loads(render_response(response))["output"]["message"]["content"]
    decoder._answer.read_whole(whole)  # pyright: ignore[reportPrivateUsage]
    return decoder._answer.chunks  # pyright: ignore[reportPrivateUsage]


def test_a_whole_answer_comes_back_as_it_was() -> None:
    body = render_response(ANSWER, latency_ms=7)
    assert find_converse_faults(json.loads(body), "ConverseResponse") == []
    assert json.loads(body)["metrics"] == {"latencyMs": 7}
    found = decode(body, make_route())
    assert found.message == ANSWER.message
    assert (found.finish_reason, found.usage) == (ANSWER.finish_reason, ANSWER.usage)


def test_a_streamed_answer_comes_back_as_it_was() -> None:
    renderer = StreamRenderer()
    pieces = [renderer.feed([chunk]) for chunk in chunks_of(ANSWER)]
    pieces.append(renderer.finish(ANSWER, latency_ms=7))
    assert renderer.finish(ANSWER) == renderer.feed([TextDelta("late")]) == renderer.fail("late") == b""
    _, found = stream(pieces)
    assert found.message == ANSWER.message
    assert (found.finish_reason, found.usage, len(found.warnings)) == (ANSWER.finish_reason, ANSWER.usage, 1)
    assert found.warnings[0].code == "unpriced_use"


def test_every_event_is_one_that_aws_describes() -> None:
    renderer = StreamRenderer()
    data = renderer.feed(chunks_of(ANSWER)) + renderer.finish(ANSWER)
    for event in EventStreamParser().feed(data):
        assert find_converse_faults({event.event: json.loads(event.data)}, "ConverseStreamOutput") == []


def render_parts(*parts: Any, **fields: Any) -> dict[str, Any]:
    response = ModelResponse(message=Message("assistant", list(parts)), finish_reason="stop", **fields)
    body = json.loads(render_response(response))
    assert find_converse_faults(body, "ConverseResponse") == []
    return body


def test_records_of_other_wires_are_not_told_in_a_stream() -> None:
    renderer = StreamRenderer()
    response = ModelResponse(message=Message("assistant", [Text("a")]), finish_reason="stop")
    record = ServerToolChunk("web_search_call", {"type": "web_search_call"})
    found = stream([renderer.feed([TextDelta("a"), record]), renderer.finish(response)])[1]
    assert found.message.content == [Text("a")]


def test_parts_that_this_wire_has_no_block_for_are_left_out() -> None:
    body = render_parts(
        ServerTool("web_search_call", {"type": "web_search_call", "id": "x"}),
        Image(url="https://example.com/cat.png"),
        Reasoning(""),
        ToolResult("c", "a"),
        Refusal("No."),
        ToolCall("a b", "n", {}, "{broken"),
    )
    refusal, call = body["output"]["message"]["content"]
    assert refusal == {"text": "No."}
    assert call["toolUse"]["input"] == {"INVALID_JSON": "{broken"}


def test_sources_of_other_wires_become_places_of_the_web() -> None:
    given = [
        CITED,
        {"sourceContent": [{"text": "a"}]},
        {"type": "url_citation", "url_citation": {"url": "https://a.example", "title": "A"}},
        {"url": "https://b.example", "title": 1},
        {"other": 1},
    ]
    told = [
        *given[:2],
        {"title": "A", "location": {"web": {"url": "https://a.example"}}},
        {"location": {"web": {"url": "https://b.example"}}},
    ]
    part = Text("So.", citations=given)
    block = render_parts(part)["output"]["message"]["content"][0]
    assert block == {"citationsContent": {"content": [{"text": "So."}], "citations": told}}
    renderer = StreamRenderer()
    response = ModelResponse(message=Message("assistant", [part]), finish_reason="stop")
    _, found = stream([renderer.feed([TextDelta("So.")]), renderer.finish(response)])
    assert found.message.content == [Text("So."), Text("", citations=told)]


@pytest.mark.parametrize("text", ["Hm.", ""])
@pytest.mark.parametrize("details", [[{"type": "thinking", "signature": "x"}, {"more": 1}], [{"reasoningText": 1}]])
def test_the_reasoning_of_another_wire_goes_sealed_and_comes_back(text, details) -> None:
    foreign = Reasoning(text, details, "q")
    block = render_parts(foreign)["output"]["message"]["content"][0]
    assert parse_blocks(block, role="assistant").content == [foreign]
    renderer = StreamRenderer()
    response = ModelResponse(message=Message("assistant", [foreign, Text("So.")]), finish_reason="stop")
    thought = [ReasoningDelta(text)]
    _, found = stream([renderer.feed([*thought, TextDelta("So.")]), renderer.finish(response)])
    sent = json.loads(encode(ModelRequest(messages=[Message.user("a"), found.message]), make_route()).body)
    assert parse(**sent).messages[1].content == [foreign, Text("So.")]


def test_thoughts_whose_number_changed_are_told_without_what_goes_back() -> None:
    renderer = StreamRenderer()
    response = ModelResponse(message=Message("assistant", [Reasoning("a", [SIGNED], "p")]), finish_reason="stop")
    thoughts = [ReasoningDelta("a"), TextDelta("b"), ReasoningDelta("c")]
    _, found = stream([renderer.feed(thoughts), renderer.finish(response)])
    assert found.message.content == [Reasoning("a"), Text("b"), Reasoning("c")]


def test_calls_without_pieces_or_in_turns_are_told_whole() -> None:
    one, two = ToolCall("1", "a", {"x": 1}), ToolCall("2", "b", {}, "{broken")
    renderer = StreamRenderer()
    response = ModelResponse(message=Message("assistant", [one, two]), finish_reason="tool_calls")
    data = renderer.feed([ToolCallEnd(one), ToolCallDelta("2", "lost"), ToolCallEnd(two)]) + renderer.finish(response)
    assert stream([data])[1].message.content == [one, two]


@pytest.mark.parametrize(
    ("reason", "raw", "told"),
    [
        ("stop", "stop", "end_turn"),
        ("stop", "stop_sequence", "stop_sequence"),
        ("tool_calls", "end_turn", "tool_use"),
        ("length", None, "max_tokens"),
        ("content_filter", "guardrail_intervened", "guardrail_intervened"),
        ("content_filter", "refusal", "content_filtered"),
        ("other", "pause", "end_turn"),
    ],
)
def test_reasons_are_told_in_the_words_of_this_wire(reason, raw, told) -> None:
    response = ModelResponse(message=Message("assistant", []), finish_reason=reason, raw_finish_reason=raw)
    assert json.loads(render_response(response))["stopReason"] == told


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (RateLimitError("Slow.", status=429), None, "ThrottlingException"),
        (NotFoundError("No.", status=404), 400, "ValidationException"),
        (APIStatusError("No.", status=418), None, "ValidationException"),
        (APIStatusError("No."), None, "InternalServerException"),
        (TurnoutError("No."), None, "InternalServerException"),
    ],
)
def test_errors_are_named_as_aws_names_them(error, status, kind) -> None:
    assert json.loads(render_error(error, status)) == {"__type": kind, "message": error.message}


def test_the_module_offers_what_serves_and_nothing_else() -> None:
    assert bedrock_converse.render_error is render_error
    with pytest.raises(AttributeError, match="no attribute 'x'"):
        _ = bedrock_converse.x  # pyright: ignore[reportAttributeAccessIssue]


@pytest.fixture
def client(provider: Provider) -> Any:
    """AWS's own client, pointed at the scripted provider."""
    session = botocore.session.get_session()
    session.set_credentials("AKIDEXAMPLE", "secret")
    config = Config(retries={"total_max_attempts": 1})
    url = f"http://127.0.0.1:{provider.port}"
    return session.create_client("bedrock-runtime", region_name="eu-west-1", endpoint_url=url, config=config)


MESSAGES = [{"role": "user", "content": [{"text": "Hi"}]}]


def test_the_client_of_aws_reads_a_whole_answer(provider, client) -> None:
    provider.script(reply(render_response(ANSWER)))
    answered = client.converse(modelId="us.amazon.nova-micro-v1:0", messages=MESSAGES)
    blocks = answered["output"]["message"]["content"]
    assert blocks[0] == {"reasoningContent": SIGNED}
    assert blocks[2] == {"text": "So it is."}
    assert blocks[5]["toolUse"] == {"toolUseId": "c", "name": "search", "input": {"q": "x"}}
    assert blocks[6]["image"]["source"]["bytes"] == PNG
    assert answered["stopReason"] == "tool_use"
    assert answered["usage"]["totalTokens"] == 15
    sent = provider.requests[0]
    parsed = parse_request(sent.body, model=sent.path.split("/")[2])
    assert parsed.model == "us.amazon.nova-micro-v1:0"
    assert parsed.request.messages == [Message.user("Hi")]


def test_the_client_of_aws_reads_a_stream(provider, client) -> None:
    renderer = StreamRenderer()
    data = renderer.feed(chunks_of(ANSWER)) + renderer.finish(ANSWER)
    provider.script(reply(data, content_type="application/vnd.amazon.eventstream"))
    events = list(client.converse_stream(modelId="m", messages=MESSAGES)["stream"])
    names = [next(iter(event)) for event in events]
    assert (names[0], names[-2:]) == ("messageStart", ["messageStop", "metadata"])
    deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
    assert "".join([delta.get("text", "") for delta in deltas]) == "So it is."
    assert {"reasoningContent": {"signature": "s"}} in deltas
    assert any(delta.get("toolUse") == {"input": '{"q":"x"}'} for delta in deltas)


@pytest.mark.parametrize(
    ("chunk", "code"),
    [
        (ErrorChunk("Slow.", "ThrottlingException"), "throttlingException"),
        (ErrorChunk("It broke.", "overloaded"), "modelStreamErrorException"),
        (FallbackChunk("p/m", "q/m", "It broke."), "modelStreamErrorException"),
    ],
)
def test_the_client_of_aws_reads_an_error_in_a_stream(chunk, code, provider, client) -> None:
    data = StreamRenderer().feed([RefusalDelta("No."), chunk, TextDelta("late")])
    provider.script(reply(data, content_type="application/vnd.amazon.eventstream"))
    with pytest.raises(EventStreamError) as caught:
        list(client.converse_stream(modelId="m", messages=MESSAGES)["stream"])
    assert caught.value.response["Error"]["Code"] == code


def test_the_client_of_aws_reads_an_error(provider, client) -> None:
    provider.script(reply(render_error(RateLimitError("Slow.", status=429)), 429))
    with pytest.raises(ClientError) as caught:
        client.converse(modelId="m", messages=MESSAGES)
    assert caught.value.response["Error"] == {"Code": "ThrottlingException", "Message": "Slow."}


def test_a_stream_that_fails_later_tells_so() -> None:
    renderer = StreamRenderer()
    renderer.feed([TextDelta("a")])
    data = renderer.fail("It broke.", "validationException")
    ((event),) = EventStreamParser().feed(data)
    assert json.loads(event.data) == {"message": "It broke.", "code": "validationException"}


def test_an_answer_goes_back_as_the_client_got_it() -> None:
    blocks = json.loads(render_response(ANSWER))["output"]["message"]["content"]
    history = parse(messages=[*MESSAGES, {"role": "assistant", "content": blocks[:-1]}]).messages
    assert body_of(*history)["messages"][1]["content"] == blocks[:-1]
    assert decode(answer(*blocks), make_route()).message == ANSWER.message
