"""How long a text a regular expression from a schema may be tried on, so that it cannot hold the program up.

`re` tries all ways to share a text out among the repeats and alternatives of a pattern, and cannot be stopped while it
does: ``^(a+)+$`` takes days for 60 letters. So the number of ways is estimated, from above, before a text is checked.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache

_MOST = math.log(5e6)  # ways, of about 20 ns each
_LONGEST = 1_000_000
_DEEPEST = 50
_OPENING = re.compile(r"\(\?(?:P?<[^\W\d]\w*>|<?[=!]|>|[aiLmsu]*(?:-[ims]+)?:)|\((?!\?)")
_FLAGS = re.compile(r"\(\?[aiLmsu]+\)")
_CLASS = re.compile(r"\[\^?\]?(?:[^\]\\]|\\.)*\]", re.DOTALL)
_REPEAT = re.compile(r"(?:([*+?])|\{(?=[\d,])(\d*)(,?)(\d*)\})[?+]?")


class _UnknownSyntaxError(Exception):
    """The pattern has something that is not estimated, such as a reference back to a group."""


@lru_cache(maxsize=256)
def longest_checked(pattern: str) -> int:
    """Return how many characters a text may have to be checked against `pattern` in a moment; -1 for none at all."""
    low, high = -1, _LONGEST
    while low < high:
        middle = (low + high + 1) // 2
        if _Estimate(pattern, middle).ways <= _MOST:
            low = middle
        else:
            high = middle - 1
    return low


class _Estimate:
    """The logarithm of how many ways there are to try `pattern` on a text of `length`, at most."""

    def __init__(self, pattern: str, length: int) -> None:
        self._pattern = pattern
        self._length = max(length, 1)
        self._place: int = 0
        try:
            ways, _ = self._read_choice(0)
        except _UnknownSyntaxError:
            ways = math.inf
        is_anchored = pattern.startswith(("^", r"\A")) and "|" not in pattern
        self.ways = ways if is_anchored else ways + math.log(self._length)

    def _read_choice(self, depth: int) -> tuple[float, int]:
        """Read alternatives up to the end of their group; return the ways, and how many choices there are inside."""
        if depth > _DEEPEST:
            raise _UnknownSyntaxError
        found = [self._read_sequence(depth)]
        while self._pattern[self._place : self._place + 1] == "|":
            self._place += 1
            found.append(self._read_sequence(depth))
        ways = max(ways for ways, _ in found) + math.log(len(found))
        return ways, sum(choices for _, choices in found) + len(found) - 1

    def _read_sequence(self, depth: int) -> tuple[float, int]:
        total, choices, splits = 0.0, 0, 0
        while self._place < len(self._pattern) and self._pattern[self._place] not in "|)":
            ways, inside = self._read_atom(depth)
            repeated = self._read_repeat(ways, inside)
            splits += ways == 0 and repeated >= math.log(self._length + 1)
            total += repeated
            choices += inside + (repeated > ways)
        return total - math.lgamma(splits + 1), choices  # the borders of n repeats stand in one order, not in n!

    def _read_atom(self, depth: int) -> tuple[float, int]:
        """Read a letter, class or group: how many ways it has in itself, and how many choices."""
        text, place = self._pattern, self._place
        if text[place] == "(":
            return self._read_group(depth)
        if text[place] == "[" and (whole := _CLASS.match(text, place)):
            self._place = whole.end()
        elif text[place] == "\\":
            if text[place + 1 : place + 2] in "123456789":  # a reference; re refuses a backslash at the end
                raise _UnknownSyntaxError
            self._place += 2
        else:
            self._place += 1
        return 0.0, 0

    def _read_group(self, depth: int) -> tuple[float, int]:
        if flags := _FLAGS.match(self._pattern, self._place):
            self._place = flags.end()
            return 0.0, 0
        opening = _OPENING.match(self._pattern, self._place)
        if opening is None:
            raise _UnknownSyntaxError
        self._place = opening.end()
        found = self._read_choice(depth + 1)
        self._place += 1
        return found

    def _read_repeat(self, ways: float, inside: int) -> float:
        """Read what may follow an atom of so many ways and choices; return the ways of its repetition."""
        repeat = _REPEAT.match(self._pattern, self._place)
        if repeat is None:
            return ways
        self._place = repeat.end()
        least, most = _read_limits(repeat, self._length)
        counts = math.log(min(max(most - least, 0), self._length) + 1)
        if ways == 0:
            return counts
        return counts + min(self._length * math.log(1 + inside), min(most, self._length) * ways)


def _read_limits(repeat: re.Match[str], length: int) -> tuple[int, int]:
    sign, least, comma, most = repeat.groups()
    if sign:
        return {"*": (0, length), "+": (1, length + 1), "?": (0, 1)}[sign]
    low = int(least[:6] or 0)
    return low, int(most[:6]) if most else (low + length if comma else low)
