"""Tokens used, and what they cost. Unknown is `None`, never 0."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from msgspec import Struct

_PER_MILLION = Decimal(1_000_000)
_NOTHING = Decimal(0)
LONG_WRITE_FACTOR = 2
"""What writing to a cache that holds an hour costs, as a multiple of plain input: all of Anthropic's models, and those
of its clouds. Source: https://platform.claude.com/docs/en/about-claude/pricing, 2026-11-25."""


class Usage(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """Tokens of one model call, or of a whole run. A count that the provider did not tell is `None`.

    `input_tokens` is all input, cached included; `output_tokens` is all output, reasoning included. The other counts
    are parts of these two: `cache_write_1h_tokens` those of `cache_write_tokens` that are kept for an hour and not for
    minutes, `cached_audio_tokens` those that are both in `cached_input_tokens` and in `audio_input_tokens`. Where a
    provider bills fewer tokens than the model read, these are the billed ones.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    audio_input_tokens: int | None = None
    audio_output_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    cached_audio_tokens: int | None = None

    def __add__(self, other: Usage) -> Usage:
        """Add two usages; a count that neither knows stays `None`."""
        return Usage(
            **{
                name: None if mine is None and theirs is None else (mine or 0) + (theirs or 0)
                for name in self.__struct_fields__
                for mine, theirs in [(getattr(self, name), getattr(other, name))]
            }
        )

    def __str__(self) -> str:
        def show(count: int | None) -> str:
            return "?" if count is None else str(count)

        return f"{show(self.input_tokens)} in + {show(self.output_tokens)} out tokens"


class Cost(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """What a call or a run cost, in USD as exact decimals. A part whose price or count is unknown is `None`.

    `total` is the sum of the parts, and `None` as soon as one of them is unknown. Tokens that come from the cache are
    in `cache_read` and not in `input`; tokens written to it are in `cache_write`.
    """

    total: Decimal | None = None
    input: Decimal | None = None
    output: Decimal | None = None
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None

    def __add__(self, other: Cost) -> Cost:
        """Add two costs; a part that one of them does not know is unknown in the sum."""
        return Cost(**{name: _add(getattr(self, name), getattr(other, name)) for name in self.__struct_fields__})

    def __str__(self) -> str:
        return "cost unknown" if self.total is None else f"${self.total.normalize():f}"


class Prices(Protocol):
    """The prices of one call in USD per 1M tokens, `None` where unknown; `catalog.Model.tier_for` gives them."""

    @property
    def input_price(self) -> Decimal | None:
        """Input that is neither cached nor audio."""
        ...

    @property
    def output_price(self) -> Decimal | None:
        """Output that is neither reasoning nor audio."""
        ...

    @property
    def cache_read_price(self) -> Decimal | None:
        """Input read from the cache."""
        ...

    @property
    def cache_write_price(self) -> Decimal | None:
        """Input written to the cache."""
        ...

    @property
    def reasoning_price(self) -> Decimal | None:
        """Reasoning, where it costs other than output."""
        ...

    @property
    def audio_input_price(self) -> Decimal | None:
        """Audio that goes in, where it costs other than input."""
        ...

    @property
    def audio_output_price(self) -> Decimal | None:
        """Audio that comes out, where it costs other than output."""
        ...


def compute_cost(usage: Usage, prices: Prices | None) -> Cost:
    """Return the cost of `usage` in USD at `prices` (USD per 1M tokens); `None` in it is what is unknown.

    A model without a price of its own for cached, reasoning or audio tokens bills them as plain input or output:
    models.dev gives such a price where a provider has one. It gives no price of writes to the cache that are kept for
    an hour: they cost twice the input. Each token is charged once, also audio that came from the cache.
    """
    if prices is None or usage.input_tokens is None or usage.output_tokens is None:
        return Cost()
    read, write = usage.cached_input_tokens or 0, usage.cache_write_tokens or 0
    audio_in = usage.audio_input_tokens or 0 if prices.audio_input_price is not None else 0
    audio_out = usage.audio_output_tokens or 0 if prices.audio_output_price is not None else 0
    reasoning = usage.reasoning_tokens or 0 if prices.reasoning_price is not None else 0
    both = _find_cached_audio(usage, prices, read, audio_in) if read and audio_in else 0
    own, by = prices.input_price, prices.output_price
    answered = _charge(max(usage.output_tokens - reasoning - audio_out, 0), by)
    if reasoning:
        answered = _add(answered, _charge(reasoning, prices.reasoning_price))
    if audio_out:
        answered = _add(answered, _charge(audio_out, prices.audio_output_price))
    given, cached, written = None, None, _NOTHING
    if both is not None:
        given = _charge(max(usage.input_tokens - read - write - audio_in + both, 0), own)
        cached = _charge(read - both, own if prices.cache_read_price is None else prices.cache_read_price)
        if audio_in > both:
            given = _add(given, _charge(audio_in - both, prices.audio_input_price))
        if both:
            cached = _add(cached, _charge_cached_audio(both, prices))
    if write:
        written = _charge_writes(write, min(usage.cache_write_1h_tokens or 0, write), prices)
    total = _add(given, answered)
    if read or write:
        total = _add(total, _add(cached, written))
    return Cost(total=total, input=given, output=answered, cache_read=cached, cache_write=written)


def _charge_writes(write: int, long: int, prices: Prices) -> Decimal | None:
    """Return what `write` tokens cost that were written to the cache, `long` of them for an hour."""
    own = prices.input_price
    written = _charge(write - long, own if prices.cache_write_price is None else prices.cache_write_price)
    return _add(written, _charge(long, None if own is None else own * LONG_WRITE_FACTOR)) if long else written


def _find_cached_audio(usage: Usage, prices: Prices, read: int, audio: int) -> int | None:
    """Return how many tokens are cached and audio; `None` where that is unknown and the price depends on it."""
    assert usage.input_tokens is not None  # noqa: S101 - for the type checker
    least = max(read + audio - usage.input_tokens, 0)
    told = usage.cached_audio_tokens
    if told is not None:
        return min(told, read, audio)
    depends = prices.cache_read_price is not None and prices.audio_input_price != prices.input_price
    return None if depends and least < min(read, audio) else min(least, read, audio)


def _charge_cached_audio(tokens: int, prices: Prices) -> Decimal | None:
    """Return what audio from the cache costs: the share of the price of audio that cached text has of that of text.

    That holds for all of Google's models: https://ai.google.dev/gemini-api/docs/pricing, 2026-11-25.
    """
    own, audio, read = prices.input_price, prices.audio_input_price, prices.cache_read_price
    if read is None:
        return _charge(tokens, audio)
    if own is None or audio is None or (own == 0 and audio != 0):
        return None
    return _charge(tokens, read if audio == own else audio * read / own)


def _charge(tokens: int, price: Decimal | None) -> Decimal | None:
    if tokens == 0:
        return _NOTHING
    return None if price is None else tokens * price / _PER_MILLION


def _add(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    if one is None or other is None:
        return None
    return one + other
