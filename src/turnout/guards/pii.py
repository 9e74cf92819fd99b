"""`RedactPII`: personal data and keys are replaced before a model reads them, and before anyone reads the model."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from msgspec import structs

from turnout.errors import InvalidInputError
from turnout.guards.patterns import KINDS, Kind, find_all
from turnout.messages import Message, Part, Reasoning, Text, ToolResult

if TYPE_CHECKING:
    from turnout.guards.guard import GuardContext, StreamFilter

Replacement = str | Callable[[str, str], str]
"""What stands for what was found: a text in which ``{kind}`` names the kind, or a function of kind and text."""

_LONGEST_TOKEN = 512
_LONGEST_SEGMENT = 256
_TOKEN = re.compile(r"\S{1,512}")
_SPACE = re.compile(r"\s+")
_GROUP = re.compile(r"\S*[0-9]\S*|[A-Z]{1,4}|[+()./-]+")
"""A word that may be one group of a number written in groups."""


class RedactPII:
    """A guard that replaces personal data and keys by patterns: ``Agent(guards=[RedactPII()])``.

    `kinds` are some of ``email``, ``iban`` and ``credit_card`` (both with their check digits), ``us_ssn``,
    ``ip_address``, ``phone`` and ``api_key``; all where they are not given. `replace` is a text such as ``"[{kind}]"``,
    or a function of kind and text. It looks at the texts of messages and at tool results on the way in, and at text and
    reasoning on the way out, also in a stream, of which it holds back a word, or a number in groups.

    Patterns have limits. Names and addresses of streets are not found, nor numbers in words or in unusual groups, nor
    what is spread over several messages; the arguments of tool calls and what is in pictures and files pass. A word of
    more than 512 characters, and a row of numbers of more than 256, is looked at in pieces. Its time is linear in the
    text. Raises `InvalidInputError` for an unknown kind.
    """

    def __init__(
        self,
        kinds: Sequence[str] | None = None,
        replace: Replacement = "[{kind}]",
        *,
        on_input: bool = True,
        on_output: bool = True,
    ) -> None:
        names = list(KINDS) if kinds is None else [kinds] if isinstance(kinds, str) else list(kinds)
        unknown = [name for name in names if name not in KINDS]
        if unknown or not names:
            what = f"{unknown[0]!r}" if unknown else "nothing"
            raise InvalidInputError(f"kinds= has {what}: give some of {', '.join(KINDS)}")
        self._kinds = {name: kind for name, kind in KINDS.items() if name in names}
        self._replace = replace
        self._on_input = on_input
        self._on_output = on_output

    def redact(self, text: str) -> str:
        """Return `text` with what was found replaced."""
        part = Redactor(self._kinds, self._replace)
        return part.feed(text) + part.flush()

    def check_input(self, messages: Sequence[Message], context: GuardContext) -> list[Message] | None:
        """Redact the texts and tool results of `messages`."""
        if not self._on_input:
            return None
        return [self._redact_message(message) for message in messages]

    def check_output(self, message: Message, context: GuardContext) -> Message | None:
        """Redact the text and the reasoning of an answer."""
        return self._redact_message(message) if self._on_output else None

    def open_filter(self, context: GuardContext) -> StreamFilter:
        """Return a filter for one text of a stream."""
        return Redactor(self._kinds if self._on_output else {}, self._replace)

    def _redact_message(self, message: Message) -> Message:
        parts = [self._redact_part(part) for part in message.content]
        return message if parts == message.content else structs.replace(message, content=parts)

    def _redact_part(self, part: Part) -> Part:
        if isinstance(part, Text):
            return structs.replace(part, text=self.redact(part.text))
        if isinstance(part, ToolResult):
            return structs.replace(part, content=self.redact(part.content))
        if isinstance(part, Reasoning):
            text = self.redact(part.text)
            # A provider's own record of the reasoning says in full what was redacted.
            return part if text == part.text else Reasoning(text)
        return part


class Redactor:
    """Redacts one text while it comes (a `StreamFilter`). The result does not depend on how the text is cut up."""

    def __init__(self, kinds: dict[str, Kind], replace: Replacement) -> None:
        self._kinds = kinds
        self._replace = replace
        self._held = ""

    def feed(self, text: str) -> str:
        """Take the next piece; return what is certain by now."""
        return self._take(self._held + text, is_final=False)

    def flush(self) -> str:
        """Return what was held back: the text is complete."""
        return self._take(self._held, is_final=True)

    def _take(self, text: str, *, is_final: bool) -> str:
        if not self._kinds:
            return text
        segments, rest = split_segments(text, is_final=is_final)
        self._held = rest
        return "".join([self._redact(segment) for segment in segments])

    def _redact(self, segment: str) -> str:
        found = find_all(segment, self._kinds)
        if not found:
            return segment
        pieces: list[str] = []
        end = 0
        for finding in found:
            text = segment[finding.start : finding.end]
            replaced = self._replace
            shown = (
                replaced.replace("{kind}", finding.kind) if isinstance(replaced, str) else replaced(finding.kind, text)
            )
            pieces += [segment[end : finding.start], shown]
            end = finding.end
        return "".join([*pieces, segment[end:]])


def split_segments(text: str, *, is_final: bool) -> tuple[list[str], str]:
    """Return `text` as segments that can be looked at one by one, and the rest, whose segment may go on.

    A segment is a word, or a row of words that may be the groups of one number, with single spaces between them. Where
    a segment ends depends on what stands before it and on one character after it, and not on where `text` was cut.
    """
    segments: list[str] = []
    start = position = 0
    is_open = False
    while position < len(text):
        if not is_open and (space := _SPACE.match(text, position)):
            position = space.end()
            continue
        end = _find_token_end(text, position)
        if end == len(text) and end - position < _LONGEST_TOKEN and not is_final:
            break
        is_group = _GROUP.fullmatch(text, position, end) is not None
        if is_open and (not is_group or end - start > _LONGEST_SEGMENT):
            segments.append(text[start:position])
            start = position
        is_open = False
        if is_group and text[end : end + 1].isspace():
            if end + 1 == len(text) and not is_final:
                break
            is_open = _joins(text, end)
        if is_open:
            position = end + 1
        else:
            segments.append(text[start:end])
            start = position = end
    if is_final and start < len(text):
        segments.append(text[start:])
        start = len(text)
    return segments, text[start:]


def _find_token_end(text: str, position: int) -> int:
    token = _TOKEN.match(text, position)
    return position if token is None else token.end()


def _joins(text: str, end: int) -> bool:
    """Whether the one space at `end` stands between two words of a line."""
    return text[end] in " \t\u00a0" and end + 1 < len(text) and not text[end + 1].isspace()
