"""Patterns of personal data and keys, each bounded, with the checks that tell a number from an ordinary one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Kind(NamedTuple):
    """How one kind is found: a pattern whose matches have a bounded length, and a check of a match.

    The check returns where the match really ends, or 0 where it is none.
    """

    pattern: re.Pattern[str]
    check: Callable[[str], int]


class Finding(NamedTuple):
    """One place of a text: where it begins and ends, and of which kind it is."""

    start: int
    end: int
    kind: str


def find_all(text: str, kinds: dict[str, Kind]) -> list[Finding]:
    """Return what of `kinds` is in `text`, in order and without overlaps; of two that overlap the earlier or longer."""
    found: list[Finding] = []
    for name, kind in kinds.items():
        found += _find(text, name, kind)
    if len(found) < 2:
        return found
    chosen: list[Finding] = []
    for finding in sorted(found, key=lambda item: (item.start, -item.end)):
        if not chosen or finding.start >= chosen[-1].end:
            chosen.append(finding)
    return chosen


def _find(text: str, name: str, kind: Kind) -> list[Finding]:
    found: list[Finding] = []
    match = kind.pattern.search(text)
    while match is not None:
        length = kind.check(match[0])
        if length:
            found.append(Finding(match.start(), match.start() + length, name))
        match = kind.pattern.search(text, match.start() + (length or 1))
    return found


_LETTERS = {ord(letter): str(value) for value, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 10)}


def check_luhn(digits: str) -> bool:
    """Whether the last of `digits` is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + index % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def check_iban(text: str) -> bool:
    """Whether `text`, letters and digits alone, has the check digits of an IBAN (ISO 13616: modulo 97 is 1)."""
    turned = text[4:] + text[:4]
    return int(turned.translate(_LETTERS)) % 97 == 1


def _take_all(text: str) -> int:
    return len(text)


def _take_card(text: str) -> int:
    """Return the end of the card number at the beginning of `text`: all of it, or all but the last group."""
    for end in _group_ends(text):
        digits = re.sub(r"\D", "", text[:end])
        if 12 < len(digits) < 20 and digits.isascii() and len(set(digits)) > 1 and check_luhn(digits):
            return end
    return 0


def _take_iban(text: str) -> int:
    for end in _group_ends(text):
        joined = re.sub(r"[^A-Z0-9]", "", text[:end])
        if len(joined) < 15:
            return 0
        if len(joined) < 35 and check_iban(joined):
            return end
    return 0


def _group_ends(text: str) -> list[int]:
    """Return where the groups of `text` end, the last first."""
    return [len(text), *(match.start() for match in reversed(list(re.finditer(r"[ \u00a0-]", text))))]


def _take_phone(text: str) -> int:
    digits = sum(character.isdigit() for character in text)
    least = 9 if text[0] == "0" and not text.startswith("00") else 7
    return len(text) if least <= digits <= 15 else 0


def _take_address(text: str) -> int:
    import ipaddress  # here: it takes some milliseconds, and most texts hold no address

    for end in (len(text), len(text.rstrip(".:"))):
        if ":" in text and (text.count(":") < 2 or not any(character.isdigit() for character in text)):
            return 0  # such as the `a::b` of a program
        try:
            ipaddress.ip_address(text[:end])
        except ValueError:
            continue
        return end if end > 2 else 0
    return 0


_EMAIL = r"[\w.%+'-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w-])"
_CARD = (
    r"(?<![\w.])(?:[0-9]{13,19}"
    r"|[0-9]{4}[ \u00a0-][0-9]{4}[ \u00a0-][0-9]{4}[ \u00a0-][0-9]{4}(?:[ \u00a0-][0-9]{1,3})?"
    r"|[0-9]{4}[ \u00a0-][0-9]{6}[ \u00a0-][0-9]{4,5})(?![0-9])"
)
_IBAN = (
    r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?:[A-Z0-9]{11,30}"
    r"|(?:[ \u00a0-][A-Z0-9]{4}){2,7}(?:[ \u00a0-][A-Z0-9]{1,3})?)(?![A-Za-z0-9])"
)
_PHONE = (
    r"(?<![\w+.])(?:(?:\+|00)[ ]?[1-9](?:[ ./()\u00a0-]{0,2}[0-9]){6,13}"
    r"|0[0-9]{1,4}(?:[ ./\u00a0-][0-9]{2,4}){2,4}|0[0-9]{1,4}[ ./\u00a0-][0-9]{6,8}|0[0-9]{8,10}"
    r"|(?:1[ .-])?(?:\([0-9]{3}\)[ ]?|[0-9]{3}[ .-])[0-9]{3}[ .-][0-9]{4})(?![\w])"
)
_ADDRESS = (
    r"(?<![\w.:])(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?!\w|\.[0-9])"
    r"|(?=[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{2,39}(?:(?<=:)[0-9]{1,3}(?:\.[0-9]{1,3}){3})?(?![\w:]|\.[0-9]))"
)
_SSN = r"(?<![\w-])(?!000|666|9)[0-9]{3}([ -])(?!00)[0-9]{2}\1(?!0000)[0-9]{4}(?![\w-])"
_KEY = (
    r"(?<![A-Za-z0-9])(?:(?:sk|pk|rk|gsk|xai|hf|nvapi|pplx|csk|ghp|gho|ghs|glpat|npm|dop_v1|shpat)[-_][\w-]{16,200}"
    r"|github_pat_\w{22,100}|xox[abprs]-[\w-]{10,200}|(?:AKIA|ASIA)[0-9A-Z]{16}|AIza[\w-]{35}"
    r"|eyJ[\w-]{8,300}\.[\w-]{8,300}\.[\w-]{0,300})"
)

KINDS: dict[str, Kind] = {
    "email": Kind(re.compile(_EMAIL), _take_all),
    "iban": Kind(re.compile(_IBAN), _take_iban),
    "credit_card": Kind(re.compile(_CARD), _take_card),
    "us_ssn": Kind(re.compile(_SSN), _take_all),
    "ip_address": Kind(re.compile(_ADDRESS), _take_address),
    "phone": Kind(re.compile(_PHONE), _take_phone),
    "api_key": Kind(re.compile(_KEY), _take_all),
}
"""Every kind by its name. Where two match the same place, the first of this order counts."""
