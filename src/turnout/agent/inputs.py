"""The `messages` argument in all its forms, read at the door into `Message` objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args

from turnout.errors import InvalidInputError
from turnout.messages import Message, Part, as_parts

MessagesArgument = str | Message | Part | Sequence[str | Part] | Sequence[Message | Mapping[str, Any]]
"""A string; a list of strings and parts, which is ONE user message; or a list of `Message`s or OpenAI-style dicts."""

_PARTS = get_args(Part)
_FORMS = "give a string, a list of strings and parts (one user message), or a list of messages"


def read_messages(value: object) -> list[Message]:
    """Read the `messages` argument. Raises `InvalidInputError`, which names the item that cannot be read."""
    if isinstance(value, (str, *_PARTS)):
        return [Message.user(cast("str | Part", value))]
    if isinstance(value, (Message, Mapping)):
        return [_read_message(cast("object", value), 0)]
    if not isinstance(value, (list, tuple)):
        raise InvalidInputError(f"messages= is a {type(value).__name__}: {_FORMS}")
    items = cast("Sequence[Any]", value)
    if not items:
        raise InvalidInputError(f"messages= is empty: {_FORMS}")
    if all(isinstance(item, (str, *_PARTS)) for item in items):
        return [Message("user", as_parts(list(items)))]
    return [_read_message(item, index) for index, item in enumerate(items)]


def _read_message(item: object, index: int) -> Message:
    if isinstance(item, Message):
        return item
    if isinstance(item, Mapping):
        from turnout.protocols.openai_chat import parse_messages

        try:
            return parse_messages([cast("Mapping[str, Any]", item)])[0]
        except InvalidInputError as error:
            raise InvalidInputError(str(error).replace("messages[0]", f"messages[{index}]", 1)) from None
    raise InvalidInputError(f"messages[{index}] is a {type(item).__name__} among messages: {_FORMS}")
