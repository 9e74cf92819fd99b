"""Structured output while it is still being written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from turnout.chunks import Element, ObjectDelta
from turnout.output.output import WRAPPED, OutputMismatch

if TYPE_CHECKING:
    from turnout.chunks import Chunk
    from turnout.output.output import Output

_FIRST_BRACE = re.compile(r"[{\[]")
_NUMBER = "0123456789.+-"
_SHARE = 64
"""The text is read again when it has grown by this share of itself: the work stays in proportion to the text."""


class PartialOutput:
    """Reads the text of an answer as far as it has come, and tells what is new in it.

    `ObjectDelta.object` is a new value each time. Elements of a list are told once they are followed by another one,
    or the answer has ended; the first that does not fit its type ends that: the whole is checked at the end.
    """

    def __init__(self, output: Output[Any]) -> None:
        self._output = output
        self._text = ""
        self._pieces: list[str] = []
        self._length = 0
        self._start = -1
        self._read_length = 0
        self._told: Any = None
        self._elements_told = 0
        self._has_stopped = False

    def feed(self, text: str) -> list[Chunk]:
        """Take in more text; return an `ObjectDelta` where the output has grown, and its new elements."""
        self._pieces.append(text)
        self._length += len(text)
        if self._length - self._read_length < max(1, self._read_length // _SHARE):
            return []
        self._read_length = self._length
        self._join()
        return self._tell(self._read(), is_whole=False)

    def finish(self) -> list[Chunk]:
        """Return what is still to be told at the end of the answer."""
        self._join()
        try:
            return self._tell(self._output.find(self._text)[1], is_whole=True)
        except OutputMismatch:  # it is sent back or raised: what has come of it can be shown all the same
            return self._tell(self._read(), is_whole=False)

    def _join(self) -> None:
        self._text = "".join([self._text, *self._pieces])
        self._pieces.clear()

    def _tell(self, value: Any, *, is_whole: bool) -> list[Chunk]:
        if value is None:
            return []
        chunks: list[Chunk] = []
        if value != self._told:
            self._told = value
            chunks.append(ObjectDelta(value))
        if self._output.has_elements and not self._has_stopped and isinstance(value, list):
            chunks += self._tell_elements(cast("list[Any]", value), is_whole=is_whole)
        return chunks

    def _tell_elements(self, values: list[Any], *, is_whole: bool) -> list[Chunk]:
        chunks: list[Chunk] = []
        end = len(values) if is_whole else len(values) - 1
        for index in range(self._elements_told, end):
            try:
                chunks.append(Element(index, self._output.convert_element(values[index])))
            except OutputMismatch:
                self._has_stopped = True
                break
            self._elements_told = index + 1
        return chunks

    def _read(self) -> Any:
        """Return the value so far; `None` before there is any."""
        import jiter

        if self._start < 0:
            begun = _FIRST_BRACE.search(self._text)
            if begun is None:
                return None
            self._start = begun.start()
        text = self._text[self._start :].rstrip(_NUMBER)  # digits may go on: 3 is not told of what becomes 36
        data = text.encode("utf-8", "replace")
        try:
            value = jiter.from_json(data, partial_mode="trailing-strings")
        except ValueError:  # something follows the JSON, or it is none: the end will tell
            return None
        if self._output.is_wrapped and isinstance(value, dict):
            return cast("dict[str, Any]", value).get(WRAPPED)
        return value
