"""One answer on the terminal: asked for, shown as it comes, and summed up."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from turnout.chunks import ReasoningDelta, RefusalDelta, Start, TextDelta, ToolCallEnd
from turnout.cli.report import describe_result
from turnout.cli.terminal import is_colourful, say, write_aside, write_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnout.agent.agent import Agent
    from turnout.agent.result import Result
    from turnout.chunks import Chunk
    from turnout.messages import Message
    from turnout.responses import Warning

_THINKING = "thinking ..."
_ERASE = "\r\x1b[K"


class Screen:
    """Shows answers: text to stdout; reasoning (when asked for), warnings and the last line to stderr."""

    def __init__(self, *, shows_reasoning: bool = False, shows_summary: bool = True) -> None:
        self._shows_reasoning = shows_reasoning
        self._shows_summary = shows_summary
        self._warned: set[Warning] = set()
        self._is_thinking = False
        self._last = "\n"
        self._last_aside = "\n"
        self.text = ""
        """The text of the answer so far."""

    def show(self, chunk: Chunk) -> None:
        """Show what `chunk` brings."""
        match chunk:
            case TextDelta(text=text) if text:
                self._write(text)
            case ReasoningDelta(text=text) if text:
                self._think(text)
            case RefusalDelta(text=text):
                self._aside(text)
            case ToolCallEnd(call=call):
                arguments = ", ".join(f"{name}={value!r}" for name, value in call.arguments.items())
                self._tell(f"the model asks for the tool {call.name}({arguments})")
            case Start(warnings=warnings):
                self.text = ""
                self._warn(warnings)
            case _:
                pass

    def end(self) -> None:
        """Finish the line that the answer is in, whether it ended or broke off."""
        self._stop_thinking()
        for last, write in ((self._last, write_text), (self._last_aside, write_aside)):
            if last != "\n":
                write("\n")
        self._last = self._last_aside = "\n"

    def break_off(self) -> None:
        """Finish the line of an answer that Ctrl-C stopped: the terminal has written ``^C`` in it."""
        if sys.stderr.isatty():
            self._stop_thinking()
            self._last, self._last_aside = "\n", "^C"
        self.end()

    def sum_up(self, result: Result) -> None:
        """Show what there is to know about the whole answer."""
        self.end()
        self._warn(result.warnings)
        if self._shows_summary:
            say(describe_result(result))

    def _write(self, text: str) -> None:
        self._stop_thinking()
        if self._last_aside != "\n":
            self._aside("\n")
        write_text(text)
        self.text += text
        self._last = text[-1]

    def _aside(self, text: str) -> None:
        write_aside(text)
        self._last_aside = text[-1:] or self._last_aside

    def _think(self, text: str) -> None:
        if self._shows_reasoning:
            self._aside(text)
        elif not self._is_thinking and self._last == "\n" and sys.stdout.isatty() and is_colourful(sys.stderr):
            self._is_thinking = True
            write_aside(_THINKING)

    def _stop_thinking(self) -> None:
        if self._is_thinking:
            self._is_thinking = False
            sys.stderr.write(_ERASE)
            sys.stderr.flush()

    def _tell(self, line: str) -> None:
        self.end()
        say(line)

    def _warn(self, warnings: Iterable[Warning]) -> None:
        for warning in warnings:
            if warning not in self._warned:
                self._warned.add(warning)
                self._tell(f"warning: {warning}")


async def ask(agent: Agent, messages: str | list[Message], *, screen: Screen | None, is_streamed: bool) -> Result:
    """Return the answer of `agent`, shown on `screen` as it comes. Raises what the call raises."""
    if not is_streamed:
        result = await agent.generate(messages)
        if screen is not None:
            show_whole(screen, result)
        return result
    async with agent.stream(messages) as stream:
        async for chunk in stream:
            if screen is not None:
                screen.show(chunk)
        return await stream.result()


def show_whole(screen: Screen, result: Result) -> None:
    """Show an answer that came in one piece."""
    screen.show(Start(result.model, result.provider, tuple(result.warnings)))
    screen.show(ReasoningDelta(result.reasoning))
    screen.show(TextDelta(result.text))
    screen.show(RefusalDelta(result.refusal or ""))
    for call in result.tool_calls:
        screen.show(ToolCallEnd(call))
