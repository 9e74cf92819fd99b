"""Spans and metrics of the real SDK, read from memory: names, attributes, parents, ends, and no secrets."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from provider import KEY, Provider, answer, error, events, reply, stream
from turnout.agent.runtime import make_runtime
from turnout.call import Call, open_stream, send
from turnout.errors import ConfigurationError, ServerError
from turnout.hooks import (
    RequestEvent,
    ResponseEvent,
    RunEnd,
    RunStart,
    ToolEnd,
    ToolStart,
    Watch,
    make_watch,
    process_observers,
)
from turnout.messages import Image, Message, Reasoning, ServerTool, ToolCall
from turnout.requests import EmbeddingRequest, ModelRequest, ModelSettings, OutputSpec, ToolSpec
from turnout.routing import read_model
from turnout.telemetry import OpenTelemetry, instrument, uninstrument
from turnout.telemetry.attributes import write_messages
from turnout.transport.http import HTTPTransport
from turnout.usage import Cost, Usage

MODEL = "ovhcloud/gpt-oss-120b"


class Lab:
    """A tracer and a meter in memory."""

    def __init__(self, *, includes_content: bool = False) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider(metric_readers=[self.reader])
        self.observer = OpenTelemetry(
            tracer_provider=self.tracers, meter_provider=self.meters, includes_content=includes_content
        )

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self.exporter.get_finished_spans()}

    def metrics(self) -> dict[str, list[Any]]:
        data = self.reader.get_metrics_data()
        assert data is not None
        return {
            metric.name: list(metric.data.data_points)
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@pytest.fixture
def lab() -> Lab:
    return Lab()


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    uninstrument()


def call(watch: Watch | None, *, streams: bool = False, retries: int = 0, **request: Any) -> Call:
    settings = ModelSettings(temperature=0.5, max_output_tokens=50, stop=["END"])
    asked = ModelRequest(messages=[Message.user("Hello, my secret")], settings=settings, stream=streams, **request)
    return Call(request=asked, candidates=read_model(MODEL), max_retries=retries, watch=watch)


def start(lab: Lab) -> Watch:
    watch = make_watch([lab.observer])
    assert watch is not None
    watch.start_run(RunStart(agent_id="a-1", agent_name="Weather", model=MODEL, thread="t-1"))
    return watch


async def test_a_run_with_a_request_and_a_tool(provider: Provider, lab: Lab) -> None:
    watch = start(lab)
    answer = await send(call(watch), make_runtime(HTTPTransport()))

    async def run_tool() -> None:
        tool = watch.start_tool(ToolStart(name="look", call_id="c1", arguments={"a": 1}, description="Looks"))
        with lab.tracers.get_tracer("mine").start_as_current_span("inside"):
            await asyncio.sleep(0)
        watch.end_tool(tool, ToolEnd(content="secret result"))

    await asyncio.gather(asyncio.create_task(run_tool()))
    with lab.tracers.get_tracer("mine").start_as_current_span("after"):
        pass
    watch.end_run(RunEnd(finish_reason="stop", usage=answer.response.usage, cost=answer.cost))
    watch.end_run(RunEnd())

    spans = lab.spans
    assert set(spans) == {"invoke_agent Weather", "chat gpt-oss-120b", "execute_tool look", "inside", "after"}
    run, chat, tool = spans["invoke_agent Weather"], spans["chat gpt-oss-120b"], spans["execute_tool look"]
    assert run.parent is None
    for child in (chat, tool):
        assert child.parent is not None
        assert child.parent.span_id == run.context.span_id  # type: ignore[union-attr]
    assert spans["inside"].parent.span_id == tool.context.span_id  # type: ignore[union-attr]
    assert spans["after"].parent is None
    assert (run.kind, chat.kind, tool.kind) == (SpanKind.INTERNAL, SpanKind.CLIENT, SpanKind.INTERNAL)
    assert dict(chat.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "ovhcloud",
        "gen_ai.request.model": "gpt-oss-120b",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.stop_sequences": ("END",),
        "server.address": "127.0.0.1",
        "server.port": provider.port,
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": "gpt-oss-120b",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 7,
        "turnout.cost_usd": float(answer.cost.total or 0),
    }
    assert (run.attributes or {})["gen_ai.conversation.id"] == "t-1"
    assert (run.attributes or {})["gen_ai.usage.output_tokens"] == 7
    assert (tool.attributes or {})["gen_ai.tool.call.id"] == "c1"
    told = "".join(span.to_json() for span in spans.values())
    assert "secret" not in told
    assert KEY not in told


async def test_metrics_have_the_boundaries_and_attributes_of_the_conventions(provider: Provider, lab: Lab) -> None:
    watch = start(lab)
    provider.script(reply(), stream())
    await send(call(watch), make_runtime(HTTPTransport()))
    running = await open_stream(call(watch, streams=True), make_runtime(HTTPTransport()))
    while await running.next_batch():
        pass
    watch.end_tool(watch.start_tool(ToolStart(name="t", call_id="c", arguments={})), ToolEnd(is_error=True))
    watch.end_run(RunEnd())
    found = lab.metrics()
    (duration,) = found["gen_ai.client.operation.duration"]
    assert duration.count == 2
    assert duration.explicit_bounds[0] == 0.01
    assert duration.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "ovhcloud",
        "gen_ai.request.model": "gpt-oss-120b",
        "gen_ai.response.model": "gpt-oss-120b",
        "server.address": "127.0.0.1",
        "server.port": provider.port,
    }
    tokens = {point.attributes["gen_ai.token.type"]: point for point in found["gen_ai.client.token.usage"]}
    assert (tokens["input"].sum, tokens["output"].sum) == (22, 14)
    assert tokens["input"].explicit_bounds[-1] == 67_108_864
    assert found["gen_ai.client.operation.time_to_first_chunk"][0].count == 1
    assert found["gen_ai.invoke_agent.duration"][0].attributes["gen_ai.agent.name"] == "Weather"
    assert found["gen_ai.execute_tool.duration"][0].attributes["error.type"] == "tool_error"


async def test_a_failed_try_and_its_retry_are_spans_of_their_own(
    provider: Provider, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("turnout.call.dispatch.random.random", lambda: 0.0)
    provider.script(error(500, f"broken {KEY}"), reply())
    await send(call(start(lab), retries=1), make_runtime(HTTPTransport()))
    first, second = lab.exporter.get_finished_spans()
    assert first.status.status_code is StatusCode.ERROR
    assert (first.attributes or {})["error.type"] == "ServerError"
    assert KEY not in first.to_json()
    assert second.status.status_code is StatusCode.UNSET
    assert (second.attributes or {})["http.request.resend_count"] == 1


@pytest.mark.parametrize("includes_content", [False, True])
async def test_what_an_error_says_is_content(provider: Provider, includes_content: bool) -> None:
    lab = Lab(includes_content=includes_content)
    watch = start(lab)
    provider.script(error(500, "you said: my secret"))
    with pytest.raises(ServerError) as caught:
        await send(call(watch), make_runtime(HTTPTransport()))
    tool = watch.start_tool(ToolStart(name="look", call_id="c1", arguments={}))
    watch.end_tool(tool, ToolEnd(is_error=True, error=ValueError("my secret")))
    watch.end_run(RunEnd(error=caught.value))
    assert {str((span.attributes or {})["error.type"]) for span in lab.spans.values()} == {"ServerError", "ValueError"}
    for span in lab.spans.values():
        assert span.events == ()
        assert span.status.status_code is StatusCode.ERROR
        assert ("my secret" in (span.status.description or "")) == includes_content
        assert includes_content or "my secret" not in span.to_json()


async def test_an_error_ends_run_and_request(provider: Provider, lab: Lab) -> None:
    watch = start(lab)
    provider.script(error(500))
    with pytest.raises(ServerError) as caught:
        await send(call(watch), make_runtime(HTTPTransport()))
    watch.end_run(RunEnd(error=caught.value))
    assert {span.status.status_code for span in lab.spans.values()} == {StatusCode.ERROR}
    assert len(lab.spans) == 2


async def test_a_cancelled_request_ends_its_span(provider: Provider, lab: Lab) -> None:
    async def hold(exchange: Any) -> None:
        await exchange.wait_for_close()

    provider.script(hold)
    task = asyncio.create_task(send(call(start(lab)), make_runtime(HTTPTransport())))
    while not provider.requests:  # noqa: ASYNC110 - the provider runs in a thread of its own
        await asyncio.sleep(0.005)
    task.cancel()
    await asyncio.wait([task])
    assert (lab.spans["chat gpt-oss-120b"].attributes or {})["error.type"] == "CancelledError"


async def test_a_stream_that_is_left_ends_its_span(provider: Provider, lab: Lab) -> None:
    provider.script(stream(events()[:5], hold=True))
    running = await open_stream(call(start(lab), streams=True), make_runtime(HTTPTransport()))
    await running.next_batch()
    running.close()
    attributes = lab.spans["chat gpt-oss-120b"].attributes or {}
    assert attributes["turnout.stream_left"] is True
    assert attributes["gen_ai.request.stream"] is True
    assert 0 < attributes["gen_ai.response.time_to_first_chunk"] < 60  # type: ignore[operator]


async def test_content_is_there_when_it_is_asked_for(provider: Provider) -> None:
    lab = Lab(includes_content=True)
    watch = make_watch([lab.observer])
    assert watch is not None
    said = [Message.user("Hi")]
    watch.start_run(RunStart(agent_id="a", agent_name="A", model=MODEL, instructions="Be kind.", messages=said))
    tool = ToolSpec(name="look", description="Looks")
    await send(call(watch, tools=(tool,), output=OutputSpec(schema={"type": "object"})), make_runtime(HTTPTransport()))
    watch.end_tool(watch.start_tool(ToolStart(name="look", call_id="c", arguments={"q": "é"})), ToolEnd(content="ok"))
    watch.end_run(RunEnd(message=Message.assistant("Bye"), cost=Cost(), usage=Usage(cache_write_1h_tokens=5)))
    spans = lab.spans
    chat = spans["chat gpt-oss-120b"].attributes or {}
    asked = json.loads(str(chat["gen_ai.input.messages"]))
    assert {"role": "user", "parts": [{"type": "text", "content": "Hello, my secret"}]} in asked
    (answered,) = json.loads(str(chat["gen_ai.output.messages"]))
    assert answered["parts"] == [{"type": "text", "content": "Hello there, friend."}]
    assert answered["finish_reason"] == "stop"
    run = spans["invoke_agent A"].attributes or {}
    assert "Be kind." in str(run["gen_ai.system_instructions"])
    assert "Bye" in str(run["gen_ai.output.messages"])
    assert run["turnout.usage.cache_write_1h_tokens"] == 5
    looked = spans["execute_tool look"].attributes or {}
    assert (looked["gen_ai.tool.call.arguments"], looked["gen_ai.tool.call.result"]) == ('{"q": "é"}', "ok")


def test_messages_as_the_conventions_have_them() -> None:
    written = write_messages(
        [
            Message.user("Look", Image(data=b"\x89PNG", media_type="image/png"), Image(url="https://a:b@x.y/z?k=1")),
            Message.assistant(Reasoning("hm"), ToolCall("c", "f", {"a": 1}), ServerTool("search", {})),
            Message.tool("c", "done"),
        ]
    )
    user, assistant, tool = json.loads(written)
    assert user["parts"][1] == {"type": "blob", "modality": "image", "mime_type": "image/png"}
    assert user["parts"][2]["uri"] == "https://x.y/z?k=[redacted]"
    assert [part["type"] for part in assistant["parts"]] == ["reasoning", "tool_call", "server_tool"]
    assert tool["parts"] == [{"type": "tool_call_response", "id": "c", "response": "done"}]


def test_embeddings_are_an_operation_of_their_own(lab: Lab) -> None:
    asked = RequestEvent(
        id=1, attempt=1, asked="a/b", provider="a", model="b", protocol="p", url="", is_stream=False,
        request=EmbeddingRequest(messages=[Message.user("one")]),
    )  # fmt: skip
    lab.observer.end_request(lab.observer.start_request(None, asked), ResponseEvent(request=asked))
    assert (lab.spans["embeddings b"].attributes or {})["gen_ai.operation.name"] == "embeddings"


def test_what_did_not_begin_has_no_end(lab: Lab) -> None:
    lab.observer.end_run(None, RunEnd())
    lab.observer.end_tool(None, ToolEnd())
    asked = RequestEvent(
        id=1, attempt=1, asked="a/b", provider="a", model="b", protocol="p", url="", is_stream=False,
        request=ModelRequest(messages=[]),
    )  # fmt: skip
    lab.observer.end_request(None, ResponseEvent(request=asked))
    assert lab.spans == {}


async def test_counts_and_models_that_are_not_told_are_left_out(provider: Provider, lab: Lab) -> None:
    provider.script(reply(answer(model=None, usage=None)))
    await send(call(start(lab)), make_runtime(HTTPTransport()))
    attributes = lab.spans["chat gpt-oss-120b"].attributes or {}
    assert not [name for name in attributes if name.startswith(("gen_ai.usage", "gen_ai.response.model", "turnout"))]
    assert "gen_ai.client.token.usage" not in lab.metrics()


async def test_the_span_of_the_caller_is_the_parent_of_the_run(lab: Lab) -> None:
    with lab.tracers.get_tracer("mine").start_as_current_span("request") as outer:
        start(lab).end_run(RunEnd())
    assert lab.spans["invoke_agent Weather"].parent.span_id == outer.get_span_context().span_id  # type: ignore[union-attr]


def test_instrument_is_for_every_run_and_only_once(lab: Lab) -> None:
    assert make_watch([]) is None
    instrument(tracer_provider=lab.tracers)
    last = instrument(tracer_provider=lab.tracers, meter_provider=lab.meters)
    assert process_observers() == [last]
    watch = make_watch([])
    assert watch is not None
    watch.start_run(RunStart(agent_id="a", agent_name="A", model="m"))
    uninstrument()
    assert make_watch([]) is None
    watch.end_run(RunEnd())
    assert set(lab.spans) == {"invoke_agent A"}


def test_without_the_package_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'turnout\[otel\]'"):
        OpenTelemetry()
