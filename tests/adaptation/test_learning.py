"""A server refuses a field, on each wire in its own words: the next request does without, and so do all that follow."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Struct

from provider import Provider, Reply, answer, events, reply, stream
from turnout import Agent, ModelConfig
from turnout.errors import BadRequestError

PERSON = '{"name": "Ann"}'


class Person(Struct):
    """Somebody."""

    name: str


def weather(city: str) -> str:
    """Tell the weather."""
    return f"sunny in {city}"


def make_answer(protocol: str, text: str) -> dict[str, Any]:
    """Return a whole answer as `protocol` has it."""
    if protocol == "openai_responses":
        said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
        return {"id": "r", "status": "completed", "model": "m", "output": [said]}
    if protocol == "anthropic_messages":
        return {"id": "m", "model": "m", "content": [{"type": "text", "text": text}], "stop_reason": "end_turn"}
    if protocol == "gemini":
        return {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}]}
    if protocol == "bedrock_converse":
        said = {"role": "assistant", "content": [{"text": text}]}
        return {"output": {"message": said}, "stopReason": "end_turn", "usage": {}}
    if protocol == "cohere_chat":
        return {"id": "c", "message": {"content": [{"type": "text", "text": text}]}, "finish_reason": "COMPLETE"}
    return answer(text)


def refuse(message: str, status: int = 400, **fields: Any) -> Reply:
    return reply({"error": {"message": message, "type": "invalid_request_error", **fields}}, status)


def make_agent(server: Provider, protocol: str, **options: Any) -> Agent:
    model = ModelConfig(id="model-x", url=server.url, protocol=protocol, api_key="k")
    return Agent(model=model, max_retries=0, **options)


def look_up(body: Any, path: str) -> Any:
    """Return what is at ``a.0.b`` in `body`; `None` where nothing is."""
    for step in path.split("."):
        if isinstance(body, list):
            body = body[int(step)] if len(body) > int(step) else None
        else:
            body = body.get(step) if isinstance(body, dict) else None
    return body


def bodies(server: Provider) -> list[Any]:
    return [json.loads(request.body) for request in server.requests]


NO_NAME = "Invalid JSON payload received. Unknown name \"{}\" at '{}': Cannot find field."
"""How Google refuses a field."""

FORMATS: list[Any] = [
    ("openai_chat", "response_format", refuse("Unknown parameter: 'response_format'.", param="response_format")),
    ("openai_chat", "response_format", reply({"detail": [
        {"loc": ["body", "response_format", "type"], "msg": "Input should be 'text' or 'json_object'"}]}, 422)),
    ("openai_chat", "response_format", refuse(
        "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.")),
    ("openai_chat", "response_format", refuse("This response_format type is unavailable now")),
    ("openai_chat", "response_format", refuse("This model does not support response format `json_schema`.")),
    ("openai_responses", "text.format", refuse(
        "Unsupported parameter: 'text.format' is not supported with this model.", param="text.format")),
    ("openai_responses", "text", refuse("Unrecognized request argument supplied: text")),
    ("openai_responses", "text.format", refuse("structured outputs are not supported by this model")),
    ("anthropic_messages", "output_config.format", refuse("output_config: Extra inputs are not permitted")),
    ("anthropic_messages", "output_config.format", refuse("output_config.format: Extra inputs are not permitted")),
    ("anthropic_messages", "output_config.format", refuse("'model-x' does not support output_format.")),
    ("gemini", "generationConfig.responseJsonSchema", refuse(
        NO_NAME.format("responseJsonSchema", "generation_config"))),
    ("gemini", "generationConfig.responseMimeType", refuse("JSON mode is not enabled for models/model-x")),
    ("bedrock_converse", "outputConfig.textFormat", reply(
        {"message": "This model doesn't support the outputConfig.textFormat field. Remove it and try again."}, 400)),
    ("bedrock_converse", "outputConfig", reply(
        {"message": "Malformed input request: extraneous key [outputConfig] is not permitted, please reformat"}, 400)),
    ("cohere_chat", "response_format", refuse("response_format is not supported with this model", 422)),
    ("cohere_chat", "response_format", refuse("unknown field: parameter 'response_format.schema' is not supported")),
]  # fmt: skip


@pytest.mark.parametrize(("protocol", "field", "refusal"), FORMATS)
async def test_a_server_that_refuses_the_schema_is_asked_in_words(
    provider: Provider, protocol: str, field: str, refusal: Reply
) -> None:
    provider.script(refusal, reply(make_answer(protocol, PERSON)))
    agent = make_agent(provider, protocol)
    result = await agent.generate("Who?", output=Person)
    assert result.object == Person("Ann")
    first, second = bodies(provider)
    assert look_up(first, field) is not None
    assert look_up(second, field) is None
    assert "JSON" in json.dumps(second)
    assert [warning.code for warning in result.warnings] == ["prompted_output"]
    again = await agent.generate("Who?", output=Person)
    assert look_up(bodies(provider)[2], field) is None
    assert len(again.attempts) == 1


NO_PARSER = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
"""How vLLM refuses tools."""

TOOLS: list[Any] = [
    ("openai_chat", "tools", refuse(NO_PARSER, code=400, param=None)),
    ("openai_chat", "tools", reply({"error": {"code": 500, "message": "tools param requires --jinja flag"}}, 500)),
    ("openai_chat", "tools", refuse("registry.ollama.ai/library/model-x does not support tools")),
    ("openai_chat", "tools", refuse("No endpoints found that support tool use. To learn more, see the docs", 404)),
    ("openai_chat", "tools", refuse("`tool calling` is not supported with this model")),
    ("openai_responses", "tools", refuse("Unsupported parameter: 'tools'", param="tools")),
    ("anthropic_messages", "tools", refuse("tools: Extra inputs are not permitted")),
    ("gemini", "tools", refuse("Function calling is not enabled for models/model-x")),
    ("gemini", "tools", refuse('Invalid JSON payload received. Unknown name "tools": Cannot find field.')),
    ("bedrock_converse", "toolConfig", reply({"message": "This model doesn't support tool use."}, 400)),
    ("bedrock_converse", "toolConfig", reply({"message": "This model doesn't support the toolConfig field."}, 400)),
    ("cohere_chat", "tools", refuse("tools are not supported with this model")),
]  # fmt: skip


@pytest.mark.parametrize(("protocol", "field", "refusal"), TOOLS)
async def test_a_server_without_tools_gets_them_through_the_prompt(
    provider: Provider, protocol: str, field: str, refusal: Reply
) -> None:
    call = '{"tool": "weather", "arguments": {"city": "Rome"}}'
    said = '{"answer": "Sunny."}'
    provider.script(refusal, reply(make_answer(protocol, call)), reply(make_answer(protocol, said)))
    result = await make_agent(provider, protocol, tools=[weather]).generate("How is Rome?")
    asked = bodies(provider)
    assert [look_up(body, field) is not None for body in asked] == [True, False, False]
    assert "weather" in json.dumps(asked[1])
    assert [part.content for message in result.messages for part in message.content if part.type == "tool_result"] == [
        "sunny in Rome"
    ]
    assert [warning.code for warning in result.warnings] == ["emulated_tools"]
    assert [len(step.attempts) for step in result.steps] == [2, 1]


NESTED: list[Any] = [
    ("openai_responses", "tools.0.strict", "tools[].strict", {},
     reply({"detail": [{"loc": ["body", "tools", 0, "strict"], "msg": "Extra inputs are not permitted"}]}, 422)),
    ("openai_responses", "tools.0.strict", "tools[].strict", {},
     refuse("Unknown parameter: 'tools[0].strict'.", param="tools[0].strict")),
    ("openai_responses", "tools.0.strict", "tools[].strict", {},
     refuse("Unknown parameter: 'tools[0].function.strict'.")),
    ("openai_responses", "tools.0.strict", "tools[].strict", {}, refuse("json: unknown field \"strict\"")),
    ("openai_responses", "reasoning", "reasoning.effort", {"reasoning_effort": "low"},
     refuse("Unsupported parameter: 'reasoning.effort' is not supported with this model.", param="reasoning.effort")),
    ("anthropic_messages", "output_config", "output_config.effort", {"reasoning_effort": "low"},
     refuse("output_config.effort: Extra inputs are not permitted")),
    ("anthropic_messages", "output_config", "output_config.effort", {"reasoning_effort": "low"},
     refuse("This model does not support the effort parameter.")),
    ("anthropic_messages", "tool_choice", "tool_choice.disable_parallel_tool_use", {"parallel_tool_calls": False},
     refuse("tool_choice.auto.disable_parallel_tool_use: Extra inputs are not permitted")),
    ("gemini", "generationConfig", "thinkingConfig", {"reasoning_effort": "low"},
     refuse(NO_NAME.format("thinkingConfig", "generation_config"))),
    ("gemini", "generationConfig", "thinkingConfig", {"reasoning_effort": "low"},
     refuse("Unknown field", param="generationConfig.thinkingConfig")),
    ("gemini", "generationConfig.thinkingConfig.includeThoughts",
     "generationConfig.thinkingConfig.includeThoughts", {"reasoning_effort": "low"},
     refuse(NO_NAME.format("includeThoughts", "generation_config.thinking_config"))),
    ("bedrock_converse", "outputConfig", "outputConfig.effort", {"reasoning_effort": "low"},
     reply({"message": "This model doesn't support the outputConfig.effort field."}, 400)),
]  # fmt: skip


@pytest.mark.parametrize(("protocol", "field", "place", "settings", "refusal"), NESTED)
async def test_a_nested_field_is_left_out_alone(  # noqa: PLR0917 - the parameters of a table
    provider: Provider, protocol: str, field: str, place: str, settings: dict[str, Any], refusal: Reply
) -> None:
    provider.script(refusal, reply(make_answer(protocol, "Sunny.")))
    agent = make_agent(provider, protocol, tools=[weather], settings=settings)
    result = await agent.generate("How is Rome?")
    assert result.text == "Sunny."
    first, second = bodies(provider)
    assert look_up(first, field) is not None
    if place == "tool_choice.disable_parallel_tool_use":
        assert second["tool_choice"] == {"type": "auto"}
    else:
        assert look_up(second, field) is None
    assert "weather" in json.dumps(second.get("tools") or second["toolConfig"])  # the tools are still there
    dropped = [warning.message for warning in result.warnings if warning.code == "dropped_setting"]
    assert [f"`{place}` was left out" in message for message in dropped] == [True]
    await agent.generate("How is Rome?")
    assert len(provider.requests) == 3


SCHEMA_FAULTS: list[Any] = [
    ("openai_chat", refuse("Invalid schema for response_format 'Person': 'required' is missing",
                           param="response_format")),
    ("openai_chat", refuse("Extra inputs are not permitted", param="response_format.json_schema.schema.title")),
    ("openai_chat", refuse("Unsupported keyword", param="tools[0].function.parameters.format")),
    ("anthropic_messages", refuse("tools.0.custom.input_schema.properties.city: Extra inputs are not permitted")),
    ("anthropic_messages", refuse("messages.0.content.strict: Extra inputs are not permitted")),
    ("gemini", refuse("Unknown name \"title\" at 'tools[0].function_declarations[0].parameters': Cannot find field.")),
    ("openai_responses", refuse("the image has an unsupported format")),
    ("openai_responses", refuse("type: must be a string")),
]  # fmt: skip


@pytest.mark.parametrize(("protocol", "refusal"), SCHEMA_FAULTS)
async def test_a_fault_in_what_the_user_gave_teaches_nothing(provider: Provider, protocol: str, refusal: Reply) -> None:
    provider.script(refusal)
    with pytest.raises(BadRequestError):
        await make_agent(provider, protocol, tools=[weather]).generate("Who?", output=Person)
    assert len(provider.requests) == 1


OWN: list[Any] = [
    ("openai_chat", {"response_format": {"type": "json_object"}}, "response_format"),
    ("openai_responses", {"text": {"format": {"type": "json_object"}}}, "text.format"),
    ("anthropic_messages", {"output_config": {"format": {}}}, "output_config.format"),
    ("gemini", {"generationConfig": {"responseMimeType": "text/plain"}}, "generationConfig.responseMimeType"),
    ("gemini", {"toolConfig": {}}, "toolConfig"),
    ("bedrock_converse", {"outputConfig": {"textFormat": {}}}, "outputConfig.textFormat"),
]


@pytest.mark.parametrize(("protocol", "options", "param"), OWN)
async def test_what_the_user_named_in_provider_options_is_sent(
    provider: Provider, protocol: str, options: dict[str, Any], param: str
) -> None:
    provider.script(refuse("Unknown parameter", param=param))
    agent = make_agent(provider, protocol, tools=[weather])
    with pytest.raises(BadRequestError):
        await agent.generate("Who?", output=Person, tool_choice="auto", provider_options={"*": options})
    assert len(provider.requests) == 1


async def test_verbosity_beside_the_schema_does_not_hide_the_refusal(provider: Provider) -> None:
    refusal = refuse("Unknown parameter: 'text.format'", param="text.format")
    provider.script(refusal, reply(make_answer("openai_responses", PERSON)))
    agent = make_agent(provider, "openai_responses")
    await agent.generate("Who?", output=Person, provider_options={"*": {"text": {"verbosity": "low"}}})
    assert bodies(provider)[1]["text"] == {"verbosity": "low"}


async def test_a_server_that_refuses_everything_is_not_asked_for_ever(provider: Provider) -> None:
    provider.script(
        refuse("output_config.effort: Extra inputs are not permitted"),
        refuse("output_config.format: Extra inputs are not permitted"),
        refuse("tools: Extra inputs are not permitted"),
    )
    agent = make_agent(provider, "anthropic_messages", tools=[weather], settings={"reasoning_effort": "low"})
    with pytest.raises(BadRequestError, match="tools"):
        await agent.generate("Who?", output=Person)
    assert len(provider.requests) == 3


async def test_a_refusal_that_is_repeated_word_for_word_is_an_error(provider: Provider) -> None:
    provider.script(refuse("output_config.effort: Extra inputs are not permitted"))
    with pytest.raises(BadRequestError):
        await make_agent(provider, "anthropic_messages", settings={"reasoning_effort": "low"}).generate("Who?")
    assert len(provider.requests) == 2


async def test_words_that_teach_are_in_vain_where_nothing_was_asked(provider: Provider) -> None:
    provider.script(refuse(NO_PARSER))
    with pytest.raises(BadRequestError):
        await make_agent(provider, "openai_chat").generate("Hi")
    assert len(provider.requests) == 1


async def test_a_refusal_inside_a_stream_that_has_begun_asks_nothing_again(provider: Provider) -> None:
    told = {
        "error": {"message": "output_config.effort: Extra inputs are not permitted", "type": "invalid_request_error"}
    }
    events = [
        {"type": "message_start", "message": {"id": "m", "model": "m", "usage": {}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "error", **told},
    ]
    provider.script(stream([f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events]))
    agent = make_agent(provider, "anthropic_messages", settings={"reasoning_effort": "low"})
    run = await agent.stream("Hi")
    pieces: list[str] = []

    async def read() -> None:
        async for chunk in run:
            if chunk.type == "text_delta":
                pieces.append(chunk.text)

    with pytest.raises(Exception, match="Extra inputs"):
        await read()
    assert pieces == ["Hi"]
    assert len(provider.requests) == 1


async def test_a_stream_that_is_refused_begins_again_without_the_field(provider: Provider) -> None:
    refusal = refuse("Unknown parameter: 'tools[0].strict'.", param="tools[0].strict")
    done = {"type": "response.completed", "response": make_answer("openai_responses", "Sunny.")}
    provider.script(refusal, stream([b"data: " + json.dumps(done).encode() + b"\n\n"]))
    result = await make_agent(provider, "openai_responses", tools=[weather]).stream("How is Rome?").result()
    assert result.text == "Sunny."
    assert [look_up(body, "tools.0.strict") for body in bodies(provider)] == [False, None]


@pytest.mark.parametrize("message", [
    "'messages.1' : for 'role:assistant' these must hold[('messages.1' : property 'reasoning_content' is unsupported)]",
    "messages.1.assistant.reasoning_content: Extra inputs are not permitted",
])  # fmt: skip
async def test_thoughts_that_a_server_does_not_take_back_stay_away(provider: Provider, message: str) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
    thought = answer("", reasoning_content="Hm", tool_calls=[call], finish_reason="tool_calls")
    model = ModelConfig(id="deepseek-v4-flash", url=provider.url, provider="deepseek", api_key="k")
    provider.script(reply(thought), refuse(message), reply(answer("Sunny.")))
    agent = Agent(model=model, tools=[weather], max_retries=0)
    result = await agent.generate("How is Rome?")
    assert result.text == "Sunny."
    assert [look_up(body, "messages.1.reasoning_content") for body in bodies(provider)[1:]] == ["Hm", None]
    assert ["messages[].reasoning_content" in warning.message for warning in result.warnings] == [True]


async def test_thoughts_that_a_server_wants_back_are_not_left_out(provider: Provider) -> None:
    model = ModelConfig(id="deepseek-v4-flash", url=provider.url, provider="deepseek", api_key="k")
    provider.script(refuse("The `reasoning_content` in the thinking mode must be passed back to the API."))
    with pytest.raises(BadRequestError):
        await Agent(model=model, tools=[weather], max_retries=0).generate("How is Rome?")
    assert len(provider.requests) == 1


async def test_a_streamed_run_learns_that_the_server_has_no_tools(provider: Provider) -> None:
    call = '{"tool": "weather", "arguments": {"city": "Rome"}}'
    provider.script(refuse(NO_PARSER), stream(events([call])), stream(events(['{"answer": "Sun', 'ny."}'])))
    agent = make_agent(provider, "openai_chat", tools=[weather])
    run = await agent.stream("How is Rome?")
    text = "".join([chunk.text async for chunk in run if chunk.type == "text_delta"])
    assert text == "Sunny."
    assert ["tools" in body for body in bodies(provider)] == [True, False, False]
    assert [warning.code for warning in (await run.result()).warnings] == ["emulated_tools"]
    provider.script(stream(events(['{"answer": "Hi."}'])))
    assert (await agent.stream("Hi").result()).text == "Hi."
    assert "tools" not in bodies(provider)[3]


async def test_what_one_url_refuses_is_asked_of_another(provider: Provider) -> None:
    provider.script(refuse("Unknown parameter", param="response_format"), reply(answer(PERSON)))
    await make_agent(provider, "openai_chat").generate("Who?", output=Person)
    with Provider() as other:
        other.script(reply(answer(PERSON)))
        await make_agent(other, "openai_chat").generate("Who?", output=Person)
        assert "response_format" in bodies(other)[0]
