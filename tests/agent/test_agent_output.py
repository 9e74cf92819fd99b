"""Structured output: modes, types, repair, partial objects, with tools."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

import msgspec
import pydantic
import pytest

import turnout
from provider import Provider, answer, event, events, reply, stream
from tool_replies import call, calls, streamed_calls, told
from turnout import Agent
from turnout.catalog import register
from turnout.errors import InvalidInputError, InvalidToolError, OutputError, StreamError, UnsupportedFeatureError

MODEL = "ovhcloud/gpt-oss-120b"


@dataclass
class Person:
    name: str
    age: int
    nickname: str | None = None


class Place(TypedDict):
    city: str


class Point(msgspec.Struct):
    x: int
    y: int


class Pet(pydantic.BaseModel):
    name: str
    legs: int = 4


ADA = '{"name": "Ada", "age": 36}'


def said(text: str, **extra: Any) -> Any:
    return reply(answer(text, **extra))


async def test_native_json_schema_comes_first(provider: Provider) -> None:
    provider.script(said('{"name": "Ada", "age": 36, "nickname": null}'))
    result = await Agent(model=MODEL).generate("Who?", output=Person)
    assert result.object == Person("Ada", 36)
    assert result.text == '{"name": "Ada", "age": 36, "nickname": null}'
    held = provider.requests[0].json["response_format"]
    assert held["type"] == "json_schema"
    assert held["json_schema"]["strict"] is True
    assert held["json_schema"]["name"] == "Person"
    schema = held["json_schema"]["schema"]
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["name", "age", "nickname"]
    assert len(provider.requests[0].json["messages"]) == 1
    assert result.warnings == []


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (Person, ADA, Person("Ada", 36)),
        (Place, '{"city": "Paris"}', {"city": "Paris"}),
        (Point, '{"x": 1, "y": 2}', Point(1, 2)),
        (Pet, '{"name": "Rex"}', Pet(name="Rex")),
        (list[Person], f'{{"value": [{ADA}]}}', [Person("Ada", 36)]),
        (list[Person], f"[{ADA}]", [Person("Ada", 36)]),
        (list[Pet], '{"value": [{"name": "Rex", "legs": 3}]}', [Pet(name="Rex", legs=3)]),
        (Person | Point, '{"value": {"x": 1, "y": 2}}', Point(1, 2)),
        (int | str, '{"value": 5}', 5),
        (Literal["yes", "no"], '{"value": "yes"}', "yes"),
        (bool, '{"value": true}', True),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        ({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}, '{"a": 1}', {"a": 1}),
        ({"type": "array", "items": {"type": "integer"}}, '{"value": [1, 2]}', [1, 2]),
    ],
)
async def test_types(provider: Provider, kind: Any, text: str, expected: object) -> None:
    provider.script(said(text))
    result = await Agent(model=MODEL).generate("Go", output=kind)
    assert result.object == expected
    assert type(result.object) is type(expected)
    schema = provider.requests[0].json["response_format"]["json_schema"]["schema"]
    assert schema.get("type") == "object" or "$ref" in schema


@pytest.mark.parametrize(
    "text",
    [
        f"```json\n{ADA}\n```",
        f"```\n{ADA}```",
        f"Here it is: {ADA} - done.",
        f"Set {{a}} aside:\n{ADA}",
        f"  {ADA}\n\n",
        '{"name": "Ada", "age": "36"}',
    ],
)
async def test_fences_prose_and_small_slips_are_tolerated(provider: Provider, text: str) -> None:
    provider.script(said(text))
    result = await Agent(model=MODEL).generate("Who?", output=Person)
    assert result.object == Person("Ada", 36)
    assert len(provider.requests) == 1


async def test_a_mismatch_is_sent_back_once(provider: Provider) -> None:
    provider.script(said('{"name": "Ada"}'), said(ADA))
    result = await Agent(model=MODEL).generate("Who?", output=Person)
    assert result.object == Person("Ada", 36)
    sent = provider.requests[1].json["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "user"]
    assert "age" in sent[2]["content"]
    assert len(result.steps) == 2
    assert result.usage.total_tokens == 36
    assert [message.text for message in result.messages] == ["Who?", ADA]  # the slip is in the steps


async def test_a_second_mismatch_raises_with_the_text(provider: Provider) -> None:
    provider.script(said("I do not know"), said('{"name": 5}'))
    with pytest.raises(OutputError, match="not what was asked for") as caught:
        await Agent(model=MODEL).generate("Who?", output=Person)
    assert caught.value.text == '{"name": 5}'
    assert len(provider.requests) == 2


async def test_repairs_can_be_set(provider: Provider) -> None:
    provider.script(said("no"))
    with pytest.raises(OutputError):
        await Agent(model=MODEL).generate("Who?", output=Person, output_repairs=0)
    assert len(provider.requests) == 1
    with pytest.raises(OutputError):
        await Agent(model=MODEL, output_repairs=2).generate("Who?", output=Person)
    assert len(provider.requests) == 4


async def test_an_answer_that_was_cut_or_refused_is_not_sent_back(provider: Provider) -> None:
    provider.script(said('{"name": "A', finish_reason="length"))
    with pytest.raises(OutputError, match="raise max_output_tokens"):
        await Agent(model=MODEL).generate("Who?", output=Person)
    provider.script(reply(answer(None, refusal="I cannot.")))  # type: ignore[arg-type]
    with pytest.raises(OutputError, match="the model refused: I cannot") as caught:
        await Agent(model=MODEL).generate("Who?", output=Person)
    assert caught.value.text == "I cannot."
    assert len(provider.requests) == 2


def own_model(**facts: Any) -> str:
    """Register a model of OVHcloud with other facts, and return its id."""
    register(models=[{"id": "ovhcloud/own", "supports_tools": True, "supports_structured_output": False, **facts}])
    return "ovhcloud/own"


async def test_a_forced_tool_where_the_model_holds_to_no_schema(provider: Provider) -> None:
    provider.script(calls(call("final_answer", {"name": "Ada", "age": 36})))
    result = await Agent(model=own_model()).generate("Who?", output=Person)
    body = provider.requests[0].json
    assert "response_format" not in body
    assert body["tool_choice"] == {"type": "function", "function": {"name": "final_answer"}}
    assert (result.object, result.finish_reason, result.tool_calls) == (Person("Ada", 36), "stop", [])
    assert json.loads(result.text) == {"name": "Ada", "age": 36}


async def test_a_forced_tool_in_a_stream(provider: Provider) -> None:
    provider.script(streamed_calls(call("final_answer", {"name": "Ada", "age": 36})))
    stream_ = Agent(model=own_model()).stream("Who?", output=Person)
    types = [chunk.type async for chunk in stream_]
    assert "tool_call_start" not in types
    assert types[2] == "text_start"
    assert "object_delta" in types
    assert stream_.object == Person("Ada", 36)
    assert json.loads(stream_.text) == {"name": "Ada", "age": 36}


async def test_the_prompt_alone_where_there_is_nothing_else(provider: Provider) -> None:
    provider.script(said(ADA))
    result = await Agent(model=own_model(supports_tools=False)).generate("Who?", output=Person)
    body = provider.requests[0].json
    assert not body.keys() & {"response_format", "tools", "tool_choice"}
    assert '"age"' in body["messages"][0]["content"]
    assert [warning.code for warning in result.warnings] == ["prompted_output"]
    assert result.object == Person("Ada", 36)


async def test_json_mode_where_the_provider_takes_no_schema(provider: Provider) -> None:
    provider.script(said(ADA))
    model = own_model(supports_structured_output=True, quirks={"response_format": "json_object"})
    await Agent(model=model, instructions="Be brief.").generate("Who?", output=Person)
    body = provider.requests[0].json
    assert body["response_format"] == {"type": "json_object"}
    (system,) = [message["content"] for message in body["messages"] if message["role"] == "system"]
    assert system.startswith("Be brief.")
    assert "JSON" in system


async def test_a_mode_can_be_set(provider: Provider) -> None:
    provider.script(calls(call("final_answer", {"name": "Ada", "age": 36})))
    result = await Agent(model=MODEL).generate("Who?", output=Person, output_mode="tool")
    assert result.object == Person("Ada", 36)
    assert "tools" in provider.requests[0].json
    with pytest.raises(InvalidInputError, match="output_mode='xml'"):
        await Agent(model=MODEL).generate("Who?", output=Person, output_mode="xml")  # type: ignore[call-overload]


async def test_a_mode_that_the_model_lacks_is_refused_with_models_that_have_it(provider: Provider) -> None:
    with pytest.raises(UnsupportedFeatureError, match="ovhcloud/"):
        await Agent(model=own_model()).generate("Who?", output=Person, output_mode="json_schema")
    assert provider.requests == []


async def test_a_server_that_refuses_response_format_teaches_another_way(provider: Provider) -> None:
    refusal = reply({"error": {"message": "Unknown parameter: response_format", "param": "response_format"}}, 400)
    provider.script(refusal, calls(call("final_answer", {"name": "Ada", "age": 36})))
    agent = Agent(model=MODEL)
    assert (await agent.generate("Who?", output=Person)).object == Person("Ada", 36)
    await agent.generate("Who?", output=Person)
    assert ["response_format" in request.json for request in provider.requests] == [True, False, False]


async def test_no_strict_and_no_refs_where_a_provider_takes_neither(provider: Provider) -> None:
    @dataclass
    class Pair:
        left: Person
        right: Person

    provider.script(said(f'{{"left": {ADA}, "right": {ADA}}}'))
    quirks = {"takes_strict": False, "takes_refs": False}
    result = await Agent(model=own_model(supports_structured_output=True, quirks=quirks)).generate("Go", output=Pair)
    held = provider.requests[0].json["response_format"]["json_schema"]
    assert "strict" not in held
    assert "$ref" not in json.dumps(held)
    assert result.object == Pair(Person("Ada", 36), Person("Ada", 36))


async def test_a_type_without_a_schema_is_refused(provider: Provider) -> None:
    with pytest.raises(InvalidToolError):
        await Agent(model=MODEL).generate("Go", output=object())
    assert provider.requests == []


# -- streams -----------------------------------------------------------------------------------------------------------


async def test_partial_objects_grow(provider: Provider) -> None:
    provider.script(stream(events(['{"na', 'me": "A', 'da", "a', 'ge": 3', "6}"]), pause_s=0.02))
    stream_ = Agent(model=MODEL).stream("Who?", output=Person)
    seen = [json.dumps(each) async for each in stream_.object_stream]
    assert seen == ["{}", '{"name": "A"}', '{"name": "Ada"}', '{"name": "Ada", "age": 36}']
    assert stream_.object == Person("Ada", 36)


async def test_elements_come_as_they_are_complete(provider: Provider) -> None:
    text = '{"value": [{"x": 1, "y": 2}, {"x": 3, "y": 4}, {"x": 5, "y": 6}]}'
    provider.script(stream(events([text[i : i + 7] for i in range(0, len(text), 7)])))
    agent = Agent(model=MODEL)
    stream_ = agent.stream("Points", output=list[Point])
    order: list[object] = []
    async for chunk in stream_:
        if chunk.type == "element":
            order.append((chunk.index, chunk.element))
    assert order == [(0, Point(1, 2)), (1, Point(3, 4)), (2, Point(5, 6))]
    assert stream_.object == [Point(1, 2), Point(3, 4), Point(5, 6)]

    provider.script(stream(events([text[i : i + 7] for i in range(0, len(text), 7)])))
    assert [each async for each in agent.stream("Points", output=list[Point]).element_stream] == stream_.object


async def test_the_first_element_comes_before_the_stream_ends(provider: Provider) -> None:
    first = events(['[{"x": 1, "y": 2}, ', '{"x'])[:3]
    provider.script(stream(first, hold=True))
    async with Agent(model=MODEL).stream("Points", output=list[Point]) as stream_:
        async for element in stream_.element_stream:
            assert element == Point(1, 2)
            break


def test_sync_streams_tell_objects_and_elements(provider: Provider) -> None:
    provider.script(stream(events(['[{"x": 1, ', '"y": 2}]'])))
    agent = Agent(model=MODEL)
    assert list(agent.stream_sync("Go", output=list[Point]).element_stream) == [Point(1, 2)]
    stream_ = agent.stream_sync("Go", output=list[Point])
    assert list(stream_.object_stream)[-1] == [{"x": 1, "y": 2}]
    assert stream_.object == [Point(1, 2)]


async def test_a_repair_in_a_stream_is_told(provider: Provider) -> None:
    provider.script(told('[{"x": 1, "y": 2}, {"x": 3}]'), told('[{"x": 1, "y": 2}, {"x": 3, "y": 4}]'))
    agent = Agent(model=MODEL)
    stream_ = agent.stream("Points", output=list[Point])
    types = [chunk.type async for chunk in stream_]
    assert "fallback" in types
    assert types.index("fallback") < types.index("step_start", 3)
    assert stream_.object == [Point(1, 2), Point(3, 4)]

    provider.script(told('[{"x": 1, "y": 2}, {"x": 3}]'), told('[{"x": 1, "y": 2}, {"x": 3, "y": 4}]'))
    with pytest.raises(StreamError, match="begins again"):
        _ = [each async for each in agent.stream("Points", output=list[Point]).element_stream]


async def test_a_stream_whose_answer_does_not_fit_raises(provider: Provider) -> None:
    provider.script(told("not JSON at all"))
    stream_ = Agent(model=MODEL).stream("Who?", output=Person, output_repairs=0)
    with pytest.raises(OutputError) as caught:
        async for _ in stream_:
            pass
    assert caught.value.text == "not JSON at all"


# -- with tools --------------------------------------------------------------------------------------------------------


def find_age(name: str) -> int:
    """Find the age of a person."""
    return 36


async def test_tools_and_output_in_one_request(provider: Provider) -> None:
    provider.script(calls(call("find_age", {"name": "Ada"})), said(ADA))
    result = await Agent(model=MODEL, tools=[find_age]).generate("Who?", output=Person)
    assert result.object == Person("Ada", 36)
    assert all({"tools", "response_format"} <= request.json.keys() for request in provider.requests)


async def test_tools_and_output_in_two_steps_where_a_provider_refuses_both(provider: Provider) -> None:
    model = own_model(supports_structured_output=True, quirks={"takes_tools_with_output": False})
    provider.script(calls(call("find_age", {"name": "Ada"})), said("Ada is 36."), said(ADA))
    result = await Agent(model=model, tools=[find_age]).generate("Who?", output=Person)
    kinds = [(("tools" in r.json), ("response_format" in r.json)) for r in provider.requests]
    assert kinds == [(True, False), (True, False), (False, True)]
    assert result.object == Person("Ada", 36)
    assert [message.role for message in result.messages] == ["user", "assistant", "tool", "assistant"]
    assert len(result.steps) == 3

    provider.script(streamed_calls(call("find_age", {"name": "Ada"})), told("Ada is 36."), told(ADA))
    stream_ = Agent(model=model, tools=[find_age]).stream("Who?", output=Person)
    seen = [each async for each in stream_.object_stream]
    assert seen[-1] == {"name": "Ada", "age": 36}
    assert stream_.object == Person("Ada", 36)


async def test_tools_beside_the_output_tool(provider: Provider) -> None:
    provider.script(
        calls(call("find_age", {"name": "Ada"}), call("final_answer", {"name": "Ada", "age": 0}, "early")),
        calls(call("final_answer", {"name": "Ada", "age": 36})),
    )
    result = await Agent(model=own_model(), tools=[find_age]).generate("Who?", output=Person)
    first = provider.requests[0].json
    assert first["tool_choice"] == "required"
    assert [each["function"]["name"] for each in first["tools"]] == ["find_age", "final_answer"]
    assert result.object == Person("Ada", 36)
    assert [each.name for each in result.steps[0].tool_calls] == ["find_age"]


async def test_output_is_none_where_the_run_ends_before_it(provider: Provider) -> None:
    provider.script(calls(call("find_age", {"name": "Ada"})))
    result = await Agent(model=MODEL, tools=[find_age], max_steps=1).generate("Who?", output=Person)
    assert (result.object, result.finish_reason) == (None, "max_steps")


async def test_a_schema_in_turnout_generate(provider: Provider) -> None:
    provider.script(said(ADA))
    result = await turnout.generate(MODEL, "Who?", output=Person)
    assert result.object.age == 36


async def test_a_long_output_is_read_in_proportion(provider: Provider) -> None:
    points = json.dumps({"value": [{"x": n, "y": n} for n in range(2000)]})
    pieces = [event({"content": points[i : i + 20]}) for i in range(0, len(points), 20)]
    provider.script(stream([*pieces, event({}, "stop"), b"data: [DONE]\n\n"]))
    stream_ = Agent(model=MODEL).stream("Points", output=list[Point])
    deltas = [chunk async for chunk in stream_ if chunk.type == "object_delta"]
    assert len(deltas) < len(pieces) / 2
    assert stream_.object is not None
    assert len(stream_.object) == 2000
