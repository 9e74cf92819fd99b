"""Answers, whole and streamed: every kind of block, usage, reasons, and what is none of these."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from converse_answers import answer, delta, end, make_route, start, stop, stream

from turnout.chunks import (
    ErrorChunk,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    ServerToolChunk,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageChunk,
)
from turnout.errors import (
    AuthenticationError,
    ContextLengthError,
    MalformedStreamError,
    PermissionDeniedError,
    ProviderStreamError,
    RateLimitError,
    ResponseError,
    ServerError,
    TruncatedStreamError,
)
from turnout.messages import Audio, File, Image, Reasoning, ServerTool, Text, ToolCall, Video
from turnout.protocols.bedrock_converse import StreamDecoder, decode, decode_error
from turnout.protocols.bedrock_converse.answer import _Call  # pyright: ignore[reportPrivateUsage]
from turnout.protocols.bedrock_converse.frames import write_event
from turnout.protocols.refusals import refused_field
from turnout.usage import Usage

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def parts_of(*blocks: Any) -> list[Any]:
    response = decode(answer(*blocks), make_route())
    assert [warning.code for warning in response.warnings if warning.code != "unpriced_use"] == []
    return response.message.content


SIGNED = {"reasoningText": {"text": "Hm.", "signature": "sig"}}
CITED = {"title": "T", "location": {"web": {"url": "https://example.com"}}}
RAN = {"toolUse": {"toolUseId": "t", "name": "nova_code_interpreter", "input": {"a": 1}, "type": "server_tool_use"}}
GAVE = {
    "toolResult": {"toolUseId": "t", "status": "success", "type": "r", "content": [{"json": {"b": 2}}, {"text": "xy"}]}
}
BLOCKS: list[tuple[dict[str, Any], list[bytes], Any]] = [
    ({"text": "So."}, [delta(0, text="S"), delta(0, text=""), delta(0, text="o.")], Text("So.")),
    (
        {"citationsContent": {"content": [{"text": "So."}, {"x": 1}], "citations": [CITED]}},
        [delta(0, text="So."), delta(0, citation=CITED), delta(0, citation="x")],
        Text("So.", citations=[CITED]),
    ),
    (
        {"reasoningContent": SIGNED},
        [
            delta(0, reasoningContent={"text": "H"}),
            delta(0, reasoningContent={"text": "m."}),
            delta(0, reasoningContent={"signature": "s"}),
            delta(0, reasoningContent={"signature": "ig"}),
            delta(0, reasoningContent="x"),
        ],
        Reasoning("Hm.", [SIGNED], "p"),
    ),
    (
        {"reasoningContent": {"redactedContent": b64(b"abcd")}},
        [delta(0, reasoningContent={"redactedContent": b64(piece)}) for piece in (b"ab", b"cd")],
        Reasoning("", [{"redactedContent": b64(b"abcd")}], "p"),
    ),
    (
        {"reasoningContent": {"reasoningText": {"text": "Hm."}}},
        [delta(0, reasoningContent={"text": "Hm."})],
        Reasoning("Hm."),
    ),
    (
        {"toolUse": {"toolUseId": "c", "name": "search", "input": {"q": [1.0, "é"]}}},
        [
            start(0, toolUse={"toolUseId": "c", "name": "search"}),
            delta(0, toolUse={"input": '{"q": [1.0,'}),
            delta(0, toolUse={"input": ' "é"]}'}),
        ],
        ToolCall("c", "search", {"q": [1.0, "é"]}),
    ),
    (
        {"toolUse": {"toolUseId": "c", "name": "search"}},
        [start(0, toolUse={"toolUseId": "c", "name": "search"})],
        ToolCall("c", "search", {}),
    ),
    (
        {"toolUse": {"toolUseId": "c", "name": "search", "input": "{broken"}},
        [start(0, toolUse={"toolUseId": "c", "name": "search"}), delta(0, toolUse={"input": "{broken"})],
        ToolCall("c", "search", {}, "{broken"),
    ),
    (
        RAN,
        [
            start(0, toolUse={"toolUseId": "t", "name": "nova_code_interpreter", "type": "server_tool_use"}),
            delta(0, toolUse={"input": '{"a":'}),
            delta(0, toolUse={"input": "1}"}),
        ],
        ServerTool("nova_code_interpreter", RAN),
    ),
    (
        GAVE,
        [
            start(0, toolResult={"toolUseId": "t", "status": "success", "type": "r"}),
            delta(0, toolResult=[{"json": {"b": 2}}]),
            delta(0, toolResult=[{"text": "x"}]),
            delta(0, toolResult=[{"text": "y"}]),
        ],
        ServerTool("r", GAVE),
    ),
    (
        {"image": {"format": "png", "source": {"bytes": b64(PNG)}}},
        [
            start(0, image={"format": "png"}),
            delta(0, image={"source": {"bytes": b64(PNG[:5])}}),
            delta(0, image={"source": {"bytes": b64(PNG[5:])}}),
        ],
        Image(data=PNG, media_type="image/png"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("block", "events", "part"), BLOCKS, ids=range(len(BLOCKS)))
def test_a_block_whole_and_in_pieces_is_one_part(block, events, part) -> None:
    assert parts_of(block) == [part]
    _, response = stream([*events, stop(0), end()])
    assert response.message.content == [part]
    is_call = isinstance(part, ServerTool) and "toolUse" in part.data
    assert [warning.code for warning in response.warnings] == ["unpriced_use"] * is_call
    assert stream([*events, end()])[1].message == response.message  # also without its end


def test_the_chunks_of_a_stream() -> None:
    chunks, response = stream(
        [
            write_event("messageStart", {"role": "assistant"}),
            delta(0, reasoningContent={"text": "Hm."}),
            stop(0),
            delta(1, text="So."),
            stop(1),
            start(2, toolUse={"toolUseId": "c", "name": "search"}),
            delta(2, toolUse={"input": "{}"}),
            stop(2),
            start(3, toolUse={"toolUseId": "t", "name": "nova", "type": "server_tool_use"}),
            stop(3),
            start(4, toolResult={"toolUseId": "t"}),
            stop(4),
            end("tool_use", inputTokens=3, outputTokens=2, totalTokens=5),
        ]
    )
    run = {"toolUse": {"toolUseId": "t", "name": "nova", "input": {}, "type": "server_tool_use"}}
    gave = {"toolResult": {"toolUseId": "t", "content": []}}
    assert chunks == [
        ReasoningStart(),
        ReasoningDelta("Hm."),
        ReasoningEnd(),
        TextStart(),
        TextDelta("So."),
        TextEnd(),
        ToolCallStart("c", "search"),
        ToolCallDelta("c", "{}"),
        ToolCallEnd(ToolCall("c", "search", {})),
        ServerToolChunk("nova", run),
        ServerToolChunk("nova", gave),
        UsageChunk(Usage(input_tokens=3, output_tokens=2, total_tokens=5)),
    ]
    assert response.finish_reason == "tool_calls"
    assert response.usage == Usage(input_tokens=3, output_tokens=2, total_tokens=5)


def test_numbers_and_depths_that_only_python_reads() -> None:
    assert parts_of({"toolUse": {"toolUseId": "c", "name": "n", "input": {"a": 10**30}}})[0].arguments == {"a": 10**30}
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    chunks: list[Any] = []
    _Call({"toolUseId": "c", "name": "n"}, chunks, set()).add({"toolUse": {"input": deep}}, chunks)
    assert chunks[-1] == ToolCallDelta("c", "{}")


def test_media_of_every_kind() -> None:
    place = {"s3Location": {"uri": "s3://b/x"}}
    assert parts_of(
        {"image": {"format": "jpeg", "source": place}},
        {"audio": {"format": "mp3", "source": {"bytes": b64(b"ID3\x03")}}},
        {"video": {"format": "3gp", "source": {"bytes": b64(b"film")}}},
        {"document": {"format": "md", "name": "Notes", "source": {"text": "# Hi"}}},
    ) == [
        Image(url="s3://b/x", media_type="image/jpeg"),
        Audio(data=b"ID3\x03", media_type="audio/mpeg"),
        Video(data=b"film", media_type="video/3gpp"),
        File(data=b"# Hi", media_type="text/markdown", name="Notes"),
    ]


@pytest.mark.parametrize(
    ("block", "name"),
    [
        ({"image": {"format": "png", "error": {"message": "no"}}}, "image"),
        ({"image": {"format": "png", "source": {"bytes": "?"}}}, "image"),
        ({"image": {"format": "png", "source": {"bytes": "===="}}}, "image"),
        ({"image": {"format": "png", "source": {"s3Location": {}}}}, "image"),
        ({"image": {"format": "png", "source": {"x": 1}}}, "image"),
        ({"image": "x"}, "image"),
        ({"searchResult": {"source": "s"}}, "searchResult"),
        ({"toolUse": "x"}, "toolUse"),
    ],
)
def test_what_cannot_be_read_is_told(block, name) -> None:
    response = decode(answer(block, {"text": "So."}), make_route())
    assert response.message.content == [Text("So.")]
    assert [warning.code for warning in response.warnings] == ["unread_content"]
    assert repr(name) in response.warnings[0].message


def test_blocks_that_say_nothing_are_no_parts() -> None:
    assert parts_of({"text": ""}, {"text": None}, {"reasoningContent": {}}, {}) == []


@pytest.mark.parametrize(
    ("events", "names"),
    [
        ([start(0, surprise={"x": 1})], ["surprise"]),
        ([start(0, text={}), delta(0, text="a")], []),
        ([delta(0, surprise=1)], ["surprise"]),
        ([delta(0, toolUse={"input": "{}"})], ["toolUse"]),
        ([delta(0, image={"source": {}})], ["image"]),
        ([start(0, image={"format": "png"}), delta(0, image=1), delta(0, image={"source": {"x": 1}})], ["image"]),
    ],
)
def test_pieces_that_belong_nowhere_are_told(events, names) -> None:
    _, response = stream([*events, end()])
    assert [repr(name) in warning.message for name, warning in zip(names, response.warnings, strict=True)] == [
        True
    ] * len(names)


def test_pieces_of_another_kind_begin_another_block() -> None:
    chunks, response = stream([delta(0, text="a"), delta(0, reasoningContent={"text": "b"}), delta(0, text="c"), end()])
    assert response.message.content == [Text("a"), Reasoning("b"), Text("c")]
    assert [type(chunk) for chunk in chunks[:4]] == [TextStart, TextDelta, TextEnd, ReasoningStart]
    _, response = stream(
        [start(0, toolUse={"name": "x"}), start(0, toolUse={"name": "y"}), delta(0, toolUse=None), stop(9), end()]
    )
    first, second = response.tool_calls
    assert (first.name, second.name) == ("x", "y")
    assert first.id.startswith("call_")


def test_base64_in_pieces_that_is_none_is_joined_as_it_is() -> None:
    _, response = stream([*(delta(0, reasoningContent={"redactedContent": piece}) for piece in "?!"), end()])
    assert response.message.content == [Reasoning("", [{"redactedContent": "?!"}], "p")]


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({}, Usage()),
        ({"inputTokens": 3}, Usage(input_tokens=3)),
        ({"inputTokens": 3, "outputTokens": 2}, Usage(input_tokens=3, output_tokens=2, total_tokens=5)),
        (
            {"inputTokens": 3, "outputTokens": 2, "totalTokens": 15, "cacheReadInputTokens": 10},
            Usage(input_tokens=13, output_tokens=2, total_tokens=15, cached_input_tokens=10),
        ),
        (
            {"inputTokens": 3, "outputTokens": 2, "cacheReadInputTokenCount": 4, "cacheWriteInputTokenCount": 6},
            Usage(input_tokens=13, output_tokens=2, total_tokens=15, cached_input_tokens=4, cache_write_tokens=6),
        ),
        (
            {
                "inputTokens": 3,
                "outputTokens": 2,
                "totalTokens": 35,
                "cacheWriteInputTokens": 30,
                "cacheDetails": [{"ttl": "1h", "inputTokens": 20}, {"ttl": "5m", "inputTokens": 10}],
            },
            Usage(input_tokens=33, output_tokens=2, total_tokens=35, cache_write_tokens=30, cache_write_1h_tokens=20),
        ),
        (
            {"inputTokens": 3, "outputTokens": 2, "cacheDetails": [{"ttl": "1h", "inputTokens": 20}, {"ttl": []}, 7]},
            Usage(input_tokens=23, output_tokens=2, total_tokens=25, cache_write_tokens=20, cache_write_1h_tokens=20),
        ),
        ({"inputTokens": 3, "cacheDetails": "1h"}, Usage(input_tokens=3)),
        (
            {"inputTokens": 13, "outputTokens": 2, "totalTokens": 15, "cacheReadInputTokens": 10},
            Usage(input_tokens=13, output_tokens=2, total_tokens=15, cached_input_tokens=10),
        ),
    ],
)
def test_usage_counts_all_input_cached_included(told, usage) -> None:
    assert decode(answer(usage=told), make_route()).usage == usage


def test_use_that_costs_by_the_request_and_other_terms_are_told() -> None:
    def warn(*blocks: Any, **fields: Any) -> list[tuple[str, str]]:
        response = decode(answer(*blocks, **fields), make_route())
        return [(warning.code, str(warning)) for warning in response.warnings]

    use = {"toolUse": {"toolUseId": "1", "name": "nova_grounding", "input": {}, "type": "server_tool_use"}}
    ((code, told),) = warn(use, use)
    assert (code, "nova_grounding (2)" in told) == ("unpriced_use", True)
    assert warn(serviceTier={"type": "default"}, performanceConfig={"latency": "standard"}) == []
    assert warn(serviceTier="flex", performanceConfig=["optimized"]) == []
    for fields, term in (
        ({"serviceTier": {"type": "flex"}}, "flex"),
        ({"performanceConfig": {"latency": "fast"}}, "fast"),
    ):
        ((code, told),) = warn(**fields)
        assert (code, term in told) == ("unpriced_tier", True)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("malformed_tool_use", "other"),
    ],
)
def test_stop_reasons(raw, reason) -> None:
    response = decode(answer(reason=raw), make_route())
    assert (response.finish_reason, response.raw_finish_reason) == (reason, raw)


def test_a_whole_answer_without_a_reason_is_told() -> None:
    response = decode(answer({"text": "So."}, stopReason=None, usage=None), make_route())
    assert (response.finish_reason, response.usage) == ("stop", Usage())
    assert [warning.code for warning in response.warnings] == ["inferred_finish_reason"]


@pytest.mark.parametrize(
    ("trace", "model"),
    [
        (
            {"promptRouter": {"invokedModelId": "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova"}},
            "amazon.nova",
        ),
        ({"promptRouter": {}}, None),
        ({"guardrail": {}}, None),
        ("x", None),
    ],
)
def test_a_prompt_router_tells_the_model(trace, model) -> None:
    assert decode(answer(trace=trace), make_route()).model == model


def test_after_the_last_event_and_of_other_types_nothing_is_read() -> None:
    decoder = StreamDecoder(make_route())
    assert decoder.decode_event(b"no JSON", "initial-response") == []
    decoder.decode_event(b'{"delta": {"text": "a"}}', "contentBlockDelta")
    assert decoder.text == "a"
    decoder.decode_event(b'{"stopReason": "end_turn"}', "messageStop")
    assert not decoder.is_complete
    decoder.decode_event(b"{}", "metadata")
    assert decoder.is_complete
    assert decoder.decode_event(b"no JSON", "contentBlockDelta") == []
    assert decoder.finish()[1].text == "a"


@pytest.mark.parametrize("event", [b'{"start": 1}', b'{"delta": []}', b"{}"])
def test_events_without_what_they_should_hold_say_nothing(event) -> None:
    decoder = StreamDecoder(make_route())
    assert decoder.decode_event(event, "contentBlockStart") == decoder.decode_event(event, "contentBlockDelta") == []


def test_a_stream_that_ends_before_its_stop_reason_was_cut() -> None:
    with pytest.raises(TruncatedStreamError, match="without a stop reason") as caught:
        stream([delta(0, text="So")])
    assert caught.value.text == "So"
    metadata = write_event("metadata", {"usage": {"inputTokens": 1}})
    with pytest.raises(TruncatedStreamError):
        stream([delta(0, text="So"), metadata])


@pytest.mark.parametrize("data", [b"no JSON", b"[]", b'{"a"', b""])
def test_an_event_that_is_no_object_is_malformed(data) -> None:
    decoder = StreamDecoder(make_route())
    with pytest.raises(MalformedStreamError, match="no JSON object"):
        decoder.decode_event(data, "contentBlockDelta")


def fail(**told: Any) -> Any:
    return StreamDecoder(make_route()).decode_event(json.dumps(told).encode(), "error")


def test_exceptions_in_a_stream_are_errors_with_their_code() -> None:
    assert fail(message="Slow down.", code="throttlingException") == [ErrorChunk("Slow down.", "throttlingException")]
    assert fail(message="It failed.", originalMessage="why", code="modelStreamErrorException") == [
        ErrorChunk("It failed. (why)", "modelStreamErrorException")
    ]
    assert fail() == [ErrorChunk("the provider gave no reason")]


def test_a_request_that_is_found_at_fault_in_a_stream_is_not_sent_again() -> None:
    with pytest.raises(ProviderStreamError, match="too long; check the messages") as caught:
        fail(message="It is too long", code="validationException")
    assert (caught.value.code, caught.value.is_retryable) == ("validationException", False)


@pytest.mark.parametrize(
    ("body", "told", "is_retryable"),
    [
        (b"", "an empty body", True),
        (b'{"output"', "a body that breaks off", True),
        (b"<html>", "a web page", False),
        (b"[]", "no answer of Converse", False),
        (b'"x"', "no answer of Converse", False),
        (b'{"output": {}}', "no answer of Converse", False),
        (b'{"choices": [], "status": "completed"}', "no answer of Converse", False),
    ],
)
def test_a_body_that_is_no_answer_is_an_error(body, told, is_retryable) -> None:
    with pytest.raises(ResponseError, match=told) as caught:
        decode(body, make_route())
    assert caught.value.is_retryable is is_retryable


def test_an_error_in_a_200_is_of_its_class() -> None:
    with pytest.raises(RateLimitError, match="Slow down"):
        decode(b'{"message": "Slow down", "code": "ThrottlingException"}', make_route())
    with pytest.raises(ServerError, match="Hm"):
        decode(b'{"detail": "Hm"}', make_route())


@pytest.mark.parametrize(
    ("status", "kind", "message", "error"),
    [
        (429, "ThrottlingException:http://x/", "Too many requests", RateLimitError),
        (400, "ValidationException", "Input is too long for requested model.", ContextLengthError),
        (400, "ServiceQuotaExceededException", "No more", RateLimitError),
        (403, "AccessDeniedException", "No", PermissionDeniedError),
        (403, "ExpiredTokenException", "Old", AuthenticationError),
        (403, "InvalidSignatureException", "Wrong", AuthenticationError),
        (424, "ModelErrorException", "It failed", ServerError),
    ],
)
def test_an_error_is_of_the_class_that_its_header_names(status, kind, message, error) -> None:
    found = decode_error(status, {"X-Amzn-ErrorType": kind}, json.dumps({"Message": message}).encode())
    assert type(found) is error
    assert found.code == kind.partition(":")[0]
    assert message.rstrip(".") in found.message


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("This model doesn't support the toolConfig.toolChoice.any field. Remove it and try again.", "tool_choice"),
        ("This model doesn't support the inferenceConfig.topP field.", "topP"),
        ("This model doesn't support the stopSequences field. Remove stopSequences and try again.", "stopSequences"),
        ("This model doesn't support the s3Uri field. Remove s3Uri and try again.", None),
        ("No.", None),
    ],
)
def test_what_a_model_does_not_take_is_learned(message, name) -> None:
    error = decode_error(400, {}, json.dumps({"message": message}).encode())
    found = refused_field(error, frozenset({"tool_choice"}), frozenset({"topP", "stopSequences"}))
    assert found == name
