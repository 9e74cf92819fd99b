"""The JSON of an answer, whole or one event of a stream, read into structs: strictly and fast, else leniently."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from turnout.protocols.json_reading import as_count, as_text, is_array, is_object, objects, write_again


class Function(Struct):
    """The name and the arguments (JSON text, or a piece of it) of a tool call."""

    name: str | None = None
    arguments: str | None = None


class Custom(Struct):
    """The name and the input (any text, or a piece of it) of a call of one of OpenAI's custom tools."""

    name: str | None = None
    input: str | None = None


class Call(Struct):
    """A tool call, or a piece of one."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None
    custom: Custom | None = None
    extra_content: Any = None  # Google's signatures, which it wants back


class Delta(Struct):
    """What a choice says: a whole `message`, or the `delta` of one event. Fields that nobody here reads are left out.

    The fields typed `Any` are looked at where they are used, because providers disagree about them.
    """

    content: str | list[Any] | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    tool_calls: list[Call] | None = None
    function_call: Function | None = None  # before tool_calls; some servers still send it
    reasoning_details: Any = None
    executed_tools: Any = None
    images: Any = None
    audio: Any = None
    annotations: Any = None


class Choice(Struct):
    """One of the answers asked for: `delta` in a stream, `message` in a whole answer."""

    index: int | None = None
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: str | None = None
    logprobs: Any = None


_Count = Annotated[int, Meta(ge=0)] | None


class TokenDetails(Struct):
    """What kinds of tokens are among those of the input, or of the output."""

    cached_tokens: _Count = None
    cache_write_tokens: _Count = None  # OpenRouter
    reasoning_tokens: _Count = None
    audio_tokens: _Count = None


class TokenCounts(Struct):
    """The `usage` of an answer, with every name that was seen."""

    prompt_tokens: _Count = None
    completion_tokens: _Count = None
    total_tokens: _Count = None
    prompt_tokens_details: TokenDetails | None = None
    completion_tokens_details: TokenDetails | None = None
    input_tokens: _Count = None
    output_tokens: _Count = None
    input_tokens_details: TokenDetails | None = None
    output_tokens_details: TokenDetails | None = None
    cached_tokens: _Count = None  # Together, Moonshot
    num_cached_tokens: _Count = None  # Mistral
    prompt_cache_hit_tokens: _Count = None  # DeepSeek
    cache_read_input_tokens: _Count = None  # gateways to Anthropic
    cache_creation_input_tokens: _Count = None  # gateways to Anthropic
    reasoning_tokens: _Count = None
    server_tool_use: Any = None  # gateways to Anthropic
    server_tool_use_details: Any = None  # OpenRouter
    num_sources_used: Any = None  # xAI
    num_search_queries: Any = None  # Perplexity


USES = ("server_tool_use", "server_tool_use_details", "num_sources_used", "num_search_queries")
"""The fields of `TokenCounts` that are no tokens, but may be billed beside them."""


class Body(Struct):
    """A whole answer (`chat.completion`) or one event (`chat.completion.chunk`)."""

    id: str | None = None
    model: str | None = None
    choices: list[Choice] | None = None
    usage: TokenCounts | None = None
    error: Any = None
    x_groq: Any = None
    search_results: Any = None  # Perplexity
    citations: Any = None  # Perplexity, xAI
    service_tier: Any = None


read_strictly = msgspec.json.Decoder(Body).decode
"""Read the JSON of a well-behaved provider. Raises `ValueError` (several kinds) or `RecursionError` for any other."""


def convert_leniently(value: dict[str, Any]) -> Body:
    """Read an answer whose fields are not all of the type that they should be: what cannot be used counts as absent."""
    return Body(
        id=as_text(value.get("id")),
        model=as_text(value.get("model")),
        choices=[_convert_choice(item) for item in objects(value.get("choices"))],
        usage=convert_counts(value.get("usage")),
        error=value.get("error"),
        x_groq=value.get("x_groq"),
        search_results=value.get("search_results"),
        citations=value.get("citations"),
        service_tier=value.get("service_tier"),
    )


def convert_counts(value: object) -> TokenCounts | None:
    """Read a `usage` leniently; `None` where it is no object, or an empty one."""
    if not value or not is_object(value):
        return None
    fields: dict[str, Any] = {name: as_count(value.get(name)) for name in TokenCounts.__struct_fields__}
    for name in fields:
        if name.endswith("_tokens_details"):
            fields[name] = _convert_details(value.get(name))
    fields |= {name: value.get(name) for name in USES}
    return TokenCounts(**fields)


def _convert_details(item: object) -> TokenDetails | None:
    if not is_object(item):
        return None
    return TokenDetails(**{name: as_count(item.get(name)) for name in TokenDetails.__struct_fields__})


def _convert_choice(item: dict[str, Any]) -> Choice:
    return Choice(
        index=as_count(item.get("index")),
        delta=_convert_delta(item.get("delta")),
        message=_convert_delta(item.get("message")),
        finish_reason=as_text(item.get("finish_reason")),
        logprobs=item.get("logprobs"),
    )


def _convert_delta(item: object) -> Delta | None:
    if not is_object(item):
        return None
    content = item.get("content")
    if is_object(content):
        content = [content]
    return Delta(
        content=content if is_array(content) else as_text(content),
        reasoning=as_text(item.get("reasoning")),
        reasoning_content=as_text(item.get("reasoning_content")),
        refusal=as_text(item.get("refusal")),
        tool_calls=[_convert_call(call) for call in objects(item.get("tool_calls"))],
        function_call=_convert_function(item.get("function_call")),
        reasoning_details=item.get("reasoning_details"),
        executed_tools=item.get("executed_tools"),
        images=item.get("images"),
        annotations=item.get("annotations"),
        audio=item.get("audio"),
    )


def _convert_call(item: dict[str, Any]) -> Call:
    custom = item.get("custom")
    return Call(
        index=as_count(item.get("index")),
        id=as_text(item.get("id")),
        function=_convert_function(item.get("function")),
        custom=Custom(as_text(custom.get("name")), as_text(custom.get("input"))) if is_object(custom) else None,
        extra_content=item.get("extra_content"),
    )


def _convert_function(item: object) -> Function | None:
    if not is_object(item):
        return None
    arguments = item.get("arguments")
    if is_object(arguments) or is_array(arguments):
        arguments = write_again(arguments)
    return Function(name=as_text(item.get("name")), arguments=as_text(arguments))
