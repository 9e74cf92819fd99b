"""The event stream parser: the whole grammar, in any pieces, in linear time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.errors import MalformedStreamError
from turnout.transport.sse import Event, SSEParser

END = object()


def parse(*pieces: bytes, **options: int) -> list[tuple[str, bytes]]:
    parser = SSEParser(**options)
    events = [event for piece in pieces for event in parser.feed(piece)]
    return [(event.event, event.data) for event in (*events, *parser.close())]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", []),
        (b"data: a\n\n", [("message", b"a")]),
        (b"data: a\n\ndata: b\n\n", [("message", b"a"), ("message", b"b")]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [("message", b"a"), ("message", b"b")]),
        (b"data: a\r\rdata: b\r\r", [("message", b"a"), ("message", b"b")]),
        (b"data: a\r\n\ndata: b\n\r\n", [("message", b"a"), ("message", b"b")]),
        (b"data:a\n\n", [("message", b"a")]),
        (b"data:  a \n\n", [("message", b" a ")]),
        (b"data: a\ndata: b\ndata:\ndata: c\n\n", [("message", b"a\nb\n\nc")]),
        (b"event: ping\ndata: a\n\n", [("ping", b"a")]),
        (b"data: a\nevent:ping\n\n", [("ping", b"a")]),
        (b"event: ping\nevent: pong\ndata: a\n\n", [("pong", b"a")]),
        (b"event: ping\nevent\ndata: a\n\n", [("message", b"a")]),
        (b"event: p\xff\ndata: a\n\n", [("p\ufffd", b"a")]),
        (b"event: ping\n\ndata: a\n\n", [("message", b"a")]),
        (b": comment\n\ndata: a\n\n", [("message", b"a")]),
        (b": OPENROUTER PROCESSING\n: again\ndata: a\n:\n\n", [("message", b"a")]),
        (b"id: 7\nretry: 10\ndata: a\nid\n\n", [("message", b"a")]),
        (b"data\n\n", []),
        (b"data:\n\n", []),
        (b"data: \n\n", []),
        (b"data\ndata\n\n", [("message", b"\n")]),
        (b"dataset: a\n\ndata : a\n\n Data: a\n\n", []),
        (b"\n\n\n\n\ndata: a\n\n\n\n\ndata: b\n\n\n", [("message", b"a"), ("message", b"b")]),
        (b"\xef\xbb\xbfdata: a\n\n", [("message", b"a")]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", []),
        (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [("message", b"a")]),
        (b"\xef\xbb", []),
        (b"data: a", [("message", b"a")]),
        (b"data: a\n", [("message", b"a")]),
        (b"data: a\n\ndata: b\nevent: x", [("message", b"a"), ("x", b"b")]),
        (b"data: a:b: c\n\n", [("message", b"a:b: c")]),
        ('data: {"t": "é\u2028"}\n\n'.encode(), [("message", '{"t": "é\u2028"}'.encode())]),
    ],
)
def test_the_grammar_in_one_piece_in_bytes_and_cut_anywhere(text, expected) -> None:
    assert parse(text) == expected
    assert parse(*(text[place : place + 1] for place in range(len(text)))) == expected
    assert all(parse(text[:place], text[place:]) == expected for place in range(len(text)))
    assert all(parse(text[:place], b"", text[place:]) == expected for place in range(len(text)))


LINES = st.lists(
    st.sampled_from(
        [b"data: a", b"data:b", b"data", b"event: x", b"event", b":", b"", b"", b"", b"id: 1", b"\xef\xbb\xbf"]
    )
    | st.binary(max_size=4),
    max_size=20,
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(st.data(), LINES)
@settings(max_examples=300, deadline=None)
def test_any_cut_gives_the_same_events(data, lines) -> None:
    text = b"".join(line + data.draw(ENDS) for line in lines)
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0, *places], [*places, None], strict=True)]
    assert parse(*pieces) == parse(text) == read_by_lines(text)


def read_by_lines(text: bytes) -> list[tuple[str, bytes]]:
    """The specification's own algorithm, line by line."""
    events: list[tuple[str, bytes]] = []
    name, values = "message", []
    lines = text.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    for line in (*lines, b""):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            values.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace") or "message"
        elif not line:
            if b"\n".join(values):
                events.append((name, b"\n".join(values)))
            name, values = "message", []
    return events


def test_events_come_as_soon_as_their_blank_line() -> None:
    parser = SSEParser()
    assert parser.feed(b"data: a\r\n\r") == [Event(b"a")]
    assert parser.feed(b"\ndata: b\n") == []
    assert parser.feed(b": keep-alive\n") == []
    assert parser.feed(b"\n: comment\n\nevent: x\ndata: c\n\nda") == [Event(b"b"), Event(b"c", "x")]
    assert parser.feed(b"ta: d\n\n") == [Event(b"d")]
    assert parser.close() == []


def test_close_leaves_the_parser_empty() -> None:
    parser = SSEParser()
    assert parser.feed(b"data: a") == []
    assert parser.close() == [Event(b"a")]
    assert parser.close() == []


@pytest.mark.parametrize(
    "pieces",
    [
        [b"data: " + b"x" * 2000],
        [b"data: " + b"x" * 2000 + b"\n\n"],
        [b"data: a\n\ndata: " + b"x" * 2000 + b"\n\ndata: b\n\n"],
        [b"data: "] + [b"x" * 10] * 200,
        [b"data: a\n"] * 200,
        [b"data: ", b"x" * 2000 + b"\n\n"],
    ],
)
def test_an_event_above_the_limit_is_refused(pieces) -> None:
    with pytest.raises(MalformedStreamError, match="longer than 1000 bytes"):
        parse(*pieces, max_event_bytes=1000)


def test_many_small_events_in_one_piece_may_exceed_the_limit_together() -> None:
    assert len(parse(b"data: a\n\n" * 1000, max_event_bytes=1000)) == 1000
    assert len(parse(b"da", b"ta: a\n\n" * 1 + b"data: a\n\n" * 999 + b"data: b", max_event_bytes=1000)) == 1001


class Watched(bytearray):
    """A buffer that counts the bytes of itself that are looked at when it is searched, cut or copied as a whole."""

    looked_at = 0


def watch(name: str) -> None:
    method = getattr(bytearray, name, None)

    def count(self: Watched, *arguments: object) -> object:
        Watched.looked_at += len(self)
        return bytes(memoryview(self)) if method is None else method(self, *arguments)

    setattr(Watched, name, count)


for name in ("__bytes__", "__contains__", "__getitem__", "__iter__", "__add__", "__eq__", "copy", "count", "decode"):
    watch(name)
for name in ("find", "index", "join", "partition", "replace", "rfind", "rpartition", "split", "splitlines", "strip"):
    watch(name)


@pytest.mark.parametrize("size", [1, 16, 1024])
def test_work_grows_with_the_bytes_and_not_with_their_square(size) -> None:
    """Were the buffer looked at once a read, 5000 reads would look at 2500 times what they bring."""
    parser = SSEParser()
    parser.feed(b"data: ")
    parser._buffer = Watched(parser._buffer)
    Watched.looked_at = 0
    for _ in range(5000):
        parser.feed(b"x" * size)
    [event] = parser.feed(b"\n\n")
    assert event.data == b"x" * 5000 * size
    assert 0 < Watched.looked_at < 4 * 5000 * (size + 1)
