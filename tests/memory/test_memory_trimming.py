"""Cutting a thread short: whatever stands in it, no call is parted from its result."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from turnout.adaptation import leave_out_foreign
from turnout.memory import pair_calls
from turnout.memory.summaries import PIECE_TOKENS, split_pieces
from turnout.memory.trimming import Limits, find_start, keep_newest, safe_cuts
from turnout.messages import Image, Message, Part, Reasoning, ServerTool, Text, ToolCall, ToolResult
from turnout.tokens import estimate_tokens

IDS = st.sampled_from(["a", "b", "c"])
CALLS = st.builds(lambda call_id: ToolCall(call_id, "look", {}), IDS)
RESULTS = st.builds(lambda call_id: ToolResult(call_id, "found"), IDS)
TEXTS = st.builds(Text, st.text(max_size=30))
WILD = st.one_of(
    st.builds(lambda parts: Message("user", parts), st.lists(st.one_of(TEXTS, RESULTS), max_size=3)),
    st.builds(lambda parts: Message("assistant", parts), st.lists(st.one_of(TEXTS, CALLS), max_size=4)),
    st.builds(lambda parts: Message("tool", parts), st.lists(RESULTS, min_size=1, max_size=3)),
    st.builds(lambda text: Message("assistant", [Reasoning(text), ToolCall("a", "look", {})]), st.text(max_size=3)),
)
THREADS = st.lists(WILD, max_size=25)
LIMITS = st.builds(Limits, st.none() | st.integers(1, 12), st.none() | st.integers(1, 200))


def are_paired(messages: list[Message]) -> bool:
    """Tell whether every call is answered at once, once, and nothing answers without a call."""
    open_ids: list[str] = []
    for message in messages:
        if message.role == "tool":
            for part in message.content:
                if not isinstance(part, ToolResult) or part.call_id not in open_ids:
                    return False
                open_ids.remove(part.call_id)
            continue
        if open_ids or any(isinstance(part, ToolResult) for part in message.content):
            return False
        open_ids = [part.id for part in message.content if isinstance(part, ToolCall)]
    return not open_ids


@given(THREADS)
def test_every_call_is_followed_by_its_result_and_nothing_else_is_lost(messages: list[Message]) -> None:
    paired = pair_calls(messages)

    assert are_paired(paired)
    assert pair_calls(paired) == paired
    assert "".join(message.text for message in paired) == "".join(message.text for message in messages)


@given(THREADS, LIMITS)
def test_what_is_kept_is_within_the_limits_and_begins_with_the_user(messages: list[Message], limits: Limits) -> None:
    paired = pair_calls(messages)
    kept = keep_newest(paired, limits).messages

    assert are_paired(kept)
    assert limits.allows(len(kept), estimate_tokens(kept))
    if kept and len(kept) < len(paired) and any(message.role == "user" for message in paired):
        assert kept[0].role == "user"
    assert all(message in paired for message in kept)


@given(THREADS, LIMITS)
def test_behind_a_head_the_most_that_fits_is_kept(messages: list[Message], limits: Limits) -> None:
    paired = pair_calls(messages)
    kept = keep_newest(paired, limits, has_head=True).messages

    assert are_paired(kept)
    assert kept == paired[len(paired) - len(kept) :]
    assert limits.allows(len(kept), estimate_tokens(kept))


@given(THREADS)
def test_a_safe_cut_parts_no_call_from_its_result(messages: list[Message]) -> None:
    whole = pair_calls(messages)
    cuts = safe_cuts(messages)

    assert cuts[0]
    assert cuts[-1]
    for index, is_safe in enumerate(cuts):
        parted = pair_calls(messages[:index]) + pair_calls(messages[index:])
        calls = [sum(isinstance(part, ToolCall) for each in some for part in each.content) for some in (whole, parted)]
        assert not is_safe or calls[0] == calls[1]


@given(THREADS, LIMITS, st.integers(0, 10))
def test_a_start_is_never_below_the_lowest(messages: list[Message], limits: Limits, lowest: int) -> None:
    assert find_start(messages, limits, lowest) >= min(lowest, len(messages))


@given(st.lists(st.tuples(WILD, st.integers(0, 9000)), max_size=12))
def test_pieces_cover_everything_and_part_nothing(drawn: list[tuple[Message, int]]) -> None:
    messages = [Message(each.role, [*each.content, Text("x" * size)] if each.role != "tool" else each.content)
                for each, size in drawn]  # fmt: skip
    ends = list(split_pieces(messages))

    assert ends == sorted(set(ends))
    assert (ends[-1] if ends else 0) == len(messages)
    assert all(safe_cuts(messages)[end] for end in ends)
    for start, end in zip([0, *ends], ends, strict=False):
        if estimate_tokens(messages[start:end]) > PIECE_TOKENS:  # then nothing shorter could be cut off
            assert not any(safe_cuts(messages)[start + 1 : end])


def test_results_that_another_run_parted_from_their_call_move_back() -> None:
    call = Message("assistant", [ToolCall("1", "f", {}), ToolCall("2", "g", {})])
    one, two = Message.tool("1", "one"), Message.tool("2", "two")
    between = [Message.user("Hello?"), Message.assistant("Hi.")]

    assert pair_calls([Message.user("Go"), call, one, *between, two]) == [Message.user("Go"), call, one, two, *between]


def test_an_id_that_is_used_again_belongs_to_the_latest_call() -> None:
    lost = Message("assistant", [Text("First."), ToolCall("1", "f", {"n": 1})])
    again = Message("assistant", [ToolCall("1", "f", {"n": 2})])
    result = Message.tool("1", "two")

    assert pair_calls([lost, again, result]) == [Message.assistant("First."), again, result]


def test_results_within_a_user_message_become_messages_of_their_own() -> None:
    call = Message("assistant", [ToolCall("1", "f", {})])
    mixed = Message("user", [ToolResult("1", "one"), Text("and now?")])

    assert pair_calls([call, mixed]) == [call, Message.tool("1", "one"), Message.user("and now?")]


def test_of_an_unanswered_call_its_reasoning_goes_too() -> None:
    thinking = Message("assistant", [Reasoning("hm"), ToolCall("1", "f", {})])

    assert pair_calls([Message.user("Go"), thinking]) == [Message.user("Go")]


def test_of_a_turn_that_is_too_long_its_question_and_its_newest_steps_remain() -> None:
    steps: list[Message] = []
    for number in range(10):
        steps += [Message("assistant", [ToolCall(f"{number}", "f", {})]), Message.tool(f"{number}", "found")]
    question, end = Message.user("Go"), Message.assistant("Done.")

    window = keep_newest([Message.user("Old"), Message.assistant("Old"), question, *steps, end], Limits(6, None))

    assert window.is_settled
    assert window.messages == [question, *steps[-4:], end]
    assert keep_newest([question, *steps], Limits(1, None)).messages == []
    assert keep_newest(steps, Limits(3, None)).messages == steps[-2:]


FOREIGN: list[Part] = [
    Reasoning("hm", [{"signature": "s"}], "maker"),
    ServerTool("search", {}),
    Image(data=b"png"),
    Text("Look."),
]


def test_what_only_its_maker_understands_goes_to_no_other() -> None:
    made = Message("assistant", FOREIGN, provider="maker")
    silent = Message("assistant", FOREIGN[:3], provider="maker")
    asked = Message("user", [Text("Like this"), Image(data=b"png")])

    assert leave_out_foreign([asked, made, silent], "maker") == [asked, made, silent]
    assert leave_out_foreign([asked, made, silent], "other") == [
        asked,
        Message("assistant", [Text("Look.")], provider="maker"),
    ]


def test_of_a_message_that_is_nobodys_only_signed_reasoning_is_foreign() -> None:
    nobodys = Message("assistant", [*FOREIGN, Reasoning("free")])

    (kept,) = leave_out_foreign([nobodys], "other")

    assert kept.content == [*FOREIGN[1:], Reasoning("free")]
