"""Sound that a model makes: read whole and streamed, sent back by its id, served to a client."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from typing import Any

import msgspec
import openai
import pytest
from chat_streams import DONE, STOP, delta_event, joined, make_route, stream, stream_bytes, types_of
from openai_specs import validator

from provider import reply
from provider import stream as stream_reply
from turnout import Agent, ModelConfig
from turnout.call.stream import as_chunks
from turnout.chunks import TextDelta
from turnout.errors import InvalidInputError
from turnout.memory import InMemoryStore, Memory, SQLiteStore
from turnout.messages import Audio, Message, Text, ToolCall
from turnout.protocols.openai_chat import (
    StreamRenderer,
    decode,
    encode,
    parse_messages,
    parse_request,
    render_response,
)
from turnout.requests import ModelRequest
from turnout.responses import ModelResponse
from turnout.usage import Usage

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(range(16))
PCM = bytes(range(1, 22))
LATER = int(time.time()) + 3600
KEY = "openai_chat@p"


def b64(data: bytes) -> str:
    return b64encode(data).decode()


def whole(**message: Any) -> ModelResponse:
    body = {
        "id": "c",
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 9,
            "completion_tokens": 30,
            "total_tokens": 39,
            "prompt_tokens_details": {"audio_tokens": 4},
            "completion_tokens_details": {"audio_tokens": 20},
        },
    }
    return decode(json.dumps(body).encode(), make_route())


def own(**more: Any) -> dict[str, Any]:
    return {KEY: {"audio": {"id": "audio_1", **more}}}


def sound_events(*, cut: int, is_padded: bool) -> list[bytes]:
    """Return the events of one answer, its bytes padded piece by piece or one base64 text cut anywhere."""
    text = b64(PCM)
    pieces = [b64(PCM[at : at + cut]) for at in range(0, len(PCM), cut)]
    pieces = pieces if is_padded else [text[at : at + cut] for at in range(0, len(text), cut)]
    words = ["All", " aboard", "!"]
    return [
        delta_event(role="assistant", content=None, audio={"id": "audio_1"}),
        *[delta_event(audio={"transcript": word}) for word in words[:2]],
        *[delta_event(audio={"data": piece}) for piece in pieces[:2]],
        delta_event(audio={"transcript": words[2]}),
        *[delta_event(audio={"data": piece}) for piece in pieces[2:]],
        delta_event(audio={"expires_at": LATER}),
        STOP,
        DONE,
    ]


def write(*messages: Message, provider: str = "p", warnings: list[str] | None = None) -> list[dict[str, Any]]:
    route = make_route()
    route.provider = route.maker = provider
    encoded = encode(ModelRequest(messages=[Message.user("Hi"), *messages]), route)
    body = msgspec.json.decode(encoded.body)
    assert not list(validator("CreateChatCompletionRequest").iter_errors(body))
    if warnings is not None:
        warnings += [warning.code for warning in encoded.warnings]
    return body["messages"][1:]


def test_a_whole_answer_holds_the_sound_and_its_words():
    response = whole(
        content=None, audio={"id": "audio_1", "data": b64(WAV), "expires_at": LATER, "transcript": "All aboard!"}
    )
    sound, words = response.message.content
    assert sound == Audio(data=WAV, media_type="audio/wav")
    assert words == Text("All aboard!", own(expires_at=LATER))
    assert (response.text, response.warnings) == ("All aboard!", [])
    assert (response.usage.audio_input_tokens, response.usage.audio_output_tokens) == (4, 20)


@pytest.mark.parametrize("is_padded", [True, False])
@pytest.mark.parametrize("cut", [1, 2, 3, 4, 5, 7, 12, 99])
def test_a_stream_ends_in_the_same_message_as_the_whole(cut, is_padded):
    chunks, response = stream(sound_events(cut=cut, is_padded=is_padded))
    audio = {"id": "audio_1", "data": b64(PCM), "expires_at": LATER, "transcript": "All aboard!"}
    assert response.message == whole(content=None, audio=audio).message
    assert response.message.content[0] == Audio(data=PCM, media_type="audio/pcm")
    assert joined(chunks, TextDelta) == "All aboard!"
    assert types_of(chunks) == ["text_start", *["text_delta"] * 3, "text_end"]


@pytest.mark.parametrize("size", [1, 7, 64])
def test_reads_that_are_cut_change_nothing(size):
    body = b"".join(b"data: %s\n\n" % event for event in sound_events(cut=4, is_padded=True))
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    assert stream_bytes(pieces) == stream_bytes([body])


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"fLaC" + bytes(9), "audio/flac"),
        (b"ID3\x04" + bytes(9), "audio/mpeg"),
        (b"OggS" + bytes(9), "audio/ogg"),
        (b"\xff\xf1P" + bytes(9), "audio/aac"),
        (b"\x1aE\xdf\xa3" + bytes(9), "audio/webm"),
        (b"BM\x00\x00\x00\x00\x00\x00\x00\x00", "audio/pcm"),
        (bytes(9), "audio/pcm"),
    ],
)
def test_the_bytes_show_what_the_sound_is(data, kind):
    response = whole(content=None, audio={"id": "a", "data": b64(data), "transcript": "x"})
    assert response.message.content[0] == Audio(data=data, media_type=kind)


def test_words_that_come_as_content_stay_as_they_are():
    chunks, response = stream(
        [
            delta_event(content="Hi "),
            delta_event(content="you"),
            delta_event(audio={"data": b64(PCM), "id": "audio_1", "expires_at": LATER}),
            STOP,
        ]
    )
    assert response.message.content == [
        Text("Hi you"),
        Audio(data=PCM, media_type="audio/pcm", provider_options=own(expires_at=LATER)),
    ]
    assert joined(chunks, TextDelta) == "Hi you"
    warnings: list[str] = []
    assert write(response.message, warnings=warnings) == [{"role": "assistant", "content": "Hi you"}]
    assert warnings == []


def test_text_sound_and_another_sound_stay_apart():
    _, response = stream(
        [
            delta_event(content="<thi"),
            delta_event(audio={"transcript": "A"}),
            delta_event(audio={"id": "1", "data": b64(PCM)}),
            delta_event(audio={"id": "2", "transcript": "B", "data": b64(WAV)}),
            delta_event(content="end"),
            STOP,
        ]
    )
    names = [type(part).__name__ for part in response.message.content]
    assert names == ["Audio", "Text", "Text", "Audio", "Text", "Text"]
    assert response.text == "<thiABend"
    words = [part for part in response.message.content if isinstance(part, Text) and part.provider_options]
    assert [part.provider_options[KEY]["audio"] for part in words] == [{"id": "1"}, {"id": "2"}]
    assert write(response.message) == [{"role": "assistant", "content": "<thiBend", "audio": {"id": "1"}}]


@pytest.mark.parametrize(
    "audio", [{"data": "", "expires_at": 0, "id": "", "transcript": ""}, {}, [], "odd", {"id": []}]
)
def test_a_field_that_says_nothing_makes_nothing(audio):
    assert whole(content="Hi", audio=audio).message == Message.assistant("Hi")
    assert stream([delta_event(audio=audio), delta_event(content="Hi"), STOP])[1].message == Message.assistant("Hi")


@pytest.mark.parametrize("data", ["*", "QQ==QQ==", "A"])
def test_sound_that_is_no_base64_is_a_warning(data):
    response = whole(content=None, audio={"id": "a", "data": data, "transcript": "x"})
    assert [warning.code for warning in response.warnings] == ["unread_content"]
    assert response.text == "x"


@pytest.mark.parametrize("until", [1e300, -1, "soon", None, True, 2**53])
def test_a_time_that_is_none_is_not_kept(until):
    """A number that no JSON could hold again would break the thread that keeps it."""
    response = whole(content=None, audio={"id": "audio_1", "data": b64(WAV), "expires_at": until, "transcript": "A"})
    assert response.message.content[1] == Text("A", own())
    assert write(response.message)[0]["audio"] == {"id": "audio_1"}


def test_base64_in_lines_is_read():
    text = b64(WAV)
    response = whole(content=None, audio={"data": f"{text[:10]}\r\n{text[10:]}\n"})
    assert response.message.content == [Audio(data=WAV, media_type="audio/wav")]


def test_the_next_turn_names_the_sound_by_its_id():
    said = Message.assistant(Audio(data=WAV, media_type="audio/wav"), Text("All aboard!", own(expires_at=LATER)))
    warnings: list[str] = []
    assert write(said, warnings=warnings) == [{"role": "assistant", "content": None, "audio": {"id": "audio_1"}}]
    assert warnings == []


def test_words_without_the_sound_itself_name_it_as_well():
    assert write(Message.assistant(Text("A", own()))) == [
        {"role": "assistant", "content": None, "audio": {"id": "audio_1"}}
    ]


def test_a_call_beside_the_sound_goes_back_with_it():
    said = Message.assistant(Text("A", own()), ToolCall("c", "f", {}))
    (written,) = write(said)
    assert (written["content"], written["audio"], written["tool_calls"][0]["id"]) == (None, {"id": "audio_1"}, "c")


@pytest.mark.parametrize("left_s", [-1_000_000, -1, 5])
def test_an_id_that_ends_goes_back_as_words(left_s):
    said = Message.assistant(Audio(data=WAV), Text("All aboard!", own(expires_at=int(time.time()) + left_s)))
    warnings: list[str] = []
    assert write(said, warnings=warnings) == [{"role": "assistant", "content": "All aboard!"}]
    assert warnings == []


def test_another_provider_gets_the_words():
    said = Message.assistant(Audio(data=WAV), Text("All aboard!", own(expires_at=LATER)))
    warnings: list[str] = []
    assert write(said, provider="q", warnings=warnings) == [{"role": "assistant", "content": "All aboard!"}]
    assert warnings == ["dropped_part"]


def test_sound_alone_goes_back_by_its_id_and_is_told_where_it_cannot():
    response = whole(content=None, audio={"id": "audio_1", "data": b64(WAV), "expires_at": LATER})
    assert write(response.message)[0]["audio"] == {"id": "audio_1"}
    warnings: list[str] = []
    late = Message.assistant(Audio(data=WAV, provider_options=own(expires_at=1)))
    assert write(late, warnings=warnings) == [{"role": "assistant", "content": ""}]
    assert warnings == ["dropped_part"]


# -- served -----------------------------------------------------------------------------------------------------------

SERVED = ModelResponse(
    message=Message.assistant(Audio(data=WAV, media_type="audio/wav"), Text("All aboard!", own(expires_at=LATER))),
    finish_reason="stop",
    model="m",
    usage=Usage(input_tokens=3, output_tokens=9, audio_output_tokens=7),
)


def test_a_client_of_the_sdk_reads_sound_and_sends_it_back(provider):
    provider.script(reply(render_response(SERVED)))
    with openai.OpenAI(base_url=provider.url, api_key="k", max_retries=0) as client:
        ask: list[Any] = [{"role": "user", "content": "Hi"}]
        completion = client.chat.completions.create(model="m", messages=ask)
        message = completion.choices[0].message
        assert message.content is None
        assert message.audio is not None
        assert (message.audio.data, message.audio.transcript) == (b64(WAV), "All aboard!")
        assert message.audio.expires_at == LATER
        assert completion.usage is not None
        assert completion.usage.completion_tokens_details is not None
        assert completion.usage.completion_tokens_details.audio_tokens == 7
        ask += [{"role": "assistant", "audio": {"id": message.audio.id}}, {"role": "user", "content": "Again"}]
        client.chat.completions.create(model="m", messages=ask)
    back = parse_request(provider.requests[1].body).request.messages[1]
    assert back == Message.assistant(Text("All aboard!", own(expires_at=LATER)))
    assert parse_messages([message.model_dump()])[0] == back


def test_a_client_of_the_sdk_reads_streamed_sound(provider):
    renderer = StreamRenderer(model="m")
    body = renderer.feed(as_chunks(SERVED)) + renderer.finish(SERVED)
    provider.script(stream_reply([body]))
    text, sounds = "", []
    with openai.OpenAI(base_url=provider.url, api_key="k", max_retries=0) as client:
        for event in client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "Hi"}], stream=True
        ):
            for choice in event.choices:
                text += choice.delta.content or ""
                sounds += [choice.delta.audio] if choice.delta.audio else []
    (sound,) = sounds
    assert (text, sound.data, sound.expires_at) == ("All aboard!", b64(WAV), LATER)
    assert sound.transcript == "All aboard!"
    told = {"role": "assistant", "content": text, "audio": {"id": sound.id}}
    assert parse_messages([told])[0] == Message.assistant(Text("All aboard!", own(expires_at=LATER)))


def test_the_streams_of_the_sdk_put_the_sound_together(provider):
    renderer = StreamRenderer(model="m")
    provider.script(stream_reply([renderer.feed(as_chunks(SERVED)) + renderer.finish(SERVED)]))
    ask: list[Any] = [{"role": "user", "content": "Hi"}]
    with (
        openai.OpenAI(base_url=provider.url, api_key="k", max_retries=0) as client,
        client.chat.completions.stream(model="m", messages=ask) as told,
    ):
        message = told.get_final_completion().choices[0].message
    assert message.audio is not None
    assert (message.content, message.audio.transcript, message.audio.data) == ("All aboard!", "All aboard!", b64(WAV))
    assert parse_messages([message.model_dump()])[0] == Message.assistant(Text("All aboard!", own(expires_at=LATER)))


def test_sound_of_another_wire_is_served_as_well():
    marked = Audio(data=WAV, provider_options={"gemini@p": {"thoughtSignature": "QQ=="}})
    response = ModelResponse(message=Message.assistant("Hi", marked), finish_reason="stop")
    message = json.loads(render_response(response))["choices"][0]["message"]
    assert (message["content"], message["audio"]["data"], message["audio"]["transcript"]) == ("Hi", b64(WAV), "")
    assert parse_messages([message])[0] == Message.assistant("Hi")
    alone = ModelResponse(message=Message.assistant(Audio(data=WAV)), finish_reason="stop")
    assert json.loads(render_response(alone))["choices"][0]["message"]["content"] is None


def test_sound_that_is_no_bytes_is_not_served():
    response = ModelResponse(message=Message.assistant("Hi", Audio(url="https://h/a.wav")), finish_reason="stop")
    assert "audio" not in json.loads(render_response(response))["choices"][0]["message"]


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        ({"id": "a"}, Message("assistant", [], provider_options={"openai_chat": {"audio": {"id": "a"}}})),
        (
            {"id": "a", "transcript": "B", "data": "QQ==", "expires_at": 5},
            Message.assistant(Text("B", {"openai_chat": {"audio": {"id": "a", "expires_at": 5}}})),
        ),
        ({"transcript": "B"}, Message.assistant("B")),
        ({}, Message.assistant()),
        ({"id": "turnout.1.W251bGwsW11d"}, Message.assistant()),
        ({"id": "turnout.1.W251bGwsWzFdXQ=="}, Message.assistant()),
    ],
)
def test_a_message_of_a_client_that_names_sound(audio, message):
    assert parse_messages([{"role": "assistant", "audio": audio}]) == [message]


def test_a_plain_id_goes_on_to_whoever_answers():
    (message,) = parse_messages([{"role": "assistant", "audio": {"id": "audio_9"}}])
    assert write(message) == [{"role": "assistant", "content": None, "audio": {"id": "audio_9"}}]
    (message,) = parse_messages([{"role": "assistant", "content": "A", "audio": {"id": "audio_9"}}], provider="p")
    assert write(message) == [{"role": "assistant", "content": "A", "audio": {"id": "audio_9"}}]
    assert write(message, provider="q") == [{"role": "assistant", "content": "A"}]


def test_sound_of_a_client_that_is_no_object_is_refused():
    with pytest.raises(InvalidInputError, match=r"messages\[0\]\.audio is a str: give a dict"):
        parse_messages([{"role": "assistant", "audio": "a"}])


# -- the whole way ----------------------------------------------------------------------------------------------------


async def test_an_agent_keeps_the_sound_in_its_thread(provider, tmp_path):
    events = [b"data: %s\n\n" % event for event in sound_events(cut=5, is_padded=True)]
    provider.script(stream_reply(events), reply(render_response(SERVED)))
    agent = Agent(
        model=ModelConfig(id="m", url=provider.url, api_key="k"),
        memory=Memory(SQLiteStore(tmp_path / "t.db")),
        provider_options={"*": {"modalities": ["text", "audio"], "audio": {"voice": "cedar", "format": "pcm16"}}},
    )
    first = await agent.stream("Speak", thread="t").result()
    assert first.text == "All aboard!"
    assert [part.data for part in first.messages[-1].content if isinstance(part, Audio)] == [PCM]
    await agent.generate("Again", thread="t")
    one, two = [msgspec.json.decode(request.body) for request in provider.requests]
    assert one["audio"] == {"voice": "cedar", "format": "pcm16"}
    assert (one["modalities"], one["stream"]) == (["text", "audio"], True)
    assert two["messages"][1] == {"role": "assistant", "content": None, "audio": {"id": "audio_1"}}


async def test_a_model_that_takes_no_sound_goes_on_with_the_words(provider):
    provider.script(reply(render_response(SERVED)))
    speaker = ModelConfig(id="m", url=provider.url, api_key="k")
    agent = Agent(model=speaker, memory=Memory(InMemoryStore()))
    await agent.generate("Speak", thread="t")
    result = await agent.generate("Again", thread="t", model="ovhcloud/gpt-oss-120b")
    assert result.response.warnings == []
    said = msgspec.json.decode(provider.requests[1].body)["messages"][1]
    assert said == {"role": "assistant", "content": "All aboard!"}
