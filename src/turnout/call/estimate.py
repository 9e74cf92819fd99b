"""What a call may cost at most, estimated before it is sent, and what a broken one has cost, estimated after."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from turnout.messages import Audio
from turnout.requests import ImageRequest, read_options
from turnout.usage import LONG_WRITE_FACTOR

if TYPE_CHECKING:
    from turnout.catalog.types import Model
    from turnout.requests import ModelRequest
    from turnout.routing.route import Route
    from turnout.usage import Prices

ASSUMED_OUTPUT_TOKENS = 4096
"""How long an answer is taken to be at most where neither the call nor the model limits it to less, in tokens."""

ASSUMED_IMAGE_PIXELS = 1536 * 1024
"""How large an image is taken to be where the call does not say, in pixels."""

MOST_IMAGE_PIXELS = 3840 * 2160
"""How large an image is where the call says so in another way than ``"1024x1024"``: the most of gpt-image-2.

Source: https://developers.openai.com/api/docs/guides/image-generation (size and quality options), 2026-11-25."""

_PIXELS = re.compile(r"(\d{1,5}) ?[x×*] ?(\d{1,5})", re.IGNORECASE)
_LENGTH_FIELDS = ("max_tokens", "max_completion_tokens")
_PER_MILLION = Decimal(1_000_000)


def estimate_cost(request: ModelRequest, route: Route, input_tokens: int) -> Decimal | None:
    """Return what `request` may cost in USD at the dearest price of each kind; `None` where a price is unknown.

    The answer is taken to be as long as `max_output_tokens` allows, else `ASSUMED_OUTPUT_TOKENS` or the model's own
    limit, whichever is less; an image has the tokens that its size may take.
    """
    facts = route.facts
    if facts is None:
        return None
    prices = facts.tier_for(input_tokens)
    input_price = _dearest_input(request, prices)
    output_price = _dearest(prices.output_price, prices.reasoning_price, prices.audio_output_price)
    if input_price is None or output_price is None:
        return None
    output_tokens = expect_output_tokens(request, route, facts)
    return (input_tokens * input_price + output_tokens * output_price) / _PER_MILLION


def estimate_partial_cost(facts: Model | None, input_tokens: int, output_tokens: int) -> Decimal | None:
    """Return what an answer has cost in USD of which `output_tokens` had come; `None` where a price is unknown."""
    if facts is None:
        return None
    prices = facts.tier_for(input_tokens)
    if prices.input_price is None or prices.output_price is None:
        return None
    return (input_tokens * prices.input_price + output_tokens * prices.output_price) / _PER_MILLION


def expect_output_tokens(request: ModelRequest, route: Route, facts: Model) -> int:
    """Return how many tokens the answer (or all answers, where ``n`` asks for several) may have at most."""
    if request.task in ("embedding", "rerank"):
        return 0
    options = read_options(request, route.provider)
    if isinstance(request, ImageRequest):
        count = _as_limit(options.get("n")) or request.count
        return count * expect_image_tokens(options.get("size", request.size))
    limits = [options.get(name) for name in _LENGTH_FIELDS]
    limits.append(request.settings.max_output_tokens)
    limit = next((count for value in limits if (count := _as_limit(value)) is not None), None)
    if limit is None:
        limit = ASSUMED_OUTPUT_TOKENS
        if facts.max_output is not None:
            limit = min(limit, facts.max_output)
    return limit * (_as_limit(options.get("n")) or 1)


def expect_image_tokens(size: object) -> int:
    """Return how many tokens an image of `size` (``"1024x1024"``, or any word of the provider's) may have at most.

    That is what gpt-image-2 counts for a square of that many pixels at high quality: (pixels + 2,000,000) · 96² /
    4,000,000, and no fewer than the models before it (1024 by 1536: 8,232 and not 6,240). Fitted to the calculator of
    OpenAI's guide: https://community.openai.com/t/1382699, 2026-11-25.
    """
    told = _PIXELS.fullmatch(size) if isinstance(size, str) else None
    pixels = MOST_IMAGE_PIXELS if told is None else min(int(told[1]) * int(told[2]), MOST_IMAGE_PIXELS)
    if size in (None, "", "auto"):
        pixels = ASSUMED_IMAGE_PIXELS
    return math.ceil((pixels + 2_000_000) * 96 * 96 / 4_000_000)


def _as_limit(value: object) -> int | None:
    """Return a number of 1 or more, rounded up; `None` for anything else, which limits nothing."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 1 <= value < math.inf:
        return None
    return math.ceil(value)


def _dearest_input(request: ModelRequest, prices: Prices) -> Decimal | None:
    has_audio = any(isinstance(part, Audio) for message in request.messages for part in message.content)
    audio = prices.audio_input_price if has_audio else None
    own, long = prices.input_price, None
    if own is not None and _asks_for_long_cache(request):
        long = own * LONG_WRITE_FACTOR
    return _dearest(own, prices.cache_write_price, audio, long)


def _asks_for_long_cache(request: ModelRequest) -> bool:
    """Whether some option asks for a cache that holds an hour: ``{"cache_control": {"ttl": "1h"}}``."""
    parts = [part for message in request.messages for part in message.content]
    holders: list[Any] = [request, *request.messages, *parts]
    return any(_has_long_ttl(getattr(holder, "provider_options", None)) for holder in holders)


def _has_long_ttl(value: Any) -> bool:
    if isinstance(value, dict):
        found = cast("dict[Any, Any]", value)
        return found.get("ttl") == "1h" or any(map(_has_long_ttl, found.values()))
    return isinstance(value, list) and any(map(_has_long_ttl, cast("list[Any]", value)))


def _dearest(price: Decimal | None, *others: Decimal | None) -> Decimal | None:
    """Return the highest of the known prices; `None` where the first, which every call pays, is unknown."""
    return None if price is None else max(price, *(other for other in others if other is not None), Decimal(0))
