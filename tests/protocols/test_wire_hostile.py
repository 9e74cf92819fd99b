"""What one wire format wants back stays on it, also where one provider speaks several of them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from msgspec import structs

from turnout.adaptation import leave_out_foreign
from turnout.catalog.quirks import Quirks
from turnout.catalog.types import Model
from turnout.messages import Message, Reasoning, ToolCall
from turnout.protocols import find_protocol
from turnout.requests import ModelRequest, ToolSpec
from turnout.routing.route import Route

ARGUMENTS = {"city": "Rome"}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": json.dumps(ARGUMENTS)}}
ANSWERS: dict[str, dict[str, Any]] = {
    "anthropic_messages": {
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "STATE"},
            {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "STATE"}},
            {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [{"encrypted_content": "STATE"}]},
            {"type": "text", "text": "ok"},
            {"type": "tool_use", "id": "c1", "name": "weather", "input": ARGUMENTS, "caller": {"type": "STATE"}},
        ],
        "stop_reason": "tool_use",
    },
    "openai_responses": {
        "status": "completed",
        "store": False,
        "output": [
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "STATE"},
            {"type": "message", "id": "STATE", "content": [{"type": "output_text", "text": "ok"}]},
            {"type": "function_call", "id": "STATE", "call_id": "c1", "name": "weather", "arguments": "{}"},
        ],
    },
    "gemini": {
        "candidates": [
            {
                "content": {
                    "parts": [
                        {"text": "hm", "thought": True, "thoughtSignature": "STATE"},
                        {"text": "ok", "thoughtSignature": "STATE"},
                        {"functionCall": {"name": "weather", "args": ARGUMENTS}, "thoughtSignature": "STATE"},
                    ]
                },
                "finishReason": "STOP",
            }
        ]
    },
    "bedrock_converse": {
        "output": {
            "message": {
                "content": [
                    {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "STATE"}}},
                    {"text": "ok"},
                    {"toolUse": {"toolUseId": "c1", "name": "weather", "input": ARGUMENTS}},
                ]
            }
        },
        "stopReason": "tool_use",
    },
    "cohere_chat": {
        "message": {"tool_plan": "STATE", "tool_calls": [CALL]},
        "finish_reason": "TOOL_CALL",
    },
    "openai_chat": {
        "choices": [
            {
                "message": {
                    "content": "ok",
                    "reasoning_details": [{"type": "reasoning.encrypted", "data": "STATE"}],
                    "tool_calls": [CALL],
                },
                "finish_reason": "tool_calls",
            }
        ]
    },
}
WIRES = list(ANSWERS)


def make_route(protocol: str, provider: str = "p", facts: Any = None) -> Route:
    url = "http://127.0.0.1/v1"
    return Route(asked="p/m", provider=provider, model="m", protocol=protocol, base_url=url, url=url, facts=facts)


def answer(wire: str, body: dict[str, Any] | None = None, provider: str = "p") -> Message:
    """Return the message of a whole answer on this wire."""
    told = json.dumps(ANSWERS[wire] if body is None else body).encode()
    return find_protocol(wire).decode(told, make_route(wire, provider)).message


def calls_of(message: Message) -> list[ToolCall]:
    return [part for part in message.content if isinstance(part, ToolCall)]


def send(wire: str, *messages: Message, provider: str = "p", facts: Any = None) -> Any:
    """Return the body of a request on this wire that goes on after a step with tools."""
    results = [Message.tool(call.id, "sunny", name=call.name) for call in calls_of(messages[-1])]
    request = ModelRequest(messages=[Message.user("Hi"), *messages, *results], tools=(ToolSpec(name="weather"),))
    return json.loads(find_protocol(wire).encode(request, make_route(wire, provider, facts)).body)


@pytest.mark.parametrize("maker", WIRES)
@pytest.mark.parametrize("reader", WIRES)
def test_what_a_wire_wants_back_goes_out_on_that_wire_alone(maker: str, reader: str):
    body = send(reader, answer(maker))
    assert ("STATE" in json.dumps(body)) == (maker == reader)


@pytest.mark.parametrize("wire", WIRES)
def test_and_to_its_maker_alone(wire: str):
    [kept] = leave_out_foreign([structs.replace(answer(wire), provider="p")], "q")  # as every call does
    assert "STATE" not in json.dumps(send(wire, kept, provider="q"))


def facts(**fields: Any) -> Model:
    return Model(id="p/m", **fields)


def test_thoughts_go_back_in_the_field_that_the_catalog_names():
    told = {"content": None, "reasoning_content": "because", "tool_calls": [CALL]}
    thinker = facts(reasoning_field="reasoning_content")
    said = answer("openai_chat", {"choices": [{"message": told, "finish_reason": "tool_calls"}]})
    step = send("openai_chat", said, facts=thinker)["messages"][1]
    assert (step["reasoning_content"], len(step["tool_calls"])) == ("because", 1)
    assert "reasoning_content" not in send("openai_chat", said)["messages"][1]


def test_calls_that_another_model_made_have_the_field_as_well_but_not_its_thoughts():
    thinker = facts(reasoning_field="reasoning_content")
    foreign = answer("anthropic_messages", provider="q")
    assert send("openai_chat", foreign, facts=thinker)["messages"][1]["reasoning_content"] == ""
    plain = send("openai_chat", Message.assistant("Hello"), facts=thinker)
    assert plain["messages"][1] == {"role": "assistant", "content": "Hello"}


def test_a_field_for_details_gets_no_words():
    step = send("openai_chat", answer("openai_chat"), facts=facts(reasoning_field="reasoning_details"))["messages"][1]
    assert step["reasoning_details"] == [{"type": "reasoning.encrypted", "data": "STATE"}]


def use(identity: str, city: str) -> dict[str, Any]:
    return {"id": identity, "type": "tool_use", "name": "weather", "input": {"city": city}}


TWICE: dict[str, dict[str, Any]] = {
    "anthropic_messages": {"content": [use("c1", "Rome"), use("c1", "Oslo")], "stop_reason": "tool_use"},
    "openai_responses": {
        "status": "completed",
        "output": [
            {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": json.dumps({"city": city})}
            for city in ("Rome", "Oslo")
        ],
    },
    "gemini": {
        "candidates": [
            {
                "content": {
                    "parts": [
                        {"functionCall": {"id": "c1", "name": "weather", "args": {"city": city}}}
                        for city in ("Rome", "Oslo")
                    ]
                },
                "finishReason": "STOP",
            }
        ]
    },
    "bedrock_converse": {
        "output": {
            "message": {
                "content": [
                    {"toolUse": {"toolUseId": "c1", "name": "weather", "input": {"city": city}}}
                    for city in ("Rome", "Oslo")
                ]
            }
        },
        "stopReason": "tool_use",
    },
    "cohere_chat": {"message": {"tool_calls": [CALL, CALL]}, "finish_reason": "TOOL_CALL"},
    "openai_chat": {"choices": [{"message": {"tool_calls": [CALL, CALL]}, "finish_reason": "tool_calls"}]},
}


@pytest.mark.parametrize("wire", WIRES)
def test_two_calls_with_one_id_are_told_apart(wire: str):
    first, second = calls_of(answer(wire, TWICE[wire]))
    assert (first.id, second.name) == ("c1", "weather")
    assert second.id != "c1"


def test_a_signature_beside_a_call_goes_back_to_google_on_this_wire():
    signed = {**CALL, "extra_content": {"google": {"thought_signature": "STATE"}}}
    told = {"choices": [{"message": {"tool_calls": [signed, {**CALL, "id": "c2"}]}, "finish_reason": "tool_calls"}]}
    said = answer("openai_chat", told)
    first, second = send("openai_chat", said)["messages"][1]["tool_calls"]
    assert first["extra_content"] == signed["extra_content"]
    assert "extra_content" not in second
    for wire, provider in [*((wire, "p") for wire in WIRES if wire != "openai_chat"), ("openai_chat", "q")]:
        assert "STATE" not in json.dumps(send(wire, said, provider=provider))


def test_a_signature_beside_a_call_comes_in_pieces_as_well():
    decoder = find_protocol("openai_chat").StreamDecoder(make_route("openai_chat"))
    piece = {"index": 0, "extra_content": {"google": {"thought_signature": "STATE"}}}
    for delta in ({"tool_calls": [{**CALL, "index": 0}]}, {"tool_calls": [piece]}):
        decoder.decode_event(json.dumps({"choices": [{"delta": delta}]}).encode())
    decoder.decode_event(b'{"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}')
    decoder.decode_event(b"[DONE]")
    [call] = calls_of(decoder.finish()[1].message)
    assert call.provider_options == {"openai_chat@p": {"extra_content": {"google": {"thought_signature": "STATE"}}}}


@pytest.mark.parametrize("arguments", ["{}", {}, None, "[1]"])
def test_a_client_of_this_wire_sends_the_signature_back(arguments: Any):
    import turnout.protocols.openai_chat as wire

    call: dict[str, Any] = {**CALL, "function": {"name": "f", "arguments": arguments}, "extra_content": {"a": 1}}
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Hi"}, {"role": "assistant", "tool_calls": [call]}]
    parsed = wire.parse_request(json.dumps({"model": "m", "messages": messages}).encode())
    assert calls_of(parsed.request.messages[1])[0].provider_options == {"openai_chat": {"extra_content": {"a": 1}}}


def test_ids_of_calls_that_another_provider_made_fit_one_that_takes_nine_letters_and_digits():
    route = structs.replace(make_route("openai_chat"), quirks=Quirks(short_call_ids=True))
    calls = [ToolCall("toolu_01A", "f", {}), ToolCall("toolu_01B", "f", {}), ToolCall("aB3dE6gH9", "f", {})]
    results = [Message.tool(call.id, "r") for call in calls]
    request = ModelRequest(messages=[Message.user("Hi"), Message.assistant(*calls), *results])
    _, step, *told = json.loads(find_protocol("openai_chat").encode(request, route).body)["messages"]
    ids = [call["id"] for call in step["tool_calls"]]
    assert ids == [each["tool_call_id"] for each in told]
    assert len(set(ids)) == 3
    assert all(re.fullmatch("[a-zA-Z0-9]{9}", each) for each in ids)
    assert ids[2] == "aB3dE6gH9"


def test_a_long_id_of_a_call_fits_where_64_letters_are_the_most():
    long = "functions." + "a" * 60 + ":0"
    calls = [ToolCall(long, "f", {}), ToolCall("c", "f", {})]
    first, second, *told = send("openai_responses", Message.assistant(*calls))["input"][1:]
    assert [first["call_id"], second["call_id"]] == [each["call_id"] for each in told]
    assert (len(first["call_id"]), second["call_id"]) == (29, "c")


def test_an_item_that_was_begun_goes_back_as_it_was_ended():
    item: dict[str, Any] = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "STATE"}
    decoder = find_protocol("openai_responses").StreamDecoder(make_route("openai_responses"))
    events: list[dict[str, Any]] = [
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "status": "in_progress"}},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {"status": "completed", "store": False, "output": [item]}},
    ]
    for event in events:
        decoder.decode_event(json.dumps(event).encode())
    whole = answer("openai_responses", {"status": "completed", "store": False, "output": [item]})
    assert decoder.finish()[1].message == whole == Message.assistant(Reasoning("", [item], "p"))


def test_an_answer_of_nothing_but_foreign_thoughts_and_texts_gets_no_field():
    said = Message.assistant(Reasoning("hm", None, "q"), "Hel", "lo")
    [_, step] = send("openai_chat", said, facts=facts(reasoning_field="reasoning_content"))["messages"]
    assert step == {"role": "assistant", "content": "Hello"}
