"""The plot of a run: panels of horizontal bars on a logarithmic scale, as SVG."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, LABEL, VALUE = 760, 130, 80
BAR, GAP, TITLE = 16, 5, 34
INK, OWN, OTHER = "#24292f", "#0a7d5a", "#9aa6b2"


@dataclass
class Panel:
    """One figure: a bar for each name, with its value in `unit`."""

    title: str
    unit: str
    bars: list[tuple[str, float]]


def draw(panels: Sequence[Panel]) -> str:
    """Return the panels below each other, as an SVG document."""
    parts: list[str] = []
    top = 10
    for panel in panels:
        if panel.bars:
            parts.append(_draw_panel(panel, top))
            top += TITLE + len(panel.bars) * (BAR + GAP) + 14
    style = f'font-family="system-ui, sans-serif" font-size="12" fill="{INK}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" viewBox="0 0 {WIDTH} {top}" {style}>\n'
        f'<rect width="{WIDTH}" height="{top}" fill="white"/>\n' + "".join(parts) + "</svg>\n"
    )


def _draw_panel(panel: Panel, top: int) -> str:
    least = min(value for _, value in panel.bars)
    most = max(value for _, value in panel.bars)
    low = 10 ** math.floor(math.log10(max(least, 0.01)) - 0.01)
    span = math.log10(max(most, low * 10) / low)
    room = WIDTH - LABEL - VALUE
    parts = [f'<text x="10" y="{top + 16}" font-weight="600">{escape(panel.title)} (logarithmic)</text>\n']
    for number, (name, value) in enumerate(panel.bars):
        y = top + TITLE + number * (BAR + GAP) - 6
        width = max(room * math.log10(max(value, low) / low) / span, 1)
        colour = OWN if name == "turnout" else OTHER
        shown = f"{value:,.1f}" if value < 10 else f"{value:,.0f}"
        parts.append(
            f'<text x="{LABEL - 8}" y="{y + 12}" text-anchor="end">{escape(name.replace("_", "-"))}</text>'
            f'<rect x="{LABEL}" y="{y}" width="{width:.0f}" height="{BAR}" fill="{colour}"/>'
            f'<text x="{LABEL + width + 6:.0f}" y="{y + 12}">{shown}{panel.unit}</text>\n'
        )
    return "".join(parts)
