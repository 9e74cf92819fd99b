"""Secrets taken out of what is recorded: also those that a name betrays, and those that a stream cuts in two."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Redact = Callable[[bytes], bytes]

HIDDEN = "[redacted]"
_SECRET_NAME = re.compile(r"(?:token|key|secret|password|passwd|authorization|credentials?)$", re.IGNORECASE)
_HARMLESS_NAME = re.compile(r"^(?:prompt_?cache_?key|.*idempotency_?key|.*(?:stop|next|page)_?token)$", re.I)
_MOST_EVENTS = 20_000

Place = tuple[str | int, ...]


def redact_names(value: Any) -> Any:
    """Return JSON `value` without the texts whose names say that they are secret (``api_key``, ``password``)."""
    if isinstance(value, list):
        return [redact_names(item) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    return {
        name: HIDDEN if isinstance(item, str) and item and _is_secret(name) else redact_names(item)
        for name, item in cast("dict[str, Any]", value).items()
    }


def redact_events(body: bytes, redact: Redact) -> bytes:
    """Return the body of a stream of server-sent events without secrets that lie across the texts of its events.

    The texts at one place of the events' JSON are joined and redacted together; where that finds more than each alone,
    the whole joined text goes into the first of them.
    """
    lines = body.split(b"\n")
    events: dict[int, Any] = {}
    for number, line in enumerate(lines):
        if line.startswith(b"data:") and len(events) < _MOST_EVENTS:
            try:
                events[number] = msgspec.json.decode(line[5:])
            except (ValueError, RecursionError):
                continue
    texts: dict[Place, list[tuple[int, str]]] = {}
    for number, event in events.items():
        for place, text in _find_texts(event, ()):
            texts.setdefault(place, []).append((number, text))
    for place, found in texts.items():
        if len({text for _, text in found}) < 2:  # an id, say, which every event repeats
            continue
        whole = "".join(text for _, text in found)
        clean = redact(whole.encode("utf-8", "replace")).decode()
        if clean != "".join(redact(text.encode("utf-8", "replace")).decode() for _, text in found):
            for index, (number, _) in enumerate(found):
                events[number] = _replace(events[number], place, "" if index else clean)
                ending = b"\r" if lines[number].endswith(b"\r") else b""
                lines[number] = b"data: " + msgspec.json.encode(events[number]) + ending
    return b"\n".join(lines)


def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None and _HARMLESS_NAME.match(name) is None


def _find_texts(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for name, item in cast("dict[str, Any]", value).items():
            yield from _find_texts(item, (*place, name))
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[Any]", value)):
            yield from _find_texts(item, (*place, index))


def _replace(value: Any, place: Place, text: str) -> Any:
    if not place:
        return text
    step, *rest = place
    changed = value.copy()
    changed[step] = _replace(value[step], tuple(rest), text)
    return changed
