"""What a scripted model answers: the items of a script, read into replies, and replies written as an answer's bytes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import msgspec
from msgspec import Struct

from turnout.errors import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ContentFilterError,
    ContextLengthError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from turnout.messages import Message, Reasoning, Refusal, Text, ToolCall
from turnout.tokens import estimate_text_tokens
from turnout.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from turnout.messages import Part

_STATUSES: tuple[tuple[type[APIStatusError], int, str | None], ...] = (
    (ContextLengthError, 400, "context_length_exceeded"),
    (ContentFilterError, 400, "content_filter"),
    (BadRequestError, 400, None),
    (AuthenticationError, 401, None),
    (PermissionDeniedError, 403, None),
    (NotFoundError, 404, None),
    (RateLimitError, 429, None),
    (ServerError, 500, None),
)
"""The status and the code by which the wire tells each error, the more special classes first."""

_WORDS = re.compile(r"\s*\S+|\s+$")


class ScriptError(ConfigurationError):
    """The script of a model has no answer left, or holds what is no answer."""


class Reply(Struct, frozen=True):
    """One answer with everything about it: ``Reply("Hello", finish_reason="length")``.

    `content` is a string, a part, or a list of these. `finish_reason` is the wire's own word (``"stop"``, or
    ``"tool_calls"`` where there are some). `usage` is counted where it is left out; with ``usage=False`` the answer has
    none. `headers` are those of the HTTP answer. `breaks_after` cuts the connection of a stream after so many of its
    events (of a whole answer: in its middle).
    """

    content: Any = ""
    finish_reason: str | None = None
    usage: Usage | bool = True
    model: str | None = None
    headers: dict[str, str] = {}
    breaks_after: int | None = None

    @property
    def parts(self) -> list[Part]:
        """The parts of the answer."""
        return _read_parts(self.content)


def read_item(item: object) -> Reply | BaseException:
    """Read one item of a script. Raises `ScriptError` for what is no answer."""
    if isinstance(item, Reply):
        _read_parts(item.content)
        return item
    if isinstance(item, BaseException):
        return item
    if isinstance(item, type):
        kind = cast("type[object]", item)
        if issubclass(kind, BaseException):
            return kind("the script says so")
    if isinstance(item, dict):
        return Reply(msgspec.json.encode(item).decode())
    return Reply(_read_parts(item))


def _read_parts(content: object) -> list[Part]:
    if isinstance(content, str):
        return [Text(content)] if content else []
    if isinstance(content, Message):
        return list(content.content)
    if isinstance(content, (Text, Reasoning, Refusal, ToolCall)):
        return [content]
    if isinstance(content, (list, tuple)):
        return [part for item in cast("Sequence[object]", content) for part in _read_parts(item)]
    raise ScriptError(
        f"a {type(content).__name__} is no answer of a scripted model: give a string, a dict (sent as JSON text),"
        " a ToolCall, a Message, a list of parts, a Reply, an exception, or a function of the request"
    )


def encode_whole(reply: Reply, model: str, input_tokens: int) -> bytes:
    """Return the body of a whole answer, as `openai_chat` has it."""
    parts = reply.parts
    message: dict[str, Any] = {"role": "assistant", "content": _text(parts, Text) or None}
    if reasoning := _text(parts, Reasoning):
        message["reasoning_content"] = reasoning
    if refusal := _text(parts, Refusal):
        message["refusal"] = refusal
    if calls := [part for part in parts if isinstance(part, ToolCall)]:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": write_arguments(call)}}
            for call in calls
        ]
    body: dict[str, Any] = {
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "model": reply.model or model,
        "choices": [{"index": 0, "message": message, "finish_reason": _finish_reason(reply, parts)}],
    }
    if usage := _write_usage(reply, parts, input_tokens):
        body["usage"] = usage
    return msgspec.json.encode(body)


def encode_stream(reply: Reply, model: str, input_tokens: int) -> Iterator[bytes]:
    """Yield the events of a streamed answer: a word each, and the arguments of a tool call in two pieces."""
    parts = reply.parts
    head = {"id": "chatcmpl-scripted", "object": "chat.completion.chunk", "model": reply.model or model}

    def write(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        choices = [{"index": 0, "delta": delta, "finish_reason": finish_reason}]
        return _write_event({**head, "choices": choices})

    yield write({"role": "assistant", "content": ""})
    index = 0
    for part in parts:
        if isinstance(part, ToolCall):
            for delta in _call_deltas(part, index):
                yield write({"tool_calls": [delta]})
            index += 1
        elif isinstance(part, (Text, Reasoning, Refusal)):
            field = {Text: "content", Reasoning: "reasoning_content", Refusal: "refusal"}[type(part)]
            for word in _WORDS.findall(part.text):
                yield write({field: word})
    yield write({}, _finish_reason(reply, parts))
    if usage := _write_usage(reply, parts, input_tokens):
        yield _write_event({**head, "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def encode_error(error: APIStatusError) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of the answer that stands for `error`."""
    status, code = next(
        ((status, code) for kind, status, code in _STATUSES if isinstance(error, kind)), (error.status or 500, None)
    )
    headers = {"content-type": "application/json", **error.headers}
    if error.retry_after_s is not None:
        headers["retry-after"] = f"{error.retry_after_s:g}"
    report = {"message": error.message, "type": "scripted", "code": error.code or code, "param": error.param}
    return error.status or status, headers, msgspec.json.encode({"error": report})


def write_arguments(call: ToolCall) -> str:
    """Return the arguments of `call` as the model wrote them."""
    if call.invalid_arguments is not None:
        return call.invalid_arguments
    return msgspec.json.encode(call.arguments).decode()


def _call_deltas(call: ToolCall, index: int) -> Iterator[dict[str, Any]]:
    arguments = write_arguments(call)
    middle = len(arguments) // 2
    yield {"index": index, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
    for piece in (arguments[:middle], arguments[middle:]):
        yield {"index": index, "function": {"arguments": piece}}


def _write_event(body: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(body) + b"\n\n"


def _finish_reason(reply: Reply, parts: Sequence[Part]) -> str:
    has_calls = any(isinstance(part, ToolCall) for part in parts)
    return reply.finish_reason or ("tool_calls" if has_calls else "stop")


def _text(parts: Sequence[Part], kind: type[Text | Reasoning | Refusal]) -> str:
    return "".join(part.text for part in parts if isinstance(part, kind))


def _write_usage(reply: Reply, parts: Sequence[Part], input_tokens: int) -> dict[str, Any] | None:
    usage = reply.usage
    if usage is False:
        return None
    if isinstance(usage, Usage):
        given = {"prompt_tokens": usage.input_tokens, "completion_tokens": usage.output_tokens}
        details = {"cached_tokens": usage.cached_input_tokens}
        return {**given, "total_tokens": usage.total_tokens, "prompt_tokens_details": details,
                "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens}}  # fmt: skip
    reasoning = estimate_text_tokens(_text(parts, Reasoning))
    output = reasoning + estimate_text_tokens(_text(parts, Text) + _text(parts, Refusal))
    for part in parts:
        if isinstance(part, ToolCall):
            output += estimate_text_tokens(part.name + write_arguments(part))
    counts: dict[str, Any] = {
        "prompt_tokens": input_tokens,
        "completion_tokens": output,
        "total_tokens": input_tokens + output,
    }
    if reasoning:
        counts["completion_tokens_details"] = {"reasoning_tokens": reasoning}
    return counts
