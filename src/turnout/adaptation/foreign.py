"""Parts of a history that only their own provider understands."""

from __future__ import annotations

import msgspec

from turnout.messages import Media, Message, Part, Reasoning, ServerTool


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
