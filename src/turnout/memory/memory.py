"""`Memory`: which store keeps the threads of an agent, and how much of a thread is sent."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from turnout.errors import InvalidInputError
from turnout.memory.summaries import Extension, extend_summary, read_summarizer
from turnout.memory.trimming import Limits, Window, find_start, keep_newest, pair_calls
from turnout.messages import Message
from turnout.responses import Warning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.memory.store import History, Store, ThreadInfo
    from turnout.memory.summaries import Summarizer, SupportsGenerate

LAST_MESSAGES = 40
"""How many messages are sent as they are where there is a summary and no limit is named."""

_FIRST_PAGE = 64


class Recalled(Struct, frozen=True):
    """What is sent of a thread before the new messages, oldest first, and what the caller should know."""

    messages: list[Message]
    warnings: list[Warning] = []


class Memory:
    """Keeps the threads of agents: ``Agent(model=…, memory=Memory(last_messages=20))``.

    `store` is a `Store`; without one it is the SQLite file that all agents of the user share (`SQLiteStore()`).
    Everything is kept; the limits say what is sent with the next call. `last_messages` is a number of messages,
    `max_tokens` a number of input tokens (`turnout.tokens.estimate_tokens`); both may be given. With neither, all is
    sent. A cut never parts a tool call from its result, and what remains begins with a message of the user.

    `summary` puts a summary in the place of what the limits leave out (without one, of all but the last 40 messages).
    It is an `Agent`, or an async function from a list of messages to text. It is stored, and made anew when the
    messages after it outgrow the limits; then it covers all but half of them. If it fails, the call goes on without,
    with a warning. Raises `InvalidInputError` for arguments that make no sense.
    """

    def __init__(
        self,
        store: Store | None = None,
        *,
        last_messages: int | None = None,
        max_tokens: int | None = None,
        summary: Summarizer | SupportsGenerate | None = None,
    ) -> None:
        for name, value in (("last_messages", last_messages), ("max_tokens", max_tokens)):
            if value is not None and (type(value) is not int or value < 1):
                raise InvalidInputError(f"{name} is {value!r}: give a number of 1 or more, or None for no limit")
        if summary is not None and last_messages is None and max_tokens is None:
            last_messages = LAST_MESSAGES
        self._store = store
        self._limits = Limits(last_messages, max_tokens)
        self._summarize = None if summary is None else read_summarizer(summary)

    @property
    def store(self) -> Store:
        """The store that keeps the threads."""
        return self._store or default_store()

    async def recall(self, agent_id: str, thread: str) -> Recalled:
        """Return what goes before the new messages of a call.

        Where not even the newest message is within the limits, nothing does, and a warning says so. Raises
        `ThreadStoreError` where the store cannot be read.
        """
        if self._summarize is not None:
            return await self._recall_summarized(agent_id, thread, self._summarize)
        history, window = await self._load_window(agent_id, thread)
        if not window.messages and pair_calls(history.messages):
            return Recalled([], [_warn_of_cut(history, self._limits)])
        return Recalled(window.messages)

    async def remember(
        self, agent_id: str, thread: str, messages: Sequence[Message], *, provider: str | None = None
    ) -> None:
        """Add the messages of a finished step to a thread, all or none of them; system messages are not kept.

        `provider` is who made the assistant's messages: parts that only it understands go to no other. Raises
        `ThreadStoreError` where the store cannot be written.
        """
        kept = [_sign(message, provider) for message in messages if message.role != "system"]
        if kept:
            await self.store.append(agent_id, thread, kept)

    async def forget(self, agent_id: str, thread: str) -> bool:
        """Delete a thread; tell whether there was one."""
        return await self.store.delete(agent_id, thread)

    async def list_threads(self, agent_id: str | None = None) -> list[ThreadInfo]:
        """Return the threads of an agent, or of all, the one that was written last first."""
        return await self.store.list_threads(agent_id)

    async def _load_window(self, agent_id: str, thread: str) -> tuple[History, Window]:
        last, limits = None, self._limits
        if limits != Limits():
            last = _FIRST_PAGE if limits.last_messages is None else limits.last_messages + 16
        while True:
            history = await self.store.load(agent_id, thread, last=last)
            window = keep_newest(pair_calls(history.messages), limits)
            if last is None or not history.before or window.is_settled:
                return history, window
            last *= 4

    async def _recall_summarized(self, agent_id: str, thread: str, summarize: Summarizer) -> Recalled:
        limits = self._limits
        history = await self.store.load(agent_id, thread, after_summary=True)
        state = Extension(history.summary.text if history.summary else None, 0)
        rest = history.messages
        left = limits.without(state.head)
        if find_start(rest, left) > 0:
            cut = find_start(rest, left.halved())
            if cut == len(rest):  # the last turn alone is over half of the limits
                cut = find_start(rest, left)
            save = partial(self.store.save_summary, agent_id, thread)
            state = await extend_summary(summarize, history, rest[:cut], limits, save)
        head = state.head
        window = keep_newest(pair_calls(rest[state.done :]), limits.without(head), has_head=bool(head))
        return Recalled([*head, *window.messages], state.warnings)


@lru_cache(maxsize=1)
def default_store() -> Store:
    """Return the store of memories that name none: the SQLite file in the user's data folder."""
    from turnout.memory.sqlite import SQLiteStore

    return SQLiteStore()


def _sign(message: Message, provider: str | None) -> Message:
    if provider is None or message.role != "assistant" or message.provider is not None:
        return message
    return msgspec.structs.replace(message, provider=provider)


def _warn_of_cut(history: History, limits: Limits) -> Warning:
    most = f"{limits.max_tokens:,} tokens" if limits.max_tokens else f"{limits.last_messages:,} messages"
    return Warning(
        "trimmed_history",
        f"of {history.length:,} messages of the thread none was sent: the newest turn alone is over {most}: raise the"
        " limit of Memory(…), or use Memory(summary=…)",
    )
