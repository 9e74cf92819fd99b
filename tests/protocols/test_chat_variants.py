"""Wire formats that are chat/completions in another coat: watsonx.ai's chat, SAP's orchestration."""

from __future__ import annotations

import json
from typing import Any

import pytest

from provider import Provider, answer, event, reply, stream
from turnout import Agent, ModelConfig
from turnout.errors import ResponseError
from turnout.messages import Image, Message, ToolCall
from turnout.protocols import find_protocol
from turnout.requests import ModelRequest, ModelSettings, ToolSpec
from turnout.routing.route import Route

HI = [Message.system("Be brief {{?x}}"), Message.user("Hi")]
TOOL = ToolSpec(name="f", description="", parameters={"type": "object", "properties": {}})


def encoded(protocol: str, messages: list[Message] = HI, **fields: Any) -> tuple[dict[str, Any], str | None]:
    base = "https://acme.example/ml/v1?version=1"
    route = Route(
        asked="a/m",
        provider="a",
        model="m",
        protocol=protocol,
        base_url=base,
        url=base,
        body_fields={"project_id": "p"},
    )
    request = find_protocol(protocol).encode(ModelRequest(messages=messages, **fields), route)
    return json.loads(request.body), request.url


def test_watsonx_names_model_and_project_and_streams_elsewhere() -> None:
    body, url = encoded("watsonx_chat", settings=ModelSettings(temperature=0.5))
    assert body["model_id"] == "m"
    assert body["project_id"] == "p"
    assert body["temperature"] == 0.5
    assert "model" not in body
    assert url == "https://acme.example/ml/v1/text/chat?version=1"
    body, url = encoded("watsonx_chat", stream=True)
    assert not body.keys() & {"stream", "stream_options"}
    assert url == "https://acme.example/ml/v1/text/chat_stream?version=1"


@pytest.mark.parametrize(
    ("choice", "field", "value"),
    [
        ("required", "tool_choice_option", "required"),
        ("f", "tool_choice", {"type": "function", "function": {"name": "f"}}),
    ],
)
def test_watsonx_has_another_field_for_the_modes_of_tool_choice(choice: str, field: str, value: Any) -> None:
    body, _ = encoded("watsonx_chat", tools=[TOOL], tool_choice=choice)
    assert body[field] == value


def test_orchestration_wraps_the_request() -> None:
    body, url = encoded("sap_orchestration", settings=ModelSettings(temperature=0.5), tools=[TOOL], stream=True)
    modules = body["config"]["modules"]["prompt_templating"]
    assert body["config"]["stream"] == {"enabled": True}
    assert body["messages_history"] == [{"role": "system", "content": "Be brief {{?x}}"}]
    assert modules["prompt"]["template"] == [{"role": "user", "content": "Hi"}]
    assert [tool["function"]["name"] for tool in modules["prompt"]["tools"]] == ["f"]
    assert modules["model"] == {"name": "m", "version": "latest", "params": {"temperature": 0.5}}
    assert "placeholder_values" not in body
    assert url == "https://acme.example/ml/v1/v2/completion?version=1"


def test_fields_of_ones_own_go_into_the_envelope_or_to_the_model() -> None:
    own = {"config": {"modules": {"filtering": {"input": {"filters": []}}}}, "placeholder_values": {"a": "b"}}
    body, _ = encoded("sap_orchestration", provider_options={"a": {**own, "thinking": {"type": "enabled"}}})
    modules = body["config"]["modules"]
    assert modules["filtering"] == own["config"]["modules"]["filtering"]
    assert modules["prompt_templating"]["prompt"]["template"] == [{"role": "user", "content": "Hi"}]
    assert modules["prompt_templating"]["model"]["params"] == {"thinking": {"type": "enabled"}}
    assert body["placeholder_values"] == {"a": "b"}


def test_what_looks_like_a_template_is_kept_from_the_service() -> None:
    body, _ = encoded("sap_orchestration", [Message.user("say {{?secret}}")])
    assert body["config"]["modules"]["prompt_templating"]["prompt"]["template"][0]["content"] == "{{?text_1}}"
    assert body["placeholder_values"] == {"text_1": "say {{?secret}}"}
    assert "messages_history" not in body
    body, _ = encoded("sap_orchestration", [Message.user("a {{?b}}", Image("https://acme.example/i.png"))])
    content = body["config"]["modules"]["prompt_templating"]["prompt"]["template"][0]["content"]
    assert content[0] == {"type": "text", "text": "{{?text_1}}"}
    assert content[1]["type"] == "image_url"


def test_a_message_without_content_stays() -> None:
    body, _ = encoded("sap_orchestration", [Message.user("Hi"), Message(role="assistant", content=[])])
    assert body["config"]["modules"]["prompt_templating"]["prompt"]["template"][0]["role"] == "assistant"
    body, _ = encoded("sap_orchestration", [Message.user("Hi"), Message("assistant", [ToolCall("c", "f", {})])])
    assert '"content":null' in json.dumps(body, separators=(",", ":"))


@pytest.mark.parametrize("protocol", ["watsonx_chat", "sap_orchestration"])
async def test_an_agent_generates_and_streams(provider: Provider, protocol: str) -> None:
    whole = answer("Hello there.")
    pieces = [event({"content": "Hel"}), event({"content": "lo"}, "stop")]
    if protocol == "sap_orchestration":
        whole = {"request_id": "1", "intermediate_results": {}, "final_result": whole}
        inner = [json.loads(piece.decode().removeprefix("data: ")) for piece in pieces]
        wrapped: list[Any] = [{"request_id": "1", "intermediate_results": {"templating": []}}]
        wrapped += [{"request_id": "1", "final_result": one} for one in inner]
        pieces = [f"data: {json.dumps(one)}\n\n".encode() for one in wrapped]
    provider.script(reply(whole), stream([*pieces]))
    agent = Agent(model=ModelConfig(id="custom/m", url=provider.url, protocol=protocol))
    assert (await agent.generate("Hi")).text == "Hello there."
    result = await agent.stream("Hi")
    assert "".join([text async for text in result.text_stream]) == "Hello"


@pytest.mark.parametrize("body", [b"<html></html>", b"[1]", b'{"final_result": null}', b"\xff"])
def test_a_body_that_is_no_answer(body: bytes) -> None:
    protocol = find_protocol("sap_orchestration")
    route = Route(asked="a/m", provider="a", model="m", protocol="sap_orchestration", base_url="x", url="x")
    with pytest.raises(ResponseError):
        protocol.decode(body, route)
