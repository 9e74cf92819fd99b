"""What an answer costs beside its tokens, or at other prices than the listed ones: the cost cannot hold it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.errors import redact_text
from turnout.responses import Warning

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

STANDARD_TIERS = frozenset(
    (
        *("", "auto", "default", "standard", "standard_only", "on_demand", "unspecified", "traffic_type_unspecified"),
        *("global", "not_available"),  # where Anthropic's models ran
    )
)
"""How providers name the terms that their listed prices hold for, in lower case.

``on_demand`` is Groq's word and Vertex AI's; the last two are values of Anthropic's ``inference_geo``.
"""


def warn_of_use(counts: Mapping[str, int], secrets: Sequence[str]) -> list[Warning]:
    """Return a warning where `counts`, how often each tool of the provider's own was used, holds any but 0."""
    used = [f"{redact_text(name, secrets)[:40]} ({count})" for name, count in sorted(counts.items()) if count]
    if not used:
        return []
    told = f"the provider may bill by the request what it did itself: {', '.join(used)}; `cost` is that of the tokens"
    return [Warning("unpriced_use", f"{told} alone")]


def warn_of_tier(told: Iterable[str | None], secrets: Sequence[str]) -> list[Warning]:
    """Return a warning where one of `told`, the terms of the answer as the provider names them, is not the standard."""
    names = [name for name in told if name is not None and name.lower() not in STANDARD_TIERS]
    others = [f'"{redact_text(name, secrets)[:40]}"' for name in names]
    if not others:
        return []
    what = f"the provider answered on other terms than the standard ones: {', '.join(others)}"
    return [Warning("unpriced_tier", f"{what}; `cost` is at the standard prices")]
