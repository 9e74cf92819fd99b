"""The forms of the founding page, and what comes back."""

from __future__ import annotations

import asyncio
import os
from decimal import Decimal

import pytest

import turnout
from provider import KEY, Provider, answer, event, reply, stream
from turnout import Agent, Message, ModelConfig, RequestContext
from turnout.errors import InvalidInputError, InvalidModelError, MissingKeyError, UnknownProviderError

MODEL = "ovhcloud/gpt-oss-120b"


async def test_generate_sends_the_whole_request_and_returns_the_text(provider: Provider) -> None:
    agent = Agent(
        id="my-agent", name="My Agent", instructions="You are a helpful assistant", model="ovhcloud/gpt-oss-120b"
    )
    response = await agent.generate("Hello!")

    assert response.text == "Hello there, friend."
    sent = provider.requests[0]
    assert (sent.method, sent.path) == ("POST", "/v1/chat/completions")
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.headers["user-agent"].startswith("turnout/")
    assert sent.json == {
        "model": "gpt-oss-120b",
        "messages": [
            {"role": "system", "content": "You are a helpful assistant"},
            {"role": "user", "content": "Hello!"},
        ],
    }


async def test_only_stream_asks_for_a_stream(provider: Provider) -> None:
    provider.script(reply(), stream())
    agent = Agent(model=MODEL)
    await agent.generate("Hello!")
    async for _ in await agent.stream("Tell me a story"):
        pass
    whole, streamed = (request.json for request in provider.requests)
    assert "stream" not in whole
    assert streamed["stream"] is True
    assert streamed["stream_options"] == {"include_usage": True}


async def test_the_founding_stream_loop_works_as_written(provider: Provider) -> None:
    provider.script(stream())
    agent = Agent(id="my-agent", name="My Agent", model="ovhcloud/deepseek-r1-distill-llama-70b")
    types = []
    stream_ = await agent.stream("Tell me a story")
    async for chunk in stream_:
        types.append(chunk.type)
    assert types[:3] == ["start", "step_start", "text_start"]
    assert types[3:-4] == ["text_delta"] * 9
    assert types[-4:] == ["text_end", "usage", "step_finish", "finish"]
    assert stream_.text == "Once upon a time there was a switch."


async def test_a_retired_model_is_sent_with_a_warning_that_names_its_successor(provider: Provider) -> None:
    response = await turnout.generate("ovhcloud/deepseek-r1-distill-llama-70b", "Hello!")
    assert provider.requests[0].json["model"] == "deepseek-r1-distill-llama-70b"
    (warning,) = response.warnings
    assert warning.code == "retired_model"
    assert "ovhcloud/gpt-oss-120b" in warning.message


async def test_a_config_with_url_key_and_header(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OVHCLOUD_BASE_URL")
    for spelled in ("apiKey", "api_key"):
        agent = Agent(
            id="custom-agent",
            name="custom-agent",
            model={
                "url": provider.url,
                "id": "custom/my-model",
                spelled: os.environ.get("OVHCLOUD_API_KEY"),
                "headers": {"X-Custom-Header": "value"},
            },
        )
        await agent.generate("Hello!")
        sent = provider.requests[-1]
        assert sent.headers["x-custom-header"] == "value"
        assert sent.headers["authorization"] == f"Bearer {KEY}"
        assert sent.json["model"] == "my-model"


async def test_a_typed_config_does_the_same_and_none_is_not_given(provider: Provider) -> None:
    config = ModelConfig(url=provider.url + "/chat/completions", id="Qwen/Qwen3-32B", api_key=None)
    response = await Agent(model=config).generate("Hello!")
    sent = provider.requests[0]
    assert sent.path == "/v1/chat/completions"
    assert sent.json["model"] == "Qwen/Qwen3-32B"
    assert "authorization" not in sent.headers
    assert response.provider == "custom"
    assert response.cost.total is None


async def test_dynamic_selection_with_an_attribute_an_item_and_get(provider: Provider) -> None:
    def by_attribute(request_context: RequestContext) -> str:
        return "ovhcloud/qwen3-coder-30b-a3b-instruct" if request_context.task == "complex" else MODEL

    def by_get(request_context: RequestContext) -> str:
        return "ovhcloud/qwen3-coder-30b-a3b-instruct" if request_context.get("task") == "complex" else MODEL

    for select in (by_attribute, by_get):
        agent = Agent(id="dynamic-agent", name="Dynamic Agent", model=select)
        await agent.generate("Hello!", request_context={"task": "complex"})
        await agent.generate("Hello!", request_context=RequestContext(task="complex"))
        await agent.generate("Hello!", requestContext={"task": "complex"})
        await agent.generate("Hello!")
    models = [request.json["model"] for request in provider.requests]
    assert models == (["qwen3-coder-30b-a3b-instruct"] * 3 + ["gpt-oss-120b"]) * 2


async def test_an_item_that_the_context_lacks_raises_key_error(provider: Provider) -> None:
    agent = Agent(model=lambda request_context: request_context["task"])
    with pytest.raises(KeyError):
        await agent.generate("Hello!")
    assert provider.requests == []


async def test_an_async_function_may_return_a_list_and_is_called_once_a_run(provider: Provider) -> None:
    calls: list[RequestContext] = []

    async def select(request_context: RequestContext) -> list[object]:
        await asyncio.sleep(0)
        calls.append(request_context)
        return ["nosuchprovider/model", {"url": provider.url, "id": "mine"}]

    response = await Agent(model=select).generate("Hello!", request_context={"a": 1})  # type: ignore[arg-type]
    assert provider.requests[0].json["model"] == "mine"
    assert [attempt.model for attempt in response.attempts] == ["nosuchprovider/model", "mine"]
    assert calls == [{"a": 1}]


async def test_instructions_may_be_a_function_of_the_context(provider: Provider) -> None:
    async def instruct(context: RequestContext) -> str:
        return f"Speak {context.language}"

    await Agent(model=MODEL, instructions=instruct).generate("Hi", request_context={"language": "French"})
    await Agent(model=MODEL, instructions=lambda context: context.nothing).generate("Hi")
    with_system, without = (request.json["messages"] for request in provider.requests)
    assert with_system[0] == {"role": "system", "content": "Speak French"}
    assert without == [{"role": "user", "content": "Hi"}]


async def test_messages_in_every_form(provider: Provider) -> None:
    agent = Agent(model="ovhcloud/qwen3.5-9b")
    await agent.generate(["What is", turnout.Text(" this?"), turnout.Image(url="https://example.com/a.png")])
    await agent.generate([Message.user("Hi"), {"role": "assistant", "content": "Yes?"}, Message.user("Bye")])
    await agent.generate({"role": "user", "content": "alone"})  # type: ignore[arg-type]
    one, several, alone = (request.json["messages"] for request in provider.requests)
    assert len(one) == 1
    assert [part["type"] for part in one[0]["content"]] == ["text", "text", "image_url"]
    assert [message["role"] for message in several] == ["user", "assistant", "user"]
    assert alone == [{"role": "user", "content": "alone"}]


@pytest.mark.parametrize("messages", [[], 5, None, b"bytes", [Message.user("a"), "b"], [{"content": "no role"}]])
async def test_messages_that_cannot_be_read_are_refused_before_anything_is_sent(
    provider: Provider, messages: object
) -> None:
    with pytest.raises(InvalidInputError, match="messages"):
        await Agent(model=MODEL).generate(messages)  # type: ignore[arg-type]
    assert provider.requests == []


async def test_the_result_tells_everything(provider: Provider) -> None:
    usage = {
        "prompt_tokens": 1000,
        "completion_tokens": 100,
        "total_tokens": 1100,
        "prompt_tokens_details": {"cached_tokens": 400},
        "completion_tokens_details": {"reasoning_tokens": 60},
    }
    provider.script(reply(answer(" \nspaced ", reasoning="thinking", usage=usage), x_request_id="req-7"))
    response = await Agent(model=MODEL).generate("Hello!")

    assert response.text == " \nspaced "
    assert response.reasoning == "thinking"
    assert response.refusal is None
    assert response.finish_reason == "stop"
    assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.total_tokens) == (1000, 100, 1100)
    assert (response.usage.cached_input_tokens, response.usage.reasoning_tokens) == (400, 60)
    assert response.cost.total == (Decimal(1000) * Decimal("0.09") + Decimal(100) * Decimal("0.47")) / 1_000_000
    assert response.cost.total == sum(
        (response.cost.input, response.cost.output, response.cost.cache_read, response.cost.cache_write),  # type: ignore[arg-type]
        Decimal(0),
    )
    assert (response.model, response.provider) == (MODEL, "ovhcloud")
    assert response.response.model == "gpt-oss-120b"
    assert response.request_id == "req-7"
    assert response.headers["content-type"] == "application/json"
    assert [message.role for message in response.messages] == ["user", "assistant"]
    assert len(response.steps) == 1
    assert response.attempts[0].status == 200
    assert response.timing.total_s > 0
    assert str(response) == response.text


async def test_the_model_that_answered_is_priced(provider: Provider) -> None:
    provider.script(reply(answer(model="gpt-oss-20b")))
    response = await turnout.generate("ovhcloud/mistral@latest?context_size > 100000", "Hello!")
    assert provider.requests[0].json["model"] == "mistral@latest?context_size > 100000"
    assert response.warnings[0].code == "unknown_model"
    assert response.cost.total == (11 * Decimal("0.05") + 7 * Decimal("0.18")) / 1_000_000


async def test_an_unknown_model_passes_with_a_hint_and_an_unknown_cost(provider: Provider) -> None:
    provider.script(reply(answer(model="gpt-oss-120")))
    response = await turnout.generate("ovhcloud/gpt-oss-120", "Hello!")
    assert provider.requests[0].json["model"] == "gpt-oss-120"
    assert "did you mean `ovhcloud/gpt-oss-120b`" in response.warnings[0].message
    assert response.cost.total is None


async def test_a_refusal_is_not_text(provider: Provider) -> None:
    provider.script(reply(answer(None, refusal="I will not.")), stream([event({"refusal": "I will not."}, "stop")]))  # type: ignore[arg-type]
    whole = await Agent(model=MODEL).generate("Hello!")
    streamed = await Agent(model=MODEL).stream("Hello!").result()
    for response in (whole, streamed):
        assert (response.text, response.refusal) == ("", "I will not.")


async def test_tool_calls_come_back_without_being_run(provider: Provider) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
    provider.script(
        reply(answer(None, tool_calls=[call], finish_reason="tool_calls")),  # type: ignore[arg-type]
        stream([event({"tool_calls": [{"index": 0, **call}]}), event({}, "tool_calls"), b"data: [DONE]\n\n"]),
    )
    whole = await Agent(model=MODEL).generate("Weather?", max_steps=1)
    streamed = await Agent(model=MODEL).stream("Weather?", max_steps=1).result()
    for response in (whole, streamed):
        assert response.finish_reason == "tool_calls"
        (asked,) = response.tool_calls
        assert (asked.id, asked.name, asked.arguments) == ("call_1", "get_weather", {"city": "Paris"})


async def test_settings_of_the_call_win_over_those_of_the_agent(provider: Provider) -> None:
    agent = Agent(model=MODEL, settings={"temperature": 0.3, "topP": 0.5})
    await agent.generate("Hi", settings={"temperature": 0.9, "maxOutputTokens": 20, "stop": "END"})
    sent = provider.requests[0].json
    assert (sent["temperature"], sent["top_p"], sent["max_tokens"], sent["stop"]) == (0.9, 0.5, 20, ["END"])


async def test_provider_options_and_headers_reach_the_wire(provider: Provider) -> None:
    agent = Agent(model=MODEL, headers={"X-Team": "a"}, provider_options={"ovhcloud": {"extra": {"a": 1}}})
    await agent.generate("Hi", headers={"X-Call": "b"}, provider_options={"ovhcloud": {"extra": {"b": 2}}})
    sent = provider.requests[0]
    assert (sent.headers["x-team"], sent.headers["x-call"]) == ("a", "b")
    assert sent.json["extra"] == {"a": 1, "b": 2}


async def test_the_key_of_the_call_wins_over_the_environment(provider: Provider) -> None:
    await Agent(model=MODEL, api_key="agents-own-key").generate("Hi")
    await Agent(model=MODEL, api_key="agents-own-key").generate("Hi", api_key="calls-own-key")
    assert [request.headers["authorization"] for request in provider.requests] == [
        "Bearer agents-own-key",
        "Bearer calls-own-key",
    ]


async def test_the_constructor_looks_nothing_up_and_the_call_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = Agent(model="nosuchprovider/model")
    keyless = Agent(model="groq/llama-3.3-70b-versatile")
    with pytest.raises(UnknownProviderError, match="nosuchprovider"):
        await unknown.generate("Hello!")
    with pytest.raises(MissingKeyError, match=r"set `GROQ_API_KEY` or pass `api_key=`"):
        await keyless.generate("Hello!")
    with pytest.raises(MissingKeyError):
        await keyless.stream("Hello!")


@pytest.mark.parametrize("model", [None, 7, [], {}, {"url": "http://127.0.0.1/v1"}, {"id": "a/b", "colour": 1}, [None]])
def test_a_model_that_cannot_be_read_is_refused_at_once(model: object) -> None:
    with pytest.raises(InvalidModelError):
        Agent(model=model)  # type: ignore[arg-type]


async def test_a_model_without_a_provider_says_how_to_write_it(provider: Provider) -> None:
    with pytest.raises(InvalidModelError, match="write `provider/model`"):
        await Agent(model="gpt-oss-120b").generate("Hello!")


async def test_an_unknown_option_or_setting_is_an_error_with_the_cure(provider: Provider) -> None:
    agent = Agent(model=MODEL)
    with pytest.raises(TypeError, match="did you mean `settings`"):
        await agent.generate("Hi", setings={})  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="settings="):
        await agent.generate("Hi", temperature=0.3)  # type: ignore[call-arg]
    with pytest.raises(InvalidInputError, match="temperature"):
        await agent.generate("Hi", settings={"temprature": 1})
    with pytest.raises(InvalidInputError, match="max_retries"):
        Agent(model=MODEL, max_retries=-1)
    with pytest.raises(InvalidInputError, match="seconds above 0"):
        Agent(model=MODEL, timeouts={"idle_s": 0})
    assert provider.requests == []


async def test_a_conversation_goes_on_with_the_messages_of_the_result(provider: Provider) -> None:
    agent = Agent(model=MODEL, instructions="Be brief.")
    first = await agent.generate("Hello!")
    await agent.generate([*first.messages, Message.user("More")])
    assert provider.requests[1].json["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello!"},
        {"role": "assistant", "content": "Hello there, friend."},
        {"role": "user", "content": "More"},
    ]


async def test_every_form_leaves_the_key_out_of_what_is_shown(provider: Provider) -> None:
    route = turnout.routing.resolve(MODEL)
    config = ModelConfig(id="a", url=provider.url, api_key=KEY, headers={"X-Key": KEY})
    response = await Agent(model=config).generate("Hello!")
    agent = Agent(model=config, api_key=KEY)
    for shown in (route, config, response, agent, response.attempts, response.steps):
        assert KEY not in repr(shown)
        assert KEY not in str(shown)


async def test_instructions_and_context_of_a_wrong_type_are_refused(provider: Provider) -> None:
    with pytest.raises(InvalidInputError, match="instructions"):
        await Agent(model=MODEL, instructions=lambda context: 5).generate("Hi")  # type: ignore[arg-type,return-value]
    with pytest.raises(InvalidInputError, match="request_context"):
        await Agent(model=MODEL).generate("Hi", request_context=[1])  # type: ignore[arg-type]
    assert provider.requests == []


async def test_a_step_and_an_agent_show_themselves(provider: Provider) -> None:
    agent = Agent(id="a", name="A", model=[MODEL, "groq/x"])
    response = await agent.generate("Hi")
    assert (agent.id, agent.name) == ("a", "A")
    assert repr(agent) == "Agent('a', model=ovhcloud/gpt-oss-120b or groq/x)"
    assert repr(Agent(model=lambda context: MODEL)) == "Agent('agent', model=a function)"
    (step,) = response.steps
    assert (step.text, step.tool_calls, step.finish_reason) == (response.text, [], "stop")


async def test_none_in_headers_is_not_given_and_other_types_are_refused(provider: Provider) -> None:
    config = ModelConfig(id=MODEL, headers={"x-a": None, "x-b": "b"})  # type: ignore[dict-item]
    await Agent(model=config, headers={"x-c": None}).generate("Hi", headers={"x-d": None})  # type: ignore[dict-item]
    sent = provider.requests[0].headers
    assert sent["x-b"] == "b"
    assert not {"x-a", "x-c", "x-d"} & set(sent)
    with pytest.raises(InvalidInputError, match="names and values are strings"):
        Agent(model=MODEL, headers={"x": 5})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "options",
    [
        {"settings": 5},
        {"timeouts": 5},
        {"provider_options": 5},
        {"provider_options": {"a": 5}},
        {"api_key": 5},
        {"headers": "a: b"},
        {"timeouts": turnout.Timeouts(total_s=-1)},
        {"timeouts": turnout.Timeouts(idle_s=float("nan"))},
    ],
)
async def test_options_of_a_wrong_type_are_refused_with_a_readable_error(
    provider: Provider, options: dict[str, object]
) -> None:
    with pytest.raises(InvalidInputError):
        await Agent(model=MODEL).generate("Hi", **options)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError):
        Agent(model=MODEL, **options)  # type: ignore[arg-type]
    assert provider.requests == []


def test_the_model_of_an_agent_is_read_only() -> None:
    agent = Agent(model=MODEL)
    assert agent.model == MODEL
    with pytest.raises(AttributeError):
        agent.model = "ovhcloud/gpt-oss-20b"  # type: ignore[misc]


async def test_of_two_spellings_the_one_that_is_given_counts(provider: Provider) -> None:
    config = {"id": MODEL, "url": provider.url, "api_key": "the-real-key", "apiKey": None}
    await Agent(model=config).generate("Hi")
    mine = {"id": MODEL, "url": provider.url, "apiKey": "", "headers": {"Authorization": "Bearer my-own-token"}}
    await Agent(model=mine).generate("Hi")
    assert [request.headers["authorization"] for request in provider.requests] == [
        "Bearer the-real-key",
        "Bearer my-own-token",
    ]


async def test_a_long_answer_shows_itself_briefly(provider: Provider) -> None:
    provider.script(reply(answer("x" * 5000), set_cookie="secret-cookie"))
    response = await Agent(model=MODEL).generate("Hi")
    assert len(repr(response.response)) < 200
    assert "secret-cookie" not in repr(response.response)
