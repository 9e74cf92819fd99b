"""Structured output while it is still being written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from turnout.chunks import Element, ObjectDelta
from turnout.output.finding import BEGIN, MOST_PLACES, is_readable, read_at
from turnout.output.output import WRAPPED, OutputMismatch
from turnout.protocols.json_reading import mend_surrogates
from turnout.schemas.walk import find_non_finite

if TYPE_CHECKING:
    from turnout.chunks import Chunk
    from turnout.output.output import Output

_NUMBER = "0123456789.+-"
_SHARE = 64
"""The text is read again when it has grown by this share of itself: the work stays in proportion to the text."""


class PartialOutput:
    """Reads the text of an answer as far as it has come, and tells what is new in it.

    `ObjectDelta.object` is a new value each time. Elements of a list are told once they are followed by another one,
    or the answer has ended; the first that does not fit its type ends that: the whole is checked at the end. JSON in
    the middle of prose, which may be an example, is told once it shows a field of the output.
    """

    def __init__(self, output: Output[Any]) -> None:
        self._output = output
        self._text = ""
        self._pieces: list[str] = []
        self._length = 0
        self._start = 0
        self._places = 0
        self._is_over = False
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
        while self._places < MOST_PLACES and not self._is_over:
            begun = BEGIN.search(self._text, self._start)
            self._start = len(self._text) if begun is None else begun.start()
            if begun is None:
                return None
            value, end = self._parse()
            is_meant = self._is_meant(value)
            self._is_over = is_meant and end is not None
            if is_meant or end is None:
                return self._unwrap(value) if is_meant else None
            self._places += 1
            self._start = end
        return None

    def _parse(self) -> tuple[Any, int | None]:
        """Return the value at the current place, and where it, or what is broken of it, ended; `None`: it may go on."""
        import jiter

        data = self._text[self._start :].rstrip(_NUMBER)  # digits may go on: 3 is not told of what becomes 36
        try:
            return jiter.from_json(data.encode("utf-8", "replace"), partial_mode="trailing-strings"), None
        except ValueError:  # something follows the JSON, or it is none
            value, end = read_at(self._text, self._start)
        if is_readable(value):
            return mend_surrogates(value), end
        is_cut = end >= len(self._text.rstrip()) or self._text[end] == '"'  # jiter is less lenient than `read_at`
        return None, None if is_cut else end

    def _unwrap(self, value: Any) -> Any:
        if self._output.is_wrapped and isinstance(value, dict):
            return cast("dict[str, Any]", value).get(WRAPPED)
        return value

    def _is_meant(self, value: Any) -> bool:
        """Return whether `value` is the answer, as far as can be told."""
        if value is None or not self._output.knows(self._unwrap(value)) or find_non_finite(value) is not None:
            return False
        before = self._text[: self._start].rstrip()
        opened = before.rpartition("```")[2]
        if not before or (before.count("```") % 2 and (not opened or opened.isalpha())):
            return True  # it stands alone, or at the beginning of a fence
        if not isinstance(value, dict) or not value:
            return False
        return not self._output.is_wrapped or WRAPPED in value
