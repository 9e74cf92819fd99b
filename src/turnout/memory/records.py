"""A message as a store keeps it: JSON, and the number of the format that it is written in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from turnout.errors import InvalidInputError, ThreadStoreError
from turnout.memory.store import History, Summary
from turnout.messages import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMAT = 1
"""The format that is written. A field that is added with a default needs no new number, a new kind of part does."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Message)


def encode_message(message: Message) -> bytes:
    """Return `message` as JSON, bytes as base64. Raises `InvalidInputError` where it holds what JSON cannot."""
    if not isinstance(message, Message):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidInputError(f"a {type(message).__name__} is no message of a thread: give `Message` objects")
    try:
        data = _encoder.encode(message)
        _decoder.decode(data)  # what cannot be read again must not be written: it would lock the thread
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidInputError(
            f"a message of the {message.role} cannot be stored: {error}: give parts that JSON can hold"
        ) from error
    return data


def decode_message(number: int, data: bytes | memoryview) -> Message:
    """Return the message that `data` holds in format `number`. Raises `ThreadStoreError` where it cannot be read."""
    if number > FORMAT:
        raise ThreadStoreError(
            f"the thread was written by a later turnout (format {number}, this one reads {FORMAT}): "
            "update with `pip install -U turnout`"
        )
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
        raise ThreadStoreError(
            f"a message of the thread cannot be read ({error}): delete the thread, or update turnout if a later "
            "version wrote it"
        ) from error


def make_history(thread: Sequence[Any], newest_first: Sequence[tuple[int, bytes]]) -> History:
    """Return what a database holds of a thread: its row (id, length, summary, how far that goes), and its messages."""
    thread_id, length, text, upto = thread
    return History(
        messages=[decode_message(number, body) for number, body in reversed(newest_first)],
        length=length,
        summary=None if text is None else Summary(text=text, upto=upto, thread_id=thread_id),
        thread_id=thread_id,
    )
