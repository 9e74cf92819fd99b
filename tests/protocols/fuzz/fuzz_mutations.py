"""Bodies, streams and frames, broken: at random, by the rules of JSON, of server-sent events, of AWS's frames."""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Callable
from random import Random
from typing import Any
from zlib import crc32

from fuzz_corpus import FRAMED, SECRET, Seed, split_frames

_TOKENS = [
    *[b"null", b"[]", b"{}", b"1e999", b"-1", b"true", b"NaN", b"-Infinity", b'"', b"[", b"{", b"]", b"}", b",", b":"],
    *[b'"\\ud800"', b'"\\udc00\\ud800"', b"\\", b"\\u", b"\x00", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf"],
    *[b"\r", b"\n", b"\r\n", b"\n\n", b"data:", b"data: ", b"event: error\n", b"data: [DONE]\n\n", b":", b"id: 1\n"],
    *[b"9" * 400, b"9" * 5000, b"0.1e-999", b"-0.0", b"18446744073709551616", SECRET.encode()],
]
_VALUES: list[Any] = [
    *[None, True, False, 0, -1, 1, 3.5, -0.0, 1e308, 2**31, 2**63, 2**64, 10**400, -(10**30), 1e-320],
    *[float("nan"), float("inf"), float("-inf"), "", " ", "0", "1", "\x00", "\ud800", "\udfff\ud800", "🚂", "a" * 3000],
    *["null", "{}", "[]", "{", "data:image/png;base64,AA", "https://h/a", "image/png", "error", "[DONE]", SECRET],
    *[[], {}, [None], [[]], [{}], {"": ""}, {"type": None}, [1, "a"], {"a": {"a": {}}}],
]
_DUPLICATE = "\x00again:"
"""Marks a key that is to be written twice, which no dict can hold."""

_MOST_BYTES = 60_000


def mutate(seed: Seed, protocol: str, others: tuple[Seed, ...], chance: Random) -> bytes:
    """Return the bytes of `seed`, broken in one to four ways."""
    data = seed.data
    is_framed = seed.kind == "stream" and protocol in FRAMED
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 4))):
        by_bytes = chance.random() < (0.4 if seed.kind == "stream" else 0.2)
        if by_bytes:
            data = break_bytes(data, others, chance)
        elif is_framed:
            data = break_frames(data, chance)
        elif seed.kind == "stream":
            data = break_events(data, chance)
        else:
            data = break_json(data, chance)
        data = data[:_MOST_BYTES]
    return data


def break_bytes(data: bytes, others: tuple[Seed, ...], chance: Random) -> bytes:
    """Return `data` with bits flipped, a span cut, repeated or put in, or glued to a piece of another seed."""
    made = bytearray(data)
    at = chance.randrange(len(made) + 1)
    span = chance.choice((1, 2, 8, 64, 512))
    kind = chance.randrange(7)
    if kind == 0 and made:
        for _ in range(chance.randint(1, 8)):
            made[chance.randrange(len(made))] ^= 1 << chance.randrange(8)
    elif kind == 1:
        del made[at:]
    elif kind == 2:
        del made[at : at + span]
    elif kind == 3:
        made[at:at] = made[at : at + span] * chance.choice((1, 1, 2, 50))
    elif kind == 4:
        made[at:at] = chance.choice(_TOKENS)
    elif kind == 5:
        other = chance.choice(others).data
        made[at:] = other[chance.randrange(len(other)) :]
    else:
        made[at : at + span] = chance.randbytes(chance.choice((1, 2, 8)))
    return bytes(made)


def break_json(data: bytes, chance: Random) -> bytes:
    """Return JSON with one of its values changed; bytes that are no JSON get a token."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        at = chance.randrange(len(data) + 1)
        return data[:at] + chance.choice(_TOKENS) + data[at:]
    return write_json(break_value(value, chance), chance)


def write_json(value: Any, chance: Random) -> bytes:
    """Write JSON as no honest server would: NaN, lone surrogates (escaped, or as bytes that are not UTF-8)."""
    try:
        told = json.dumps(value, ensure_ascii=chance.random() < 0.5)
    except RecursionError:
        return b"[" * 5000
    return told.replace(json.dumps(_DUPLICATE)[1:-1], "").encode("utf-8", "surrogatepass")


def break_value(value: Any, chance: Random) -> Any:
    """Return `value` with one place in it changed."""
    holder, key = _choose_place({"": value}, chance)
    change: Callable[[dict[str, Any] | list[Any], Any, Random], None] = chance.choice(_CHANGES)
    root = {"": value} if holder is None else None
    change(root if holder is None else holder, key, chance)  # pyright: ignore[reportArgumentType]
    return value if root is None else root.get("")


def _choose_place(root: dict[str, Any], chance: Random) -> tuple[Any, Any]:
    """Return a container and a key in it, chosen by a walk from the top; `None` and a key for the top itself."""
    holder: Any = root
    key: Any = ""
    while True:
        value = holder[key]
        if not isinstance(value, (dict, list)) or not value or chance.random() < 0.12:
            return (None if holder is root else holder), key
        keys: Any = list(value) if isinstance(value, dict) else range(len(value))
        holder, key = value, chance.choice(keys)


def _replace(holder: Any, key: Any, chance: Random) -> None:
    holder[key] = chance.choice(_VALUES)


def _swap_type(holder: Any, key: Any, chance: Random) -> None:
    value = holder[key]
    as_number = float(value) if isinstance(value, (int, bool)) and abs(value) < 2**60 else len(repr(value))
    holder[key] = chance.choice([[value], {"text": value}, json.dumps(value, default=str), as_number, bool(value)])


def _remove(holder: Any, key: Any, chance: Random) -> None:
    del holder[key]


def _repeat(holder: Any, key: Any, chance: Random) -> None:
    if isinstance(holder, list):
        holder[key:key] = [holder[key]] * chance.choice((1, 2, 100))
    else:
        holder[f"{_DUPLICATE}{key}"] = chance.choice([holder[key], None, "x", {}])


def _nest(holder: Any, key: Any, chance: Random) -> None:
    value = holder[key]
    wrap = chance.choice((lambda inner: [inner], lambda inner: {"content": inner}, lambda inner: {key: inner}))
    for _ in range(chance.choice((1, 2, 50, 150))):
        value = wrap(value)
    holder[key] = value


def _rename(holder: Any, key: Any, chance: Random) -> None:
    if isinstance(holder, dict):
        value = holder.pop(key)
        names = [*holder, key.upper(), "error", "type", "index", "message", "id", "content", ""]
        holder[chance.choice(names)] = value


def _swap(holder: Any, key: Any, chance: Random) -> None:
    other = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    holder[key], holder[other] = holder[other], holder[key]


def _edit(holder: Any, key: Any, chance: Random) -> None:
    value = holder[key]
    if isinstance(value, str):
        at = chance.randrange(len(value) + 1)
        piece = chance.choice(["", "\ud83d", "\x00", '"', "\\", "<think>", "</think>", "{", value, "世"])
        holder[key] = chance.choice([value[:at], value[at:], value[:at] + piece + value[at:]])
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        holder[key] = chance.choice([-value, value + 1, 10**19, -1, 1e300, str(value)])
    else:
        holder[key] = chance.choice(_VALUES)


_CHANGES = [_replace, _replace, _swap_type, _remove, _repeat, _nest, _rename, _swap, _edit, _edit]


def break_events(data: bytes, chance: Random) -> bytes:
    """Return server-sent events out of order, dropped, doubled, renamed, with broken data or other line ends."""
    events = re.split(rb"\r?\n\r?\n", data)
    ends_as = b"\n\n"
    kind = chance.randrange(9)
    at = chance.randrange(len(events))
    if kind in (0, 1, 2):
        lines = [
            line[: line.find(b"{")] + break_json(line[line.find(b"{") :], chance)
            if line.startswith(b"data:") and b"{" in line
            else line
            for line in events[at].split(b"\n")
        ]
        events[at] = b"\n".join(lines)
    elif kind == 3:
        events[at] = chance.choice([b"event: error\n", b"event: x\n", b"id: 1\n", b": hi\n", b"data:\n"]) + events[at]
    elif kind == 4:
        ends_as = chance.choice([b"\r\n\r\n", b"\r\r", b"\n\r\n", b"\n\n: ping\n\n", b"\n"])
    elif kind == 5:
        events[at] = re.sub(rb", ", b",\ndata: ", events[at])
    else:
        _move(events, at, chance)
    return ends_as.join(events)


def _move(items: list[Any], at: int, chance: Random) -> None:
    """Drop an item, or the rest, or double, move, or shuffle."""
    kind = chance.randrange(6)
    if kind == 0:
        del items[at]
    elif kind == 1:
        del items[at:]
    elif kind == 2:
        items[at:at] = [items[at]] * chance.choice((1, 1, 5))
    elif kind == 3:
        items.insert(chance.randrange(len(items)), items.pop(at))
    elif kind == 4:
        chance.shuffle(items)
    else:
        items += items[at:]


def break_frames(data: bytes, chance: Random) -> bytes:
    """Return frames of AWS with right checksums, whose payloads, headers or order are broken."""
    try:
        frames = split_frames(data)
    except struct.error:
        return data[1:]
    if not frames:
        return b"\x00" + data
    at = chance.randrange(len(frames))
    headers, payload = frames[at]
    kind = chance.randrange(4)
    if kind < 2:
        frames[at] = headers, _break_payload(payload, chance)
    elif kind == 2:
        words = [(b":event-type", b":error-code"), (b"\x05event", b"\x05error"), (b"\x07\x00", b"\x06\x00")]
        words += [(b"json", b"\xff\xff\xff\xff"), (b":message-type", b":event-typexyz"), (b"\x00", b"\x01")]
        frames[at] = headers.replace(*chance.choice(words), 1), payload
    else:
        _move(frames, at, chance)
    return b"".join([write_frame(*frame) for frame in frames])


def _break_payload(payload: bytes, chance: Random) -> bytes:
    found = re.fullmatch(rb'\{"bytes": ?"([A-Za-z0-9+/=]*)"\}', payload)
    if found is None or chance.random() < 0.2:
        return break_json(payload, chance)
    try:
        inner = break_json(base64.b64decode(found[1]), chance)
    except ValueError:  # broken already
        return payload[1:]
    return b'{"bytes": "' + base64.b64encode(inner) + b'"}'


def write_frame(headers: bytes, payload: bytes) -> bytes:
    """Return a frame with right lengths and checksums."""
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", crc32(prelude)) + headers + payload
    return message + struct.pack(">I", crc32(message))
