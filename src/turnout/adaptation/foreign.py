"""Parts of a history that only their own provider understands, or not even the model that made them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from turnout.messages import Audio, Image, Media, Message, Part, Reasoning, ServerTool, Video

if TYPE_CHECKING:
    from turnout.routing.features import Feature
    from turnout.routing.route import Route

_NEEDS: dict[type[Part], Feature] = {Image: "image", Audio: "audio", Video: "video"}


def leave_out_foreign(messages: list[Message], provider: str) -> list[Message]:
    """Return `messages` without the parts that only another provider than `provider` understands.

    These are its reasoning, the records of tools that it ran itself, and media that it made. Whose a message is, its
    `provider` tells, and that of a reasoning its own; what is nobody's stays. A message with nothing left is left out.
    Where nothing is to be left out, it is the list that was given.
    """
    kept: list[Message] = []
    has_changed = False
    for message in messages:
        rest = _without_foreign(message, provider)
        if rest is not None:
            kept.append(rest)
        has_changed = has_changed or rest is not message
    return kept if has_changed else messages


def leave_out_untaken(messages: list[Message], route: Route) -> list[Message]:
    """Return `messages` without the media made by a model that the one of `route` does not take, says the catalog.

    A model that speaks need not hear. Media in a message that is nobody's stay, for the caller put them there. Where
    nothing is to be left out, it is the list that was given.
    """
    facts = route.facts
    if facts is None:
        return messages
    from turnout.routing.features import lacks  # here: most calls have no media

    untaken = tuple([kind for kind, need in _NEEDS.items() if lacks(need, facts, route.quirks)])
    kept: list[Message] = []
    has_changed = False
    for message in messages:
        is_made = message.role == "assistant" and message.provider is not None
        rest = [part for part in message.content if not isinstance(part, untaken)] if is_made else message.content
        if len(rest) == len(message.content):
            kept.append(message)
            continue
        has_changed = True
        if rest:
            kept.append(msgspec.structs.replace(message, content=rest))
    return kept if has_changed else messages


def _without_foreign(message: Message, provider: str) -> Message | None:
    if message.role != "assistant":
        return message
    kept = [part for part in message.content if not _is_foreign(part, message.provider, provider)]
    if len(kept) == len(message.content):
        return message
    return msgspec.structs.replace(message, content=kept) if kept else None


def _is_foreign(part: Part, maker: str | None, provider: str) -> bool:
    if isinstance(part, Reasoning):
        return (part.provider or maker or provider) != provider
    return isinstance(part, (ServerTool, Media)) and (maker or provider) != provider
