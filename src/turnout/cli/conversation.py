"""A conversation on the terminal: a prompt, an answer, and so on, with everything said before."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from turnout.cli.answer import ask
from turnout.cli.terminal import print_error, say
from turnout.errors import TurnoutError
from turnout.messages import Message

if TYPE_CHECKING:
    from turnout.agent.agent import Agent
    from turnout.cli.answer import Screen

PROMPT = "> "
HELP = "Ctrl-C stops an answer, /clear forgets what was said, /exit or Ctrl-D leaves"


def converse(agent: Agent, label: str, screen: Screen, *, is_streamed: bool) -> None:
    """Talk until the user leaves. An answer that fails or is stopped does not end the conversation."""
    with contextlib.suppress(ImportError):  # Windows has none
        import_module("readline")  # input() then edits lines and remembers them
    say(f"talking with {label} (/help tells how, Ctrl-D leaves)")
    history: list[Message] = []
    with asyncio.Runner() as runner:  # its Ctrl-C cancels the answer, which closes its connection
        while (line := _read_line()) is not None:
            match line.strip():
                case "":
                    continue
                case "/exit" | "/quit":
                    return
                case "/clear":
                    history = []
                    say("forgotten")
                case "/help" | "/?":
                    say(HELP)
                case _:
                    history = _answer(runner, agent, [*history, Message.user(line)], screen, is_streamed=is_streamed)


def _answer(
    runner: asyncio.Runner, agent: Agent, asked: list[Message], screen: Screen, *, is_streamed: bool
) -> list[Message]:
    """Show the answer to `asked` and return the conversation after it.

    A stopped answer stays in it as far as it came; a question that failed, or got no word for an answer, does not.
    """
    screen.text = ""
    try:
        result = runner.run(ask(agent, asked, screen=screen, is_streamed=is_streamed))
    except KeyboardInterrupt:
        screen.break_off()
        say("stopped")
        return [*asked, Message.assistant(screen.text)] if screen.text else asked[:-1]
    except TurnoutError as error:
        screen.end()
        print_error(str(error))
    else:
        screen.sum_up(result)
        return result.messages
    return asked[:-1]


def _read_line() -> str | None:
    """Return the next line; `None` when the user leaves: with Ctrl-D, or with Ctrl-C twice."""
    try:
        return _ask_for_line()
    except KeyboardInterrupt:  # the second one, while the first was being answered
        return None


def _ask_for_line() -> str | None:
    was_interrupted = False
    while True:
        try:
            if sys.stdout.isatty():
                return input(PROMPT)
            sys.stderr.write(PROMPT)
            sys.stderr.flush()
            return input()
        except EOFError:
            say("")
            return None
        except KeyboardInterrupt:
            say("")
            if was_interrupted:
                return None
            was_interrupted = True
            say("Ctrl-C again, or Ctrl-D, leaves")
