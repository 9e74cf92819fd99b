"""The images and the sound that a task is given, read from files and URLs: its endpoints take bytes alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import structs

from turnout.agent.inputs import load_messages
from turnout.call.media import FetchedMedia
from turnout.errors import InvalidInputError, TurnoutError
from turnout.messages import Media, Message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnout.media import MediaLimits
    from turnout.transport.seam import Transport

_M = TypeVar("_M", bound=Media)


def read_part(value: object, kind: type[_M], name: str) -> _M:
    """Return `value` (bytes, a path, a URL, or the part itself) as a part. Raises `InvalidInputError` with `name`."""
    if isinstance(value, kind):
        return value
    if isinstance(value, Media):
        raise InvalidInputError(f"{name}= is a part of another kind: give {kind.__name__}(…) in place of {value!r}")
    try:
        return kind(value)  # pyright: ignore[reportArgumentType] - it tells what it does not take
    except TypeError as error:
        raise InvalidInputError(f"{name}= cannot be read: {error}") from None


async def load_parts(
    parts: Mapping[str, _M], transport: Transport, limits: MediaLimits | Mapping[str, Any] | None
) -> list[_M]:
    """Return `parts` with the bytes of their files and URLs in them; each goes by the name of its argument.

    Raises `InvalidInputError`, which begins with that name, for what cannot be read or fetched.
    """
    try:
        [message] = await load_messages([Message("user", list(parts.values()))], limits)  # pyright: ignore[reportArgumentType] - each is a part
    except InvalidInputError as error:
        raise InvalidInputError(_rename(error.message, list(parts))) from None
    loaded: list[Any] = list(message.content)
    fetched = FetchedMedia(limits)
    await fetched.load([part.url for part in loaded if part.is_remote], transport)
    return [_place(part, fetched, name) for name, part in zip(parts, loaded, strict=True)]


def _place(part: _M, fetched: FetchedMedia, name: str) -> _M:
    if not part.is_remote:
        return part
    try:
        found = fetched.find(part.url or "")
    except TurnoutError as error:
        raise InvalidInputError(f"{name}: {error.message}", url=error.url) from error
    return structs.replace(part, url=None, data=found.data, media_type=part.media_type or found.media_type)


def _rename(message: str, names: list[str]) -> str:
    """Return the message of an error with the name of the argument in the place of that of a part."""
    for at, name in enumerate(names):
        message = message.replace(f"messages[0].content[{at}]", name)
    return message
