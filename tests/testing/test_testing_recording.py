"""Recording and replay: no secrets in the file, pieces in their order, and an error that shows the difference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from provider import KEY, Exchange, Provider, answer, error, reply, stream
from turnout.agent.runtime import make_runtime
from turnout.call import Answer, Call, open_stream, send
from turnout.errors import RateLimitError, TruncatedStreamError
from turnout.messages import Message
from turnout.requests import ModelRequest, ModelSettings
from turnout.routing import read_model
from turnout.testing import Recorder, RecordingError, Replayer, cassette
from turnout.transport.http import HTTPTransport
from turnout.transport.seam import HTTPRequest, Transport

MODEL = "ovhcloud/gpt-oss-120b"


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "calls" / "a.jsonl"


def call(text: str = "Hi", *, streams: bool = False, **settings: Any) -> Call:
    request = ModelRequest(messages=[Message.user(text)], stream=streams, settings=ModelSettings(**settings))
    return Call(request=request, candidates=read_model(MODEL), max_retries=0)


async def ask(transport: Transport, text: str = "Hi", **settings: Any) -> Answer:
    return await send(call(text, **settings), make_runtime(transport))


async def ask_streamed(transport: Transport) -> tuple[list[object], str]:
    running = await open_stream(call(streams=True), make_runtime(transport))
    batches: list[object] = []
    while batch := await running.next_batch():
        batches.append(batch)
    return batches, running.text


async def test_what_was_recorded_is_replayed_without_the_server(provider: Provider, file: Path) -> None:
    provider.script(reply(x_request_id="r-1"), error(429, "slow", retry_after="7"), stream())
    recorder = Recorder(file)
    whole = await ask(recorder)
    with pytest.raises(RateLimitError):
        await ask(recorder, "again")
    batches, text = await ask_streamed(recorder)

    replayer = Replayer(file)
    replayed = await ask(replayer)
    assert (replayed.response.raw, replayed.response.request_id) == (whole.response.raw, "r-1")
    assert replayed.cost == whole.cost
    with pytest.raises(RateLimitError) as caught:
        await ask(replayer, "again")
    assert caught.value.retry_after_s == 7
    assert (await ask_streamed(replayer))[1] == text
    assert [chunk for batch in (await ask_streamed_again(file)) for chunk in batch] == [
        chunk
        for batch in batches
        for chunk in batch  # type: ignore[attr-defined]
    ]
    assert len(provider.requests) == 3


async def ask_streamed_again(file: Path) -> list[Any]:
    return (await ask_streamed(Replayer(file)))[0]


async def test_no_secret_is_in_the_file(provider: Provider, file: Path) -> None:
    planted = "sk-somebody-elses-key-123456"

    async def play(exchange: Exchange) -> None:
        data = json.dumps(answer(f"your key is {KEY}, mine is {planted}")).encode()
        told = {"set_cookie": "session=secret-cookie", "x_api_key": KEY, "openai_organization": "org-secret"}
        kept = {"x_ratelimit_remaining_tokens": "5", "x_note": f"for {KEY}"}
        await exchange.head(200, content_length=str(len(data)), **told, **kept)
        await exchange.send(data)

    provider.script(play)
    await ask(Recorder(file), f"I am {planted}")
    text = read(file)
    for secret in (KEY, planted, "secret-cookie", "org-secret", "authorization", "user-agent"):
        assert secret not in text
    taped = json.loads(text)
    assert taped["answer"]["headers"]["x-ratelimit-remaining-tokens"] == "5"
    assert taped["answer"]["headers"]["x-note"] == "for [redacted]"
    replayed = await ask(Replayer(file), f"I am {planted}")  # secrets are equal to one another
    assert replayed.response.text == "your key is [redacted], mine is [redacted]"


async def test_a_secret_across_two_pieces_is_found(provider: Provider, file: Path) -> None:
    async def play(exchange: Exchange) -> None:
        await exchange.head(200, transfer_encoding="chunked")
        for piece in (b'{"a": "' + KEY[:9].encode(), KEY[9:].encode() + b'"}'):
            await exchange.chunked(piece)
        await exchange.end()

    provider.script(play)
    http = await Recorder(file, HTTPTransport()).send(
        HTTPRequest(
            method="POST", url=f"{provider.url}/x?key={KEY}", headers={"authorization": f"Bearer {KEY}"}, body=b"x"
        )
    )
    while await http.receive():
        pass
    assert KEY[9:] not in read(file)


async def test_equal_json_is_equal_however_it_is_spelled(file: Path) -> None:
    recorded = {"method": "POST", "url": "http://x/v1", "json": {"b": [1, 2], "a": "é"}}
    write(file, json.dumps({"request": recorded, "answer": {"status": 200, "headers": {}, "texts": ["ok"]}}))
    request = HTTPRequest(method="POST", url="http://x/v1", headers={}, body=b'{"a":"\\u00e9", "b":[1,2]}')
    assert await (await Replayer(file).send(request)).read() == b"ok"


async def test_the_error_of_a_new_request_shows_what_differs(provider: Provider, file: Path) -> None:
    recorder = Recorder(file)
    await ask(recorder, "Hi", temperature=0.5)
    await ask(recorder, "Something else")
    with pytest.raises(RecordingError, match="no such request: record it with cassette") as caught:
        await ask(Replayer(file), "Hi", temperature=0.7)
    lines = [line.replace(" ", "") for line in str(caught.value).splitlines()]
    assert '-"temperature":0.5' in lines
    assert '+"temperature":0.7' in lines
    replayer = Replayer(file)
    await ask(replayer, "Something else")
    with pytest.raises(RecordingError, match="has this request once, and it is made once more"):
        await ask(replayer, "Something else")
    assert len(provider.requests) == 2


async def test_a_cassette_plays_what_it_knows_and_records_the_rest(provider: Provider, file: Path) -> None:
    await ask(cassette(file), "one")
    await ask(cassette(file), "one")
    assert len(provider.requests) == 1
    tape = cassette(file)
    await ask(tape, "one")
    await ask(tape, "two")
    assert len(provider.requests) == 2
    await ask(cassette(file, "replay"), "two")
    await ask(cassette(file, "record"), "three")
    assert len(provider.requests) == 3
    assert len(read(file).splitlines()) == 1


async def test_several_answers_to_one_request_come_in_order(provider: Provider, file: Path) -> None:
    provider.script(reply(answer("first")), reply(answer("second")))
    recorder = Recorder(file)
    await ask(recorder)
    await ask(recorder)
    replayer = Replayer(file)
    assert [(await ask(replayer)).response.text for _ in range(2)] == ["first", "second"]


async def test_a_stream_that_was_left_ends_where_its_reader_left(provider: Provider, file: Path) -> None:
    provider.script(stream(pause_s=0.02))
    running = await open_stream(call(streams=True), make_runtime(Recorder(file)))
    await running.next_batch()
    running.close()
    assert json.loads(read(file))["answer"]["is_whole"] is False
    with pytest.raises(TruncatedStreamError, match="the recording ends here"):
        await ask_streamed(Replayer(file))


async def test_bytes_that_are_no_text_are_kept(provider: Provider, file: Path) -> None:
    provider.script(reply(b"\x00\xff\xfe", content_type="audio/mpeg"))
    request = HTTPRequest(method="POST", url=f"{provider.url}/speech", headers={}, body=b"\xff\x00")
    recorder = Recorder(file)
    http = await recorder.send(request)
    assert await http.read() == b"\x00\xff\xfe"
    http.close()
    http = await Replayer(file).send(request)
    assert await http.read() == b"\x00\xff\xfe"
    http.close()


async def test_a_line_cut_by_a_kill_is_left_out_and_written_over(provider: Provider, file: Path) -> None:
    await ask(Recorder(file))
    whole = read(file)
    write(file, whole + whole[:40])
    await ask(Replayer(file))
    await ask(Recorder(file), "two")
    lines = read(file).splitlines()
    assert len(lines) == 3
    with pytest.raises(RecordingError, match="line 2"):  # what is damaged in the middle is nobody's last line
        Replayer(file)


async def test_files_that_cannot_be_read_or_written(provider: Provider, tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot be read"):
        Replayer(tmp_path / "none.jsonl")
    with pytest.raises(RecordingError, match="cannot be written"):
        await ask(Recorder(tmp_path))  # a folder
    with pytest.raises(RecordingError, match="cannot be emptied"):
        cassette(tmp_path, "record")
    with pytest.raises(RecordingError, match="mode='play': give"):
        cassette(tmp_path / "x.jsonl", "play")  # type: ignore[arg-type]
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(RecordingError, match="has no calls"):
        await ask(Replayer(tmp_path / "empty.jsonl"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full disk")
async def test_a_full_disk_is_told(provider: Provider, tmp_path: Path) -> None:
    (tmp_path / "full.jsonl").symlink_to("/dev/full")
    with pytest.raises(RecordingError, match="make room"):
        await ask(Recorder(tmp_path / "full.jsonl"))
