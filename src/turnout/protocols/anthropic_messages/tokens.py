"""The `usage` of an answer, told in one piece or in several, as a `Usage`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols.json_reading import as_count, as_text, is_object
from turnout.protocols.unpriced import warn_of_tier, warn_of_use
from turnout.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.responses import Warning

_COUNTS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_TERMS = ("service_tier", "speed", "inference_geo")
_FREE = frozenset(("web_fetch_requests", "tool_search_requests"))
"""What costs its tokens alone: https://platform.claude.com/docs/en/about-claude/pricing, 2026-11-25."""
_WRITES = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")


class TokenCounter:
    """What the provider has told so far; a later count replaces an earlier one, for they are totals."""

    __slots__ = ("_counts", "_terms", "_thoughts", "_used", "_writes")

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._thoughts: int | None = None
        self._writes: dict[str, int] = {}
        self._terms: dict[str, str] = {}
        self._used: dict[str, int] = {}

    @property
    def has_counts(self) -> bool:
        """Whether anything was told."""
        return bool(self._counts)

    def add(self, told: Any) -> None:
        """Take in a `usage`; what is no count in it is left out."""
        if not is_object(told):
            return
        for name in _COUNTS:
            count = as_count(told.get(name))
            if count is not None:
                self._counts[name] = count
        details = told.get("output_tokens_details")
        if is_object(details) and (thoughts := as_count(details.get("thinking_tokens"))) is not None:
            self._thoughts = thoughts
        writes = told.get("cache_creation")
        if is_object(writes):
            self._writes |= {name: count for name in _WRITES if (count := as_count(writes.get(name))) is not None}
        self._terms |= {name: term for name in _TERMS if (term := as_text(told.get(name)))}
        used = told.get("server_tool_use")
        if is_object(used):
            self._used |= {name: as_count(count) or 0 for name, count in used.items() if name not in _FREE}

    def warn(self, secrets: Sequence[str]) -> list[Warning]:
        """Return what the answer costs beside its tokens, or at other prices, as warnings."""
        return [*warn_of_use(self._used, secrets), *warn_of_tier(self._terms.values(), secrets)]

    def read(self) -> Usage:
        """Return the tokens so far: all input, though Anthropic tells cached tokens beside its `input_tokens`."""
        given, answered, cached, written = (self._counts.get(name) for name in _COUNTS)
        if self._writes and written is None:
            written = sum(self._writes.values())
        if given is not None:
            given += (cached or 0) + (written or 0)
        return Usage(
            input_tokens=given,
            output_tokens=answered,
            total_tokens=None if given is None or answered is None else given + answered,
            cached_input_tokens=cached,
            cache_write_tokens=written,
            cache_write_1h_tokens=self._writes.get("ephemeral_1h_input_tokens"),
            reasoning_tokens=self._thoughts,
        )
