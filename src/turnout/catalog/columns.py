"""The columns in which models are shown, the same on the command line and in the documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

    from turnout.catalog.types import Model

COLUMNS = ("Model", "Context", "Tools", "Reasoning", "Image", "Audio", "Video", "Input $/1M", "Output $/1M")
"""The headings, in order; `row` gives the cells under them. Prices are USD per 1M tokens."""

UNKNOWN = "?"
"""What stands for a fact that the catalog lacks."""


def row(model: Model) -> list[str]:
    """Return the cells of `model`, one for each of `COLUMNS`; the first is its full id."""
    media = ("image", "audio", "video")
    return [
        model.id,
        format_context(model.context),
        format_flag(model.supports_tools),
        format_flag(model.supports_reasoning),
        *(format_flag(medium in model.input_modalities) for medium in media),
        format_price(model.input_price),
        format_price(model.output_price),
    ]


def format_context(tokens: int | None) -> str:
    """Return a context window, rounded to thousands or hundredths of millions: ``"131K"``, ``"1.05M"``, ``"512"``."""
    if tokens is None:
        return UNKNOWN
    if tokens < 1_000:
        return str(tokens)
    thousands = round(tokens / 1_000)
    if thousands < 1_000:
        return f"{thousands}K"
    return f"{tokens / 1_000_000:.2f}".rstrip("0").rstrip(".") + "M"


def format_price(price: Decimal | None) -> str:
    """Return a price exactly, with two decimals or more: ``"$0.74"``, ``"$0.0125"``, ``"free"``, ``"?"``."""
    if price is None:
        return UNKNOWN
    if price == 0:
        return "free"
    whole, _, decimals = f"{price.normalize():f}".partition(".")
    return f"${whole}.{decimals:0<2}"


def format_flag(fact: bool | None) -> str:
    """Return ``"yes"``, ``"-"`` for no, ``"?"`` for unknown (letters that every terminal has)."""
    if fact is None:
        return UNKNOWN
    return "yes" if fact else "-"


def format_retirement(model: Model) -> str:
    """Return ``"retired 2026-01-21, use ovhcloud/…"``; empty for a model that is alive."""
    if model.retired is None:
        return ""
    return f"retired {model.retired}" + (f", use {model.successor}" if model.successor else "")
