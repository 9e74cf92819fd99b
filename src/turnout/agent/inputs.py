"""The `messages` argument in all its forms, read at the door into `Message` objects that hold no path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast, get_args

from turnout.errors import InvalidInputError
from turnout.messages import Media, Message, Part, Text, as_parts

if TYPE_CHECKING:
    from turnout.media import MediaLimits

MessagesArgument = str | Message | Part | Sequence[str | Part] | Sequence[Message | Mapping[str, Any]]
"""A string; a list of strings and parts, which is ONE user message; or a list of `Message`s or OpenAI-style dicts."""

_PARTS = get_args(Part)
_ONLY_MESSAGES = {Message}
_FORMS = "give a string, a list of strings and parts (one user message), or a list of messages"


def read_messages(value: object, limits: MediaLimits | Mapping[str, Any] | None = None) -> list[Message]:
    """Read the `messages` argument, and the files that its parts name.

    Raises `InvalidInputError`, which names the item that cannot be read. Files are read here and now: in a coroutine
    await `load_messages`.
    """
    messages = parse_input(value)
    if not _name_files(messages):
        return messages
    from turnout.agent.files import read_files  # here: few messages name files

    return read_files(messages, limits)


async def load_messages(value: object, limits: MediaLimits | Mapping[str, Any] | None = None) -> list[Message]:
    """Do as `read_messages`, with files read in a thread, so that no disk holds up the event loop."""
    messages = parse_input(value)
    if not _name_files(messages):
        return messages
    import asyncio

    from turnout.agent.files import read_files

    return await asyncio.to_thread(read_files, messages, limits)


def parse_input(value: object) -> list[Message]:
    """Read the `messages` argument and leave the files alone. Raises `InvalidInputError`."""
    if type(value) is list and set(map(type, cast("list[Any]", value))) == _ONLY_MESSAGES:
        return list(cast("list[Message]", value))
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


def _name_files(messages: list[Message]) -> bool:
    for message in messages:  # plain loops: every call pays for them
        for part in message.content:
            if type(part) is not Text and isinstance(part, Media) and part.path is not None:
                return True
    return False
