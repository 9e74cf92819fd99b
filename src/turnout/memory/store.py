"""What every store of threads can do, and what it returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from turnout.errors import InvalidInputError
from turnout.messages import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_KEY_BYTES = 1000
"""The length of an agent id, and of a thread, in UTF-8: an index of Postgres holds 2,704 bytes."""


class Summary(Struct, frozen=True, kw_only=True):
    """A text that stands for the first `upto` messages of a thread.

    `thread_id` is the `History.thread_id` of the thread that was read: the summary of a deleted thread is not stored
    with another one of its name.
    """

    text: str
    upto: int
    thread_id: int


class History(Struct, frozen=True, kw_only=True):
    """What a store holds of a thread: the newest of its `length` messages, oldest first, and its summary.

    `thread_id` tells the thread from any other that bore its name before it; 0 where there is none.
    """

    messages: list[Message] = []
    length: int = 0
    summary: Summary | None = None
    thread_id: int = 0

    @property
    def before(self) -> int:
        """How many messages of the thread come before `messages`."""
        return self.length - len(self.messages)


class ThreadInfo(Struct, frozen=True, kw_only=True):
    """One thread of a list: whose it is, its name, how many messages it has, and when it was last written.

    `updated_at` is in seconds since 1970, UTC.
    """

    agent_id: str
    thread: str
    length: int
    updated_at: float


class Store(Protocol):
    """Where threads are kept; safe to use from any number of tasks, event loops, threads and processes at once.

    A thread is named by the agent's id and a name of your own (1,000 bytes of UTF-8 each, no NUL). Every method raises
    `InvalidInputError` for another name, and `ThreadStoreError` where the store cannot be read or written.
    """

    async def append(self, agent_id: str, thread: str, messages: Sequence[Message]) -> int:
        """Add `messages` to the end of a thread, all or none, next to each other; return the thread's new length.

        Once it returns, they are there for good. A call that is cancelled has added all of them or none. Raises
        `InvalidInputError` for a message that JSON cannot hold.
        """
        ...

    async def load(
        self, agent_id: str, thread: str, *, last: int | None = None, after_summary: bool = False
    ) -> History:
        """Return the `last` messages of a thread (all where `None`), as they were at one moment.

        With `after_summary` none is returned that the summary stands for. A thread that does not exist is empty.
        """
        ...

    async def save_summary(self, agent_id: str, thread: str, summary: Summary) -> bool:
        """Keep `summary` in place of one that stands for fewer messages; tell whether it was kept."""
        ...

    async def delete(self, agent_id: str, thread: str) -> bool:
        """Remove a thread with all that belongs to it; tell whether there was one."""
        ...

    async def list_threads(self, agent_id: str | None = None) -> list[ThreadInfo]:
        """Return the threads of an agent, or of all, the one that was written last first."""
        ...

    async def close(self) -> None:
        """Let go of files and connections; the next use opens them again."""
        ...


def check_thread(agent_id: str, thread: str) -> None:
    """Raise `InvalidInputError` where a thread cannot be named so."""
    for what, name in (("the agent's id", agent_id), ("thread", thread)):
        if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidInputError(f'{what} is a {type(name).__name__}: give a string, such as "user-42"')
        if not name or "\0" in name:
            problem = "holds a NUL character" if name else "is empty"
            raise InvalidInputError(f'{what} {problem}: give a string such as "user-42"')
        try:
            size = len(name.encode())
        except UnicodeEncodeError:
            raise InvalidInputError(f"{what} holds half of a surrogate pair: give valid Unicode") from None
        if size > MAX_KEY_BYTES:
            raise InvalidInputError(f"{what} has {size:,} bytes: give one of {MAX_KEY_BYTES:,} at most")


def check_last(last: int | None) -> None:
    """Raise `InvalidInputError` where `last` counts no messages."""
    if last is not None and last < 0:
        raise InvalidInputError(f"last is {last}: give a number of messages, or None for all")
