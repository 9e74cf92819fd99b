"""A guard that returns a message that is none of the assistant's, or holds no parts, is named."""

from __future__ import annotations

from typing import Any

import pytest

from turnout.errors import InvalidInputError
from turnout.guards import GuardContext, check_input, check_output
from turnout.messages import Message, Text

CONTEXT = GuardContext(agent_id="a", model="m")


class Says:
    def __init__(self, verdict: Any) -> None:
        self.verdict = verdict

    def check_input(self, messages: object, context: object) -> Any:
        return self.verdict

    def check_output(self, message: object, context: object) -> Any:
        return self.verdict


@pytest.mark.parametrize(
    ("verdict", "problem"),
    [
        (Message.user("x"), "check_output of Says returned a message of the user: return one of the assistant"),
        (Message("assistant", ["x"]), "check_output of Says returned a message that holds a str"),  # type: ignore[list-item]
        (Message("assistant", [5, Text("x")]), "a message that holds a int"),  # type: ignore[list-item]
    ],
)
async def test_an_odd_message_is_refused(verdict: Message, problem: str) -> None:
    with pytest.raises(InvalidInputError, match=problem):
        await check_output([Says(verdict)], Message.assistant("y"), CONTEXT)


async def test_odd_messages_of_the_input_are_refused() -> None:
    odd = Message("user", ["x"])  # type: ignore[list-item]
    with pytest.raises(InvalidInputError, match="check_input of Says returned a message that holds a str"):
        await check_input([Says([odd])], [Message.user("y")], CONTEXT)


async def test_proper_verdicts_pass() -> None:
    message = Message.assistant("x")
    assert await check_output([Says(message)], Message.assistant("y"), CONTEXT) is message
    assert await check_input([Says([Message.user("x")])], [Message.user("y")], CONTEXT) == [Message.user("x")]
