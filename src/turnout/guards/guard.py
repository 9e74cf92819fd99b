"""What a guard is, what it may say, and how the guards of an agent are asked one after another."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Sequence
from typing import Any, Protocol, TypeGuard, cast, get_args, runtime_checkable

from msgspec import Struct, field, structs

from turnout.context import RequestContext
from turnout.errors import BlockedError, InvalidInputError
from turnout.messages import Message, Part, Text


class Block(Struct, frozen=True):
    """A guard's word for: this may not pass. The run ends with `BlockedError`, whose message holds `reason`."""

    reason: str


class Retry(Struct, frozen=True):
    """An output guard's word for: let the model answer again. It is told `reason`."""

    reason: str


class GuardContext(Struct, frozen=True, kw_only=True):
    """What a guard may want to know: whose run it is, the model as asked, and the step, counted from 1."""

    agent_id: str = ""
    model: str = ""
    step: int = 1
    request_context: RequestContext = field(default_factory=RequestContext)


InputVerdict = Sequence[Message] | Block | None
"""What `check_input` returns: other messages, a `Block`, or `None` to let them pass unchanged."""

OutputVerdict = Message | str | Block | Retry | None
"""What `check_output` returns: another message, another text, a `Block`, a `Retry`, or `None` to let it pass."""


@runtime_checkable
class InputGuard(Protocol):
    """A guard of what goes to the model. The method may be sync or async."""

    def check_input(self, messages: Sequence[Message], context: GuardContext) -> InputVerdict | Awaitable[InputVerdict]:
        """Look at all that the model is about to read, instructions and tool results included; see `InputVerdict`."""
        ...


@runtime_checkable
class OutputGuard(Protocol):
    """A guard of what the model answers. The method may be sync or async; it sees each step's answer."""

    def check_output(self, message: Message, context: GuardContext) -> OutputVerdict | Awaitable[OutputVerdict]:
        """Look at an answer, tool calls included; see `OutputVerdict`."""
        ...


class StreamFilter(Protocol):
    """What checks one text of a stream while it comes, holding back as little as it can."""

    def feed(self, text: str) -> str:
        """Take the next piece; return what may be shown. Raises `BlockedError` where nothing more may be."""
        ...

    def flush(self) -> str:
        """Return what was held back: the text is complete."""
        ...


@runtime_checkable
class StreamGuard(Protocol):
    """An output guard that can check a stream piece by piece.

    What its filter lets out of a text is what `check_output` makes of it, which never asks for a `Retry`: the beginning
    was shown already. The text of a stream is held until it is whole where one of the guards is none of these.
    """

    def open_filter(self, context: GuardContext) -> StreamFilter:
        """Return the state for one text: from `text_start` to `text_end`, or the same of reasoning."""
        ...


Guard = InputGuard | OutputGuard
"""Anything with `check_input`, `check_output` or both."""


def read_guards(value: object) -> tuple[Guard, ...]:
    """Read the `guards` argument: a guard, or a list of them. Raises `InvalidInputError` for what is none."""
    if value is None:
        return ()
    items = cast("Sequence[object]", value) if isinstance(value, (list, tuple)) else (value,)
    for item in items:
        if isinstance(item, type) or not isinstance(item, (InputGuard, OutputGuard)):
            what = item.__name__ if isinstance(item, type) else f"a {type(item).__name__}"
            raise InvalidInputError(f"guards= has {what}: give objects with check_input(…) or check_output(…)")
    return cast("tuple[Guard, ...]", tuple(items))


async def check_input(guards: Sequence[Guard], messages: list[Message], context: GuardContext) -> list[Message]:
    """Ask every input guard in turn; return the messages to send. Raises `BlockedError`."""
    for guard in guards:
        if isinstance(guard, InputGuard):
            verdict = await _settle(guard.check_input(tuple(messages), context))
            if isinstance(verdict, Block):
                raise blocked(guard, "the input", verdict.reason)
            if verdict is not None:
                messages = _read_messages(guard, verdict)
    return messages


async def check_output(guards: Sequence[Guard], message: Message, context: GuardContext) -> Message | Retry:
    """Ask every output guard in turn; return the message to go on with, or the first `Retry`. Raises `BlockedError`."""
    for guard in guards:
        if isinstance(guard, OutputGuard):
            verdict = await _settle(guard.check_output(message, context))
            if isinstance(verdict, Block):
                raise blocked(guard, "the output", verdict.reason)
            if isinstance(verdict, Retry):
                return verdict
            if verdict is not None:
                message = _read_output(guard, message, verdict)
    return message


def retry_text(retry: Retry) -> str:
    """Return what is said to the model so that it answers again: ``retry_text(Retry("too long"))``."""
    return f"This answer cannot be used: {retry.reason}\nAnswer again without that."


def blocked(guard: object, what: str, reason: str, text: str = "") -> BlockedError:
    """Return the error of a guard that blocks `what`; `text` is what a stream had shown."""
    return BlockedError(f"{type(guard).__name__} blocked {what}: {reason}", text=text)


def map_text(message: Message, text: str) -> Message:
    """Return `message` with its text parts replaced by one of `text`, in the place of the first."""
    parts: list[Any] = []
    has_text = False
    for part in message.content:
        if not isinstance(part, Text):
            parts.append(part)
        elif not has_text:
            parts.append(Text(text))
            has_text = True
    if not has_text:
        parts.insert(0, Text(text))
    return structs.replace(message, content=parts)


async def _settle(verdict: Any) -> Any:
    return await verdict if inspect.isawaitable(verdict) else verdict


_PARTS = get_args(Part)


def is_message(value: object) -> TypeGuard[Message]:
    """Tell whether a guard's word is a message."""
    return isinstance(value, Message)


def _read_messages(guard: object, verdict: object) -> list[Message]:
    items = list(cast("Sequence[object]", verdict)) if isinstance(verdict, (list, tuple)) else [None]
    for item in items:
        odd = [type(part).__name__ for part in item.content if not isinstance(part, _PARTS)] if is_message(item) else []
        if odd:
            raise InvalidInputError(
                f"check_input of {type(guard).__name__} returned a message that holds a {odd[0]}: its content is a list"
                " of parts, as in Message.user(…)"
            )
    if not all(is_message(item) for item in items):
        raise InvalidInputError(
            f"check_input of {type(guard).__name__} returned a {type(cast('object', verdict)).__name__}:"
            " return a list of messages, Block(reason), or None"
        )
    return cast("list[Message]", items)


def _read_output(guard: object, message: Message, verdict: object) -> Message:
    if isinstance(verdict, Message):
        odd = [type(part).__name__ for part in verdict.content if not isinstance(part, _PARTS)]
        if verdict.role != "assistant" or odd:
            what = f"a message that holds a {odd[0]}" if odd else f"a message of the {verdict.role}"
            raise InvalidInputError(
                f"check_output of {type(guard).__name__} returned {what}: return one of the assistant, whose content"
                " is a list of parts, as in Message.assistant(…)"
            )
        return verdict
    if isinstance(verdict, str):
        return map_text(message, verdict)
    raise InvalidInputError(
        f"check_output of {type(guard).__name__} returned a {type(verdict).__name__}:"
        " return a message, a text, Block(reason), Retry(reason), or None"
    )
