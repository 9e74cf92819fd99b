"""RedactPII: what it finds, what it leaves, and that a stream of it is as good as the whole."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from re import _parser as parser  # type: ignore[attr-defined]  # no public name tells what a pattern is made of

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.errors import InvalidInputError
from turnout.guards import GuardContext, RedactPII
from turnout.guards.patterns import KINDS, Kind, check_iban, check_luhn
from turnout.messages import Image, Message, Reasoning, Text, ToolCall, ToolResult

GUARD = RedactPII()
CONTEXT = GuardContext()

FOUND = {
    "email": ["jane.doe+x@example.co.uk", "o'neil@müller.example", "A_b-c%d@x1.io"],
    "iban": ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "FR14 2004 1010 0505 0001 3M02 606"],
    "credit_card": ["4111 1111 1111 1111", "4111-1111-1111-1111", "378282246310005", "3782 822463 10005"],
    "us_ssn": ["123-45-6789", "123 45 6789"],
    "ip_address": ["192.168.0.1", "2001:db8::1", "fe80::1ff:fe23:4567:890a", "::1", "::ffff:10.0.0.1"],
    "phone": [
        *("+33 6 12 34 56 78", "+1 (555) 123-4567", "(555) 123-4567", "06 12 34 56 78"),
        *("0033612345678", "020 7946 0958", "030 1234567"),
    ],
    "api_key": [
        *("sk-abcdefghijklmnop1234", "ghp_" + "a1" * 18, "AKIAIOSFODNN7EXAMPLE", "AIza" + "b" * 35),
        *("xoxb-1234567890-abc", "eyJhbGciOiJI.eyJzdWIiOiIx.c2ln"),
    ],
}

LEFT = [
    "It is 12:30:45 on 2026-11-25, or 01.02.2026, in version 1.2.3.",
    "4111 1111 1111 1112 fails its check digit, and so does DE88 3704 1044 1532 1130 11.",
    "1111 1111 1111 1111, 666-12-3456 and 900-12-3456 are none.",
    "std::cout << a::b; 300.1.1.1; 12 people, 1,234,567 things; order 12345678",
    "me@localhost, @handle, a@b, sk-short, 00:1b:44:11:3a:b7",
    "I AM A CAT AND SO ON",
    "",
]


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in FOUND.items() for text in texts])
def test_each_kind_is_found_in_a_sentence_and_by_itself(kind: str, text: str) -> None:
    assert GUARD.redact(text) == f"[{kind}]"
    assert GUARD.redact(f"It is {text}, they say. {text}") == f"It is [{kind}], they say. [{kind}]"
    assert GUARD.redact(f'Card:{text}\n("{text}")').count(f"[{kind}]") >= 1
    others = RedactPII([name for name in KINDS if name != kind])
    assert f"[{kind}]" not in others.redact(text)


@pytest.mark.parametrize("text", LEFT)
def test_what_only_looks_alike_is_left(text: str) -> None:
    assert GUARD.redact(text) == text


def test_numbers_among_other_numbers_are_found() -> None:
    assert GUARD.redact("12 4111 1111 1111 1111 99") == "12 [credit_card] 99"
    assert GUARD.redact("GB82 WEST 1234 5698 7654 32 AND MORE") == "[iban] AND MORE"


def test_check_digits() -> None:
    assert check_luhn("79927398713")
    assert not check_luhn("79927398710")
    assert check_iban("GB82WEST12345698765432")
    assert not check_iban("GB83WEST12345698765432")


def test_the_replacement_is_a_text_or_a_function() -> None:
    assert RedactPII("email", "<{kind}>").redact("a@b.io") == "<email>"
    hide = RedactPII(["email"], lambda kind, text: f"{kind}:{len(text)}")
    assert hide.redact("to a@b.io!") == "to email:6!"


@pytest.mark.parametrize("kinds", [[], ["name"], "name"])
def test_kinds_that_do_not_exist(kinds: object) -> None:
    with pytest.raises(InvalidInputError, match="give some of email"):
        RedactPII(kinds)  # type: ignore[arg-type]


def test_input_is_redacted_in_texts_and_tool_results() -> None:
    image, call = Image(data=b"x"), ToolCall("c", "mail", {"to": "a@b.io"})
    clean = Message.assistant("nothing here", call)
    said = [Message.user("I am a@b.io", image), clean, Message.tool("c", "sent to a@b.io")]
    redacted = GUARD.check_input(said, CONTEXT)
    assert redacted is not None
    assert redacted[0].content == [Text("I am [email]"), image]
    assert redacted[1] is clean
    assert redacted[2].content == [ToolResult("c", "sent to [email]")]
    assert RedactPII(on_input=False).check_input(said, CONTEXT) is None


def test_output_is_redacted_in_text_and_reasoning() -> None:
    signed = Reasoning("hm a@b.io", [{"signature": "x"}], "p")
    said = Message.assistant(signed, "It is a@b.io", Reasoning("fine", [{"signature": "y"}], "p"))
    redacted = GUARD.check_output(said, CONTEXT)
    assert redacted is not None
    assert redacted.content == [Reasoning("hm [email]"), Text("It is [email]"), said.content[2]]
    off = RedactPII(on_output=False)
    assert off.check_output(said, CONTEXT) is None
    assert off.open_filter(CONTEXT).feed("a@b.io") == "a@b.io"


PIECES = [
    *(text for texts in FOUND.values() for text in texts),
    *LEFT,
    *("1111 ", "AB12 ", " ", "\n", "  ", "é", "@", ".", "0", "+", "(", "x" * 700),
]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=12), st.lists(st.integers(1, 9), min_size=1))
def test_a_stream_comes_to_the_same_however_it_is_cut(pieces: list[str], sizes: list[int]) -> None:
    text = "".join(pieces)
    part = GUARD.open_filter(CONTEXT)
    shown, start, turn = "", 0, 0
    while start < len(text):
        end = start + sizes[turn % len(sizes)]
        shown += part.feed(text[start:end])
        start, turn = end, turn + 1
    assert shown + part.flush() == GUARD.redact(text)


def test_prose_is_held_back_by_a_word_only() -> None:
    part = GUARD.open_filter(CONTEXT)
    shown = ""
    for word in ["Once", " upon", " a", " time", " there"]:
        shown += part.feed(word)
    assert shown == "Once upon a time"
    assert part.flush() == " there"


def test_what_is_held_back_has_a_bound() -> None:
    part = GUARD.open_filter(CONTEXT)
    fed = shown = 0
    for text in ("1 " * 5000, "x" * 5000, " " * 5000):
        for start in range(0, len(text), 100):
            piece = text[start : start + 100]
            fed += len(piece)
            shown += len(part.feed(piece))
            assert fed - shown < 900 or piece.isspace()


class Counted:
    """A pattern that notes what it was given to look at."""

    def __init__(self, pattern: re.Pattern[str], given: list[str]) -> None:
        self._pattern = pattern
        self._given = given

    def search(self, text: str, position: int = 0) -> re.Match[str] | None:
        self._given.append(text[position:])
        return self._pattern.search(text, position)


def measure_work(text: str) -> tuple[int, int]:
    """Return how many calls and characters it takes to redact `text`, and the length of the longest word or number."""
    guard, calls = RedactPII(), 0
    given: list[str] = []
    guard._kinds = {name: Kind(Counted(kind.pattern, given), kind.check) for name, kind in KINDS.items()}  # type: ignore[arg-type]

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        guard.redact(text)
    finally:
        sys.setprofile(before)
    return calls + sum(map(len, given)), max(len(part.strip()) for part in given)


@pytest.mark.parametrize(
    "piece",
    [
        *("1 ", "1", "1111 ", "a", "a@", "a.", "a" * 60 + "@", "AA11 ", ":", "a:", "+1 ", "0(1)", " "),
        *("sk-", "eyJaaaaaaaa.", "00 ", "0-0-", "@b.", "1.", "(555) "),
    ],
)
def test_work_grows_with_the_text_and_no_faster(piece: str) -> None:
    less, _ = measure_work(piece * (5_000 // len(piece)))
    more, longest = measure_work(piece * (20_000 // len(piece)))
    assert more < 5 * less + 1_000  # 4 times as long; the square would be 16
    assert longest < 900


def repeats_of(parsed: object) -> Iterator[object]:
    """Yield the greatest number of every repeat in a parsed pattern, however deep."""
    for operator, argument in parsed:  # type: ignore[attr-defined]
        if operator in (parser.MAX_REPEAT, parser.MIN_REPEAT, parser.POSSESSIVE_REPEAT):
            yield argument[1]
        yield from _repeats_within(argument)


def _repeats_within(argument: object) -> Iterator[object]:
    if isinstance(argument, parser.SubPattern):
        yield from repeats_of(argument)
    elif isinstance(argument, tuple | list):
        for inner in argument:
            yield from _repeats_within(inner)


@pytest.mark.parametrize("kind", KINDS)
def test_every_repeat_of_a_pattern_has_an_end(kind: str) -> None:
    repeats = list(repeats_of(parser.parse(KINDS[kind].pattern.pattern)))
    assert repeats
    assert parser.MAXREPEAT not in repeats
    assert list(repeats_of(parser.parse("a(?:b|(c+)){2}"))) == [2, parser.MAXREPEAT]
