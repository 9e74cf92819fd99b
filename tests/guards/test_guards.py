"""Guards in a row: what they may change, block or ask for, and how they meet a stream."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from turnout.errors import BlockedError, InvalidInputError
from turnout.guards import (
    Block,
    GuardContext,
    RedactPII,
    Retry,
    check_input,
    check_output,
    open_gate,
    read_guards,
    retry_text,
)
from turnout.messages import Message, Text, ToolCall

CONTEXT = GuardContext(agent_id="a", model="m")


class Says:
    """A guard that says the same of everything."""

    def __init__(self, verdict: object) -> None:
        self.verdict = verdict

    def check_input(self, messages: Sequence[Message], context: GuardContext) -> object:
        return self.verdict

    def check_output(self, message: Message, context: GuardContext) -> object:
        return self.verdict


class SaysLater(Says):
    async def check_input(self, messages: Sequence[Message], context: GuardContext) -> object:
        return self.verdict

    async def check_output(self, message: Message, context: GuardContext) -> object:
        return self.verdict


class Shouts:
    """An output guard with a filter."""

    def check_output(self, message: Message, context: GuardContext) -> str:
        return message.text.upper()

    def open_filter(self, context: GuardContext) -> Shouts:
        return self

    def feed(self, text: str) -> str:
        return text.upper()

    def flush(self) -> str:
        return "!"


@pytest.mark.parametrize("kind", [Says, SaysLater])
async def test_input_is_passed_changed_or_blocked(kind: type[Says]) -> None:
    said, other = [Message.user("Hi")], [Message.user("Ho")]
    assert await check_input([kind(None)], said, CONTEXT) == said
    assert await check_input([kind(other), kind(None)], said, CONTEXT) == other
    with pytest.raises(BlockedError, match=f"{kind.__name__} blocked the input: rude"):
        await check_input([kind(Block("rude"))], said, CONTEXT)


@pytest.mark.parametrize("kind", [Says, SaysLater])
async def test_output_is_passed_changed_blocked_or_asked_for_again(kind: type[Says]) -> None:
    call = ToolCall("c", "f", {})
    said = Message.assistant("Hi", call, "there")
    assert await check_output([kind(None)], said, CONTEXT) is said
    changed = await check_output([kind("Ho")], said, CONTEXT)
    assert changed == Message.assistant("Ho", call)
    assert await check_output([kind("Ho")], Message.assistant(call), CONTEXT) == Message.assistant("Ho", call)
    other = Message.assistant("other")
    assert await check_output([kind(other)], said, CONTEXT) is other
    retry = Retry("too short")
    assert await check_output([kind(None), kind(retry), kind(Block("late"))], said, CONTEXT) is retry
    with pytest.raises(BlockedError, match="blocked the output: rude"):
        await check_output([kind(Block("rude"))], said, CONTEXT)
    assert "too short" in retry_text(retry)


@pytest.mark.parametrize("verdict", ["text", 5, [1], Retry("no")])
async def test_an_input_verdict_that_is_none(verdict: object) -> None:
    with pytest.raises(InvalidInputError, match=r"check_input of Says returned a .*Block\(reason\), or None"):
        await check_input([Says(verdict)], [Message.user("Hi")], CONTEXT)


async def test_an_output_verdict_that_is_none() -> None:
    with pytest.raises(InvalidInputError, match="check_output of Says returned a int"):
        await check_output([Says(5)], Message.assistant("Hi"), CONTEXT)


async def test_a_guard_may_look_at_one_side_only() -> None:
    shouts = Shouts()
    said = [Message.user("Hi")]
    assert await check_input([shouts], said, CONTEXT) == said
    assert (await check_output([shouts], Message.assistant("Hi"), CONTEXT)).text == "HI"  # type: ignore[union-attr]


def test_what_is_read_as_guards() -> None:
    shouts = Shouts()
    assert read_guards(None) == ()
    assert read_guards(shouts) == (shouts,)
    assert read_guards([shouts, Says(None)])[0] is shouts
    for value, what in ((print, "a builtin_function"), (Shouts, "Shouts"), (["x"], "a str")):
        with pytest.raises(InvalidInputError, match=f"guards= has {what}"):
            read_guards(value)


def test_a_stream_is_filtered_where_all_can_and_held_where_one_cannot() -> None:
    class InputOnly:
        def check_input(self, messages: Sequence[Message], context: GuardContext) -> None: ...

    assert open_gate([], CONTEXT) is None
    assert open_gate([InputOnly()], CONTEXT) is None
    held = open_gate([Shouts(), Says(None)], CONTEXT)
    assert held is not None
    assert held.holds
    gate = open_gate([Shouts(), InputOnly(), RedactPII()], CONTEXT)
    assert gate is not None
    assert not gate.holds
    shown = gate.feed("write hello a@") + gate.feed("b.com")
    assert shown == "WRITE HELLO"
    assert shown + gate.flush() == "WRITE HELLO [email]!"


async def test_what_the_gate_lets_out_is_what_the_check_makes() -> None:
    text = "Call +33 6 12 34 56 78 now"
    guards = [RedactPII(), RedactPII(["email"])]
    gate = open_gate(guards, CONTEXT)
    assert gate is not None
    shown = "".join(gate.feed(letter) for letter in text) + gate.flush()
    checked = await check_output(guards, Message("assistant", [Text(text)]), CONTEXT)
    assert isinstance(checked, Message)
    assert shown == checked.text == "Call [phone] now"
