"""Which messages of a thread are sent: pure functions that never part a tool call from its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from turnout.messages import Message, Part, Reasoning, ToolCall, ToolResult
from turnout.tokens import estimate_message_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence


class Limits(Struct, frozen=True):
    """How much of a thread is sent: messages, tokens (estimated), or both; `None` is no limit."""

    last_messages: int | None = None
    max_tokens: int | None = None

    def allows(self, count: int, tokens: int) -> bool:
        """Tell whether so many messages, and so many tokens, are within the limits."""
        return (self.last_messages is None or count <= self.last_messages) and (
            self.max_tokens is None or tokens <= self.max_tokens
        )

    def without(self, messages: Sequence[Message]) -> Limits:
        """Return what is left of the tokens beside `messages`."""
        if self.max_tokens is None:
            return self
        return Limits(self.last_messages, self.max_tokens - sum(map(estimate_message_tokens, messages)))

    def halved(self) -> Limits:
        """Return half of the limits, and one message at least."""
        count, tokens = self.last_messages, self.max_tokens
        return Limits(None if count is None else max(1, count // 2), None if tokens is None else tokens // 2)


class Window(Struct, frozen=True):
    """The newest messages that are within the limits; `is_settled` where older ones could not change them."""

    messages: list[Message]
    is_settled: bool


def pair_calls(messages: Sequence[Message]) -> list[Message]:
    """Return `messages` as providers take them: each tool call followed by its result, and none without the other.

    A result answers the latest unanswered call with its id (some providers use an id again and again). Results that
    stand elsewhere, because another run wrote in between, move behind their call. Results without a call, and calls
    without a result, are left out, and a message of which nothing but reasoning would remain, too.
    """
    pairing = _Pairing(messages)
    if not pairing.has_calls:
        return list(messages)
    paired: list[Message] = []
    for index, message in enumerate(messages):
        said = pairing.without_lost(index, message)
        if said is not None:
            paired.append(said)
        paired += pairing.answers_to(index)
    return paired


def safe_cuts(messages: Sequence[Message]) -> list[bool]:
    """Return for each index from 0 to ``len(messages)`` whether a cut before it leaves every call with its result."""
    depth = [0] * (len(messages) + 2)
    for call, answer in _Pairing(messages).pairs:
        depth[call + 1] += 1
        depth[answer + 1] -= 1
    cuts: list[bool] = []
    opened = 0
    for index in range(len(messages) + 1):
        opened += depth[index]
        cuts.append(opened == 0)
    return cuts


def find_start(messages: Sequence[Message], limits: Limits, lowest: int = 0) -> int:
    """Return the lowest safe cut from `lowest` on behind which everything is within `limits`."""
    cuts = safe_cuts(messages)
    start, tokens = len(messages), 0
    for index in range(len(messages) - 1, lowest - 1, -1):
        tokens += estimate_message_tokens(messages[index])
        if not limits.allows(len(messages) - index, tokens):
            break
        if cuts[index]:
            start = index
    return start


def keep_newest(messages: Sequence[Message], limits: Limits, *, has_head: bool = False) -> Window:
    """Return the newest of `messages` (as `pair_calls` returns them) that are within `limits`.

    Where something is cut off, what remains begins with a message of the user, as several providers demand, unless
    `has_head`: something else goes before it. Of a turn that is longer than the limits, its user message and its
    newest steps remain.
    """
    start = find_start(messages, limits)
    if start == 0 or has_head:
        return Window(list(messages[start:]), start > 0)
    cuts = safe_cuts(messages)
    users = [index for index, message in enumerate(messages) if message.role == "user"]
    opening = next((index for index in users if index >= start and cuts[index]), None)
    if opening is not None:
        return Window(list(messages[opening:]), is_settled=True)
    if not users:
        return Window(list(messages[start:]), is_settled=False)
    return Window(_keep_steps(messages, users[-1], limits), is_settled=True)


def _keep_steps(messages: Sequence[Message], user: int, limits: Limits) -> list[Message]:
    opening = messages[user]
    left = limits.without([opening])
    if left.last_messages is not None:
        left = Limits(left.last_messages - 1, left.max_tokens)
    start = find_start(messages, left, user + 1)
    return [] if start == len(messages) else [opening, *messages[start:]]


class _Pairing:
    """Which result answers which call: `pairs` holds the indices of their messages, the call's first."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.pairs: list[tuple[int, int]] = []
        self.has_calls = False
        self._messages = messages
        self._answered: set[tuple[int, int]] = set()
        self._answers: dict[int, list[tuple[int, ToolResult]]] = {}
        waiting: dict[str, list[tuple[int, int]]] = {}
        for index, message in enumerate(messages):
            for number, part in enumerate(message.content):
                if isinstance(part, ToolCall):
                    self.has_calls = True
                    waiting.setdefault(part.id, []).append((index, number))
                elif isinstance(part, ToolResult):
                    self.has_calls = True
                    self._match(index, part, waiting.get(part.call_id))

    def _match(self, index: int, result: ToolResult, calls: list[tuple[int, int]] | None) -> None:
        if not calls or calls[-1][0] == index:  # no message answers itself
            return
        call = calls.pop()
        self._answered.add(call)
        self.pairs.append((call[0], index))
        self._answers.setdefault(call[0], []).append((index, result))

    def without_lost(self, index: int, message: Message) -> Message | None:
        """Return the message without results, which come behind their calls, and without unanswered calls."""
        kept = [
            part
            for number, part in enumerate(message.content)
            if not isinstance(part, (ToolCall, ToolResult)) or (index, number) in self._answered
        ]
        if len(kept) == len(message.content):
            return message
        if message.role == "tool" or all(isinstance(part, Reasoning) for part in kept):
            return None
        return msgspec.structs.replace(message, content=kept)

    def answers_to(self, index: int) -> list[Message]:
        """Return the messages with the results of the calls of message `index`."""
        by_source: dict[int, list[Part]] = {}
        for source, result in self._answers.get(index, []):
            by_source.setdefault(source, []).append(result)
        answers: list[Message] = []
        for source, results in by_source.items():
            message = self._messages[source]
            is_whole = message.role == "tool" and len(results) == len(message.content)
            answers.append(message if is_whole else Message("tool", results))
        return answers
