"""What a request needs, compared with what the catalog says of the model, before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from turnout.errors import UnsupportedFeatureError
from turnout.messages import Audio, File, Image, Refusal, Text, Video
from turnout.responses import Warning

if TYPE_CHECKING:
    from collections.abc import Sequence, Set

    from turnout.catalog.types import Model
    from turnout.messages import Message
    from turnout.requests import ModelRequest
    from turnout.routing.features import Feature
    from turnout.routing.route import Route

Check = Literal["raise", "warn", "off"]
"""What becomes of a request that the catalog says the model cannot take: an error, a warning, or nothing."""

_MEDIA: dict[type[object], Feature] = {Image: "image", Audio: "audio", Video: "video"}
_MEDIA_KINDS = frozenset((*_MEDIA, File))
_PLAIN = frozenset((Text, Refusal))
_CHATTING = ("chat", "moderation")
CALLS: dict[str, str] = {
    "chat": "call `generate` with it",
    "moderation": "call `generate` with it",
    "embedding": "call `embed` with it",
    "image": "call `turnout.images.generate_image` with it",
    "speech": "call `turnout.speech.speak` with it",
    "transcription": "call `turnout.transcription.transcribe` with it",
    "rerank": "call `turnout.reranking.rerank` with it",
}
"""What to do with a model of each kind; turnout has no call for the others."""


def check_request(
    request: ModelRequest,
    route: Route,
    *,
    check: Check = "raise",
    emulates_tools: bool = False,
    kinds: Set[type[object]] | None = None,
) -> list[Warning]:
    """Compare `request` with the catalog's facts of the model of `route`; return what the caller should know.

    Raises `UnsupportedFeatureError`, which names three models that have it, where the model is known to lack an input
    kind of the messages, tools (unless `emulates_tools`) or the output mode that was set; and for a model that is no
    chat model. What is unknown passes. A prompt that is estimated to be over the model's context, tools and schema
    included, is a warning (``"context_limit"``). `check`: ``"warn"`` makes warnings of the errors, ``"off"`` checks
    nothing. `kinds` are the classes of the parts of the messages, where the caller knows them.
    """
    facts = route.facts
    if facts is None or check == "off":
        return []
    if kinds is None:
        kinds = {type(part) for message in request.messages for part in message.content}
    needs_more = bool(request.tools) or request.output is not None
    warnings: list[Warning] = []
    if needs_more or not kinds.isdisjoint(_MEDIA_KINDS) or facts.kind not in _CHATTING:
        warnings = _check_features(request, route, facts, check, emulates_tools=emulates_tools)
    limit = facts.max_input or facts.context
    if limit is not None and (needs_more or _may_be_over(limit, request.messages, kinds)):
        warnings += _check_length(request, route, limit)
    return warnings


def _may_be_over(limit: int, messages: Sequence[Message], kinds: Set[type[object]]) -> bool:
    """Tell whether the messages are worth an estimate: of plain text, by its length alone, which is far cheaper."""
    if not kinds <= _PLAIN:
        return True
    size = 0
    for message in messages:
        size += 4
        for part in message.content:
            size += len(part.text)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType] - plain parts have one
    return size * 2 > limit  # the estimate is never over two tokens a character


def _check_features(
    request: ModelRequest, route: Route, facts: Model, check: Check, *, emulates_tools: bool
) -> list[Warning]:
    from turnout.routing.features import lacks, list_alternatives, say

    needs = list_needs(request)
    if emulates_tools:
        needs.pop("tools", None)
    missing: list[Feature] = [need for need in needs if lacks(need, facts, route.quirks)]
    if facts.kind not in _CHATTING:
        cure = CALLS.get(facts.kind, "turnout has no call for these yet")
        message = f"`{facts.id}` is no chat model ({facts.kind}): {cure}"
    elif missing:
        others = list_alternatives(facts, list(needs))
        cure = f"take {' or '.join(others)}" if others else "the catalog lists no model that does"
        message = f"`{facts.id}` takes no {' and no '.join(say(need) for need in missing)}, says the catalog: {cure}"
    else:
        return []
    if check == "raise":
        message += ', or pass check="warn" if the catalog is wrong' if facts.kind in _CHATTING else ""
        raise UnsupportedFeatureError(message, provider=route.provider, model=route.model)
    return [Warning("unsupported_feature", message)]


def list_needs(request: ModelRequest) -> dict[Feature, None]:
    """Return what `request` asks of a model beside text, in order: input kinds, tools, the output mode that was set."""
    needs: dict[Feature, None] = {}
    for message in request.messages:
        for part in message.content:
            if (need := _MEDIA.get(type(part))) is not None:
                needs[need] = None
            elif isinstance(part, File) and (kind := _file_kind(part)) is not None:
                needs[kind] = None
    if request.tools:
        needs["tools"] = None
    mode = None if request.output is None else request.output.mode
    if mode == "tool":
        needs["tools"] = None
    elif mode == "json_schema" or mode == "json_object":  # noqa: PLR1714 - this way the type checker follows
        needs[mode] = None
    return needs


def _file_kind(part: File) -> Feature | None:
    """Return what a model must take for `part`: a PDF, any other file, or nothing where it goes as text."""
    from turnout.media import sniff_media_type

    declared = part.media_type or ""
    if part.data is not None:
        declared = sniff_media_type(part.data) or declared
    elif part.url is not None and not declared:
        declared = part.url[5:80].partition(";")[0].partition(",")[0] if part.url[:5].lower() == "data:" else part.url
    if declared.partition("?")[0].lower().endswith("pdf"):
        return "pdf"
    return "file"


def _check_length(request: ModelRequest, route: Route, limit: int) -> list[Warning]:
    from turnout.tokens import estimate_request_tokens

    tokens = estimate_request_tokens(request)
    if tokens <= limit:
        return []
    told = f"the prompt has about {tokens:,} tokens, and `{route.asked}` takes {limit:,}"
    return [Warning("context_limit", f"{told}: shorten it, or take another model")]
