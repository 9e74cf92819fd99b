"""The `usageMetadata` of an answer as a `Usage`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols.json_reading import as_count, as_text, objects
from turnout.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

_INPUT = ("promptTokenCount", "toolUsePromptTokenCount")
_OUTPUT = ("candidatesTokenCount", "thoughtsTokenCount")
_INPUT_DETAILS = ("promptTokensDetails", "toolUsePromptTokensDetails")


def read_usage(told: Mapping[str, Any]) -> Usage:
    """Return the tokens that a `usageMetadata` tells.

    The prompt counts what came from the cache, and neither what tools of the provider put in nor the thoughts:
    https://ai.google.dev/api/generate-content#UsageMetadata. A total that is more than the counts together shows
    output that no count names.
    """
    given, answered = _sum(told, _INPUT), _sum(told, _OUTPUT)
    total, cached = as_count(told.get("totalTokenCount")), as_count(told.get("cachedContentTokenCount"))
    audio = _count_audio(told, _INPUT_DETAILS)
    cached_audio = _count_audio(told, ("cacheTokensDetails",))
    if cached_audio is None and told.get("cacheTokensDetails"):
        cached_audio = 0  # what was cached is told, and none of it is audio
    if given is not None and total is not None and total > given + (answered or 0):
        answered = total - given
    if total is None and given is not None and answered is not None:
        total = given + answered
    return Usage(
        input_tokens=given,
        output_tokens=0 if answered is None and given is not None and total == given else answered,
        total_tokens=total,
        cached_input_tokens=cached,
        reasoning_tokens=as_count(told.get("thoughtsTokenCount")),
        audio_input_tokens=audio,
        audio_output_tokens=_count_audio(told, ("candidatesTokensDetails",)),
        cached_audio_tokens=cached_audio if cached and audio else None,
    )


def read_terms(told: Mapping[str, Any]) -> list[str | None]:
    """Return on which terms the provider answered: the word of the Gemini API, and that of Vertex AI."""
    return [as_text(told.get("serviceTier")), as_text(told.get("trafficType"))]


def has_counts(told: Mapping[str, Any]) -> bool:
    """Tell whether a `usageMetadata` tells any count."""
    return any(as_count(told.get(name)) is not None for name in (*_INPUT, *_OUTPUT, "totalTokenCount"))


def write_usage(usage: Usage) -> dict[str, Any]:
    """Return `usage` as a `usageMetadata`."""
    thoughts = usage.reasoning_tokens
    answered = usage.output_tokens if thoughts is None else max((usage.output_tokens or 0) - thoughts, 0)
    counts: dict[str, Any] = {
        "promptTokenCount": usage.input_tokens,
        "candidatesTokenCount": answered,
        "totalTokenCount": usage.total_tokens,
        "cachedContentTokenCount": usage.cached_input_tokens,
        "thoughtsTokenCount": thoughts,
        "promptTokensDetails": _write_audio(usage.audio_input_tokens),
        "candidatesTokensDetails": _write_audio(usage.audio_output_tokens),
        "cacheTokensDetails": _write_audio(usage.cached_audio_tokens),
    }
    return {name: count for name, count in counts.items() if count is not None}


def _sum(told: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    counts = [count for name in names if (count := as_count(told.get(name))) is not None]
    return sum(counts) if counts else None


def _count_audio(told: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    counts = [
        count
        for name in names
        for detail in objects(told.get(name))
        if as_text(detail.get("modality")) == "AUDIO" and (count := as_count(detail.get("tokenCount"))) is not None
    ]
    return sum(counts) if counts else None


def _write_audio(count: int | None) -> list[dict[str, Any]] | None:
    return None if count is None else [{"modality": "AUDIO", "tokenCount": count}]
