"""The sources of a text, in streams: told at its end by every decoder, and rendered where each vendor's SDK looks."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import pytest
from google import genai
from google.genai import types
from openai import OpenAI

from provider import Provider, stream
from turnout.call.stream import as_chunks
from turnout.catalog.quirks import Quirks
from turnout.chunks import Chunk, TextEnd
from turnout.messages import Message, Part, ServerTool, Text
from turnout.protocols import find_protocol
from turnout.responses import ModelResponse
from turnout.routing.route import Route
from turnout.transport.sse import SSEParser

WEB = {"type": "url_citation", "url": "https://x.y", "title": "X", "start_index": 0, "end_index": 2}
PLACE = "web_search_result_location"
LOCATION = {"type": PLACE, "url": "https://x.y", "title": "X", "cited_text": "so", "encrypted_index": "e"}
SOURCE = {"start": 0, "end": 2, "text": "Hi", "sources": [{"type": "document", "id": "d", "document": {"t": "x"}}]}
GROUND = {"segment": {"endIndex": 2, "text": "Hi"}, "groundingChunkIndices": [0]}
PAGE = {"web": {"uri": "https://x.y", "title": "X"}}
QUESTION = [{"role": "user", "content": "Hi"}]


def make_route(protocol: str) -> Route:
    return Route(
        asked="p/m", provider="p", model="m", protocol=protocol, base_url="http://h/v1", url="http://h/v1", facts=None,
        quirks=Quirks(),
    )  # fmt: skip


def answer(*parts: Part) -> ModelResponse:
    return ModelResponse(message=Message("assistant", [*parts]), finish_reason="stop", id="r", model="m")


def render(protocol: str, response: ModelResponse) -> list[bytes]:
    """Return the events of `response`, chunk by chunk."""
    renderer = find_protocol(protocol).StreamRenderer()  # type: ignore[attr-defined]
    pieces = [renderer.feed([chunk]) for chunk in as_chunks(response)]
    return [*filter(None, pieces), renderer.finish(response)]


def decode(protocol: str, events: list[dict[str, Any]]) -> tuple[list[Chunk], ModelResponse]:
    decoder = find_protocol(protocol).StreamDecoder(make_route(protocol))
    chunks: list[Chunk] = []
    for event in events:
        chunks += decoder.decode_event(json.dumps(event).encode(), str(event.get("type", "")))
    last, response = decoder.finish()
    return [*chunks, *last], response


def chat(*deltas: dict[str, Any]) -> list[dict[str, Any]]:
    told = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    return [*told, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]


def anthropic_events(*deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "message_start", "message": {"id": "m", "model": "m", "usage": {}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *[{"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas],
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        {"type": "message_stop"},
    ]


PART = {"type": "output_text", "text": "Hi", "annotations": [WEB]}
ITEM = {"type": "message", "id": "msg", "role": "assistant", "content": [PART]}
STREAMS: list[Any] = [
    ("openai_chat", chat({"content": "Hi"}, {"annotations": [WEB]}, {"annotations": [WEB, {**WEB, "url": "u"}]}),
     [WEB, {**WEB, "url": "u"}]),
    ("anthropic_messages", anthropic_events(
        {"type": "citations_delta", "citation": LOCATION}, {"type": "text_delta", "text": "Hi"}), [LOCATION]),
    ("openai_responses", [
        {"type": "response.output_item.added", "output_index": 0, "item": {**ITEM, "content": []}},
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "item_id": "msg", "delta": "Hi"},
        {"type": "response.output_item.done", "output_index": 0, "item": ITEM},
        {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": [ITEM]}},
    ], [WEB]),
    ("gemini", [{"candidates": [{
        "content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP",
        "groundingMetadata": {"groundingChunks": [PAGE], "groundingSupports": [GROUND]},
    }]}], [{**GROUND, "groundingChunks": [PAGE]}]),
    ("cohere_chat", [
        {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "Hi"}}}},
        {"type": "citation-start", "index": 0, "delta": {"message": {"citations": SOURCE}}},
        {"type": "content-end", "index": 0},
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}},
    ], [SOURCE]),
    ("bedrock_converse", [
        {"type": "messageStart", "role": "assistant"},
        {"type": "contentBlockDelta", "contentBlockIndex": 0, "delta": {"text": "Hi"}},
        {"type": "contentBlockDelta", "contentBlockIndex": 0, "delta": {"citation": {"title": "X"}}},
        {"type": "contentBlockStop", "contentBlockIndex": 0},
        {"type": "messageStop", "stopReason": "end_turn"},
        {"type": "metadata", "usage": {}},
    ], [{"title": "X"}]),
]  # fmt: skip


@pytest.mark.parametrize(("protocol", "events", "citations"), STREAMS)
def test_the_end_of_a_text_tells_its_sources(protocol: str, events: Any, citations: Any) -> None:
    chunks, response = decode(protocol, events)
    (end,) = [chunk for chunk in chunks if isinstance(chunk, TextEnd)]
    (text,) = response.message.content[:1]
    assert isinstance(text, Text)
    assert (list(end.citations), text.citations, text.text) == (citations, citations, "Hi")
    assert str(end) == f"text_end ({len(citations)} citations)"


def test_a_whole_chat_answer_keeps_its_sources_with_the_last_text() -> None:
    body = {"choices": [{"message": {"content": "Hi", "annotations": [WEB, "odd"]}, "finish_reason": "stop"}]}
    response = find_protocol("openai_chat").decode(json.dumps(body).encode(), make_route("openai_chat"))
    assert response.message.content == [Text("Hi", {}, [WEB])]
    body["choices"][0]["message"] = {"content": "", "annotations": [WEB]}  # type: ignore[index]
    response = find_protocol("openai_chat").decode(json.dumps(body).encode(), make_route("openai_chat"))
    assert response.message.content == []


@pytest.mark.parametrize("citation", [WEB, LOCATION, SOURCE])
@pytest.mark.parametrize("protocol", ["openai_responses", "anthropic_messages", "cohere_chat"])
def test_what_is_rendered_is_read_again(protocol: str, citation: dict[str, Any]) -> None:
    """Each wire tells the sources that it has a form for, each beside its own text, and no others."""
    told = answer(Text("One. ", {}, [citation]), Text("Two.", {}, [citation, {**citation, "title": "Y"}]))
    decoder = find_protocol(protocol).StreamDecoder(make_route(protocol))
    parser = SSEParser()
    for piece in render(protocol, told):
        for event in parser.feed(piece):
            decoder.decode_event(event.data, event.event)
    _, response = decoder.finish()
    texts = [part for part in response.message.content if isinstance(part, Text)]
    is_own = {"openai_responses": WEB, "anthropic_messages": LOCATION, "cohere_chat": SOURCE}[protocol] is citation
    assert [part.text for part in texts] == ["One. ", "Two."]
    assert [len(part.citations) for part in texts] == ([1, 2] if is_own else [0, 0])


@pytest.fixture
def server():
    with Provider() as running:
        yield running


def test_the_sdk_of_anthropic_reads_citations_of_a_stream(server: Provider) -> None:
    server.script(stream(render("anthropic_messages", answer(Text("Hi", {}, [LOCATION, WEB]), Text("!")))))
    with (
        anthropic.Anthropic(api_key="k", base_url=server.url.removesuffix("/v1"), max_retries=0) as client,
        client.messages.stream(model="m", max_tokens=9, messages=QUESTION) as events,  # type: ignore[arg-type]
    ):
        kinds = [event.type for event in events]
        message = events.get_final_message()
    assert kinds.count("citation") == 1
    first, second = message.content
    assert [cited.url for cited in first.citations] == ["https://x.y"]  # type: ignore[union-attr]
    assert not second.citations  # type: ignore[union-attr]


def test_the_sdk_of_openai_reads_annotations_of_a_response_stream(server: Provider) -> None:
    server.script(stream(render("openai_responses", answer(Text("Hi", {}, [WEB]), Text("!")))))
    with OpenAI(base_url=server.url, api_key="k", max_retries=0) as client:
        events = list(client.responses.create(model="m", input="Hi", stream=True))
    added = [event for event in events if event.type == "response.output_text.annotation.added"]
    assert [(event.annotation_index, event.output_index, event.content_index) for event in added] == [(0, 0, 0)]
    kinds = [event.type for event in events]
    assert kinds.index(added[0].type) < kinds.index("response.output_text.done")
    done = [event.part for event in events if event.type == "response.content_part.done"]
    assert [len(part.annotations) for part in done] == [1, 0]  # type: ignore[union-attr]
    final = events[-1].response.output  # type: ignore[union-attr]
    assert final[0].content[0].annotations[0].url == "https://x.y"


def test_the_sdk_of_openai_reads_annotations_of_a_chat_stream(server: Provider) -> None:
    server.script(stream(render("openai_chat", answer(Text("Hi", {}, [WEB])))))
    with OpenAI(base_url=server.url, api_key="k", max_retries=0) as client:
        events = list(client.chat.completions.create(model="m", messages=QUESTION, stream=True))  # type: ignore[call-overload]
    deltas = [event.choices[0].delta for event in events if event.choices]
    (told,) = [found for delta in deltas if (found := getattr(delta, "annotations", None))]
    assert told[0]["url_citation"]["url"] == "https://x.y"


GROUNDING = {"groundingMetadata": {"groundingChunks": [PAGE], "groundingSupports": [GROUND]}}


@pytest.mark.parametrize("parts", [
    [Text("Hi", {}, [WEB])],
    [Text("Hi", {}, [{**GROUND, "groundingChunks": [PAGE]}]), ServerTool("groundingMetadata", GROUNDING)],
])  # fmt: skip
def test_the_sdk_of_google_reads_pages_of_a_stream(server: Provider, parts: list[Any]) -> None:
    server.script(stream(render("gemini", answer(*parts))))
    base = server.url.removesuffix("/v1")
    client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=base, api_version="v1beta"))
    pieces = list(client.models.generate_content_stream(model="m", contents="Hi"))
    metadata = [piece.candidates[0].grounding_metadata for piece in pieces if piece.candidates]
    (grounding,) = [each for each in metadata if each is not None]
    assert grounding.grounding_chunks is not None
    assert [each.web.uri for each in grounding.grounding_chunks if each.web] == ["https://x.y"]


@pytest.mark.parametrize("protocol", ["openai_responses", "anthropic_messages", "cohere_chat"])
def test_the_end_of_a_text_that_was_never_begun_tells_nothing(protocol: str) -> None:
    renderer = find_protocol(protocol).StreamRenderer()  # type: ignore[attr-defined]
    assert b"citation" not in renderer.feed([TextEnd((WEB, LOCATION, SOURCE))])
