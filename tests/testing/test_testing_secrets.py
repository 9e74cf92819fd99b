"""Recordings hide what a stream cuts in two and what a name betrays; a blocked network blocks the older look-ups."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest

from turnout.testing import NetworkBlockedError, block_network
from turnout.testing.tape import redact, taped_request, write_answer
from turnout.transport.seam import HTTPRequest

KEY = "own-secret-0123456789"


def event(text: str, number: int = 0) -> bytes:
    return b"data: " + json.dumps({"id": "hf-1234", "n": number, "choices": [{"delta": {"content": text}}]}).encode()


def texts(body: bytes) -> list[str]:
    lines = [line[5:] for line in body.splitlines() if line.startswith(b"data:") and b"DONE" not in line]
    return [json.loads(line)["choices"][0]["delta"]["content"] for line in lines]


def record(body: bytes, *secrets: str) -> bytes:
    middle = len(body) // 2
    return b"".join(write_answer(200, {}, [body[:middle], body[middle:]], secrets, is_whole=True).pieces())


@pytest.mark.parametrize("ending", [b"\n\n", b"\r\n\r\n"])
@pytest.mark.parametrize("key", [KEY, "sk-abcdefghijklmnopqrstuvwx"])
def test_a_key_in_two_events_does_not_survive(key: str, ending: bytes) -> None:
    pieces = ["Your key: ", key[:8], key[8:15], key[15:], " keep it"]
    events = [event(text, number) for number, text in enumerate(pieces)]
    kept = record(ending.join([*events, b": comment", b"data: [DONE]", b""]), KEY)
    assert "".join(texts(kept)) == "Your key: [redacted] keep it"
    assert kept.count(b"data:") == 6
    assert b'"n":4' in kept
    assert b"hf-1234" in kept


def test_a_stream_without_secrets_is_kept_to_the_letter() -> None:
    body = b"\n\n".join([event("Hello "), event("world"), b"data: {broken", b"data: [DONE]", b""])
    assert record(body, KEY) == body


def test_values_with_secret_names_are_hidden_in_requests() -> None:
    body: dict[str, Any] = {
        "max_tokens": 5,
        "prompt_cache_key": "chat-1",
        "tools": [{"function": {"parameters": {"properties": {"token": {"type": "string"}}}}}],
        "extra": {"api_key": "abc", "accessToken": "def", "list": [{"password": "ghi", "authorization": "jkl"}]},
        "client_secret": "",
    }
    taped = taped_request(HTTPRequest(method="POST", url="http://h/v1", headers={}, body=json.dumps(body).encode()), [])
    hidden = "[redacted]"
    extra = {"api_key": hidden, "accessToken": hidden, "list": [{"password": hidden, "authorization": hidden}]}
    assert taped.json == {**body, "extra": extra}
    assert redact(b"x", []) == b"x"


@pytest.mark.parametrize(
    "look_up",
    [
        lambda: socket.gethostbyname("example.com"),
        lambda: socket.gethostbyname_ex("example.com"),
        lambda: socket.gethostbyaddr("192.0.2.1"),
        lambda: socket.getnameinfo(("192.0.2.1", 80), 0),
    ],
)
def test_older_look_ups_are_blocked(look_up: Callable[[], object]) -> None:
    with block_network(), pytest.raises(NetworkBlockedError, match="was tried while the network is blocked"):
        look_up()


def test_this_machine_is_looked_up_and_all_is_restored() -> None:
    before = (socket.gethostbyname, socket.gethostbyaddr, socket.getnameinfo, socket.gethostbyname_ex)
    with block_network():
        assert socket.gethostbyname("127.0.0.1") == "127.0.0.1"
        assert socket.getnameinfo(("127.0.0.1", 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)[1] == "80"
    assert before == (socket.gethostbyname, socket.gethostbyaddr, socket.getnameinfo, socket.gethostbyname_ex)


def test_an_allowed_name_may_be_reached_after_an_older_look_up() -> None:
    with block_network(allow=["127.0.0.1"]):
        assert socket.gethostbyname("127.0.0.1") == "127.0.0.1"
        assert socket.gethostbyname_ex("127.0.0.1")[2] == ["127.0.0.1"]
