"""The parser of AWS's event stream: botocore's own messages, botocore's reader, any pieces, any damage."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.errors import MalformedStreamError
from turnout.transport.event_stream import EventStreamParser, read_headers

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "event_stream_vectors.json").read_text("utf-8"))
PRELUDE = 12


def parse(*pieces: bytes, **options: int) -> list[tuple[str, bytes]]:
    parser = EventStreamParser(**options)
    events = [event for piece in pieces for event in parser.feed(piece)]
    return [(event.event, event.data) for event in (*events, *parser.close())]


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def write_text_header(name: str, value: str) -> bytes:
    named, told = name.encode(), value.encode()
    return bytes([len(named)]) + named + b"\x07" + struct.pack(">H", len(told)) + told


def frame(payload: bytes = b"", headers: bytes = b"", **texts: str) -> bytes:
    """Write a message; `texts` are headers whose names begin with a colon, such as ``event_type="x"``."""
    headers += b"".join([write_text_header(f":{name.replace('_', '-')}", value) for name, value in texts.items()])
    prelude = struct.pack(">II", PRELUDE + len(headers) + len(payload) + 4, len(headers))
    message = prelude + struct.pack(">I", crc32(prelude)) + headers + payload
    return message + struct.pack(">I", crc32(message))


def block_of(message: bytes) -> bytes:
    return message[PRELUDE : PRELUDE + int.from_bytes(message[4:8], "big")]


@pytest.mark.parametrize("vector", VECTORS["good"], ids=lambda vector: vector["name"])
def test_a_good_message_of_botocore_is_read_in_any_pieces(vector) -> None:
    message = bytes.fromhex(vector["message"])
    expected = {
        name: bytes.fromhex(value["hex"]) if isinstance(value, dict) else value
        for name, value in vector["headers"].items()
    }
    assert read_headers(block_of(message)) == expected
    told = parse(message)
    if expected.get(":message-type") == "error":
        assert [(kind, json.loads(data)) for kind, data in told] == [("error", {"message": "message", "code": "code"})]
    else:
        assert told == [(expected.get(":event-type", "message"), bytes.fromhex(vector["payload"]))]
    assert parse(*cut(message, 1)) == parse(*cut(message, 7)) == told


def test_all_good_messages_of_botocore_in_one_stream() -> None:
    messages = [bytes.fromhex(vector["message"]) for vector in VECTORS["good"]]
    expected = [event for message in messages for event in parse(message)]
    assert parse(b"".join(messages)) == parse(*cut(b"".join(messages), 5)) == expected


@pytest.mark.parametrize("vector", VECTORS["bad"], ids=lambda vector: vector["name"])
def test_a_bad_message_of_botocore_is_refused_in_any_pieces(vector) -> None:
    message = bytes.fromhex(vector["message"])
    for pieces in ([message], cut(message, 1)):
        with pytest.raises(MalformedStreamError, match="try again"):
            parse(*pieces)


def test_a_message_of_more_than_24_mebibytes_is_refused_before_it_has_come() -> None:
    # botocore's own vector, whose payload would be 24 MiB and one byte
    with pytest.raises(MalformedStreamError, match="longer than 16777216 bytes"):
        parse(bytes.fromhex("0180002100000000dd3f33b1"))


def test_a_message_is_refused_above_the_limit_and_read_at_it() -> None:
    message = frame(b"x" * 84)
    assert parse(message, max_event_bytes=100) == [("message", b"x" * 84)]
    with pytest.raises(MalformedStreamError, match="longer than 99 bytes"):
        parse(message[:PRELUDE], max_event_bytes=99)


@pytest.mark.parametrize("total", [0, 1, 15])
def test_lengths_that_cannot_be_are_refused_though_their_checksum_is_right(total) -> None:
    prelude = struct.pack(">II", total, 0)
    with pytest.raises(MalformedStreamError, match="cannot be"):
        parse(prelude + struct.pack(">I", crc32(prelude)))


def test_headers_of_more_than_128_kibibytes_are_refused() -> None:
    with pytest.raises(MalformedStreamError, match="cannot be"):
        parse(frame(headers=b"\x01a\x06\xff\xff" + bytes(65535) + b"\x01b\x06\xff\xff" + bytes(65535)))


@pytest.mark.parametrize(
    "block",
    [
        b"\x05a",  # the name breaks off
        b"\x01a",  # no type
        b"\x01a\x0a",  # no such type
        b"\x01a\x07\x00",  # the length breaks off
        b"\x01a\x07\x00\x05abc",  # the text breaks off
        b"\x01a\x04\x00\x00",  # the number breaks off
        b"\x01a\x09123",  # the UUID breaks off
        b"\x01\xff\x00",  # the name is no UTF-8
        b"\x01a\x07\x00\x01\xff",  # the text is no UTF-8
        b"\x01a\x00\x01a\x00",  # twice
    ],
)
def test_headers_that_cannot_be_read_are_refused(block) -> None:
    with pytest.raises(MalformedStreamError):
        read_headers(block)
    with pytest.raises(MalformedStreamError):
        parse(frame(b"{}", block))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            frame(b'{"message": "slow down"}', message_type="exception", exception_type="throttlingException"),
            {"message": "slow down", "code": "throttlingException"},
        ),
        (
            frame(b'{"originalStatusCode": 500}', message_type="exception", exception_type="modelStreamErrorException"),
            {"originalStatusCode": 500, "code": "modelStreamErrorException"},
        ),
        (frame(b"plain \xff", message_type="exception", exception_type="x"), {"message": "plain \ufffd", "code": "x"}),
        (frame(b"[" * 5000, message_type="exception"), {"message": "[" * 5000, "code": "error"}),
        (frame(b"", message_type="exception", exception_type="x"), {"code": "x"}),
        (frame(b"", message_type="error", error_code="InternalError"), {"code": "InternalError"}),
        (frame(b"", message_type="error"), {"code": "error"}),
    ],
)
def test_exceptions_and_errors_are_error_events_with_code_and_message(message, expected) -> None:
    ((kind, data),) = parse(message)
    assert kind == "error"
    assert json.loads(data) == expected


def test_an_event_without_a_type_of_its_own_is_a_message() -> None:
    typeless = frame(b"a", b"\x0b:event-type\x04\x00\x00\x00\x01")
    assert parse(frame(b"a", event_type=""), typeless, frame(b"b", event_type="x")) == [
        ("message", b"a"),
        ("message", b"a"),
        ("x", b"b"),
    ]


def test_a_message_that_is_cut_is_dropped_and_the_parser_is_empty_then() -> None:
    parser = EventStreamParser()
    assert parser.feed(frame(b"a")[:-1]) == []
    assert parser.close() == []
    assert [event.data for event in parser.feed(frame(b"b"))] == [b"b"]


def test_what_came_before_damage_is_given_first() -> None:
    for end in (lambda parser: parser.feed(b""), lambda parser: parser.close()):
        parser = EventStreamParser()
        assert [event.data for event in parser.feed(frame(b"a") + frame(b"b") + b"damage" * 3)] == [b"a", b"b"]
        with pytest.raises(MalformedStreamError):
            end(parser)
        assert [event.data for event in parser.feed(frame(b"c"))] == [b"c"]


def test_the_parser_is_empty_after_an_error() -> None:
    parser = EventStreamParser()
    damaged = bytearray(frame(b"abc"))
    damaged[-5] ^= 1
    with pytest.raises(MalformedStreamError, match="checksum of a message is wrong"):
        parser.feed(bytes(damaged) + frame(b"lost"))
    assert [event.data for event in parser.feed(frame(b"b"))] == [b"b"]


HEADERS = st.dictionaries(st.text(max_size=10), st.text(max_size=10), max_size=4)


@settings(max_examples=200, deadline=None)
@given(messages=st.lists(st.tuples(HEADERS, st.binary(max_size=60)), max_size=5), size=st.integers(1, 50))
def test_botocore_reads_the_same(messages, size) -> None:
    written = [frame(data, b"".join(map(write_text_header, texts, texts.values()))) for texts, data in messages]
    theirs = EventStreamBuffer()
    theirs.add_data(b"".join(written))
    read = list(theirs)
    assert [read_headers(block_of(message)) for message in written] == [message.headers for message in read]
    told = parse(*cut(b"".join(written), size))
    assert [data for _, data in told] == [message.payload for message in read]


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=200), place=st.integers(0, 400), size=st.integers(1, 60))
def test_any_bytes_are_read_or_refused(data, place, size) -> None:
    whole = frame(b'{"a": 1}', event_type="x") + frame(data, data[:20])
    for body in (data, bytes(whole[:place]) + data + bytes(whole[place:])):
        try:
            parse(*cut(body, size))
        except MalformedStreamError:
            continue


def test_small_pieces_of_a_large_message_take_linear_time_and_little_memory() -> None:
    message = frame(b"x" * 1_000_000)
    assert parse(*cut(message, 10)) == [("message", b"x" * 1_000_000)]
