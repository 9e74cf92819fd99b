"""What came of one tool call."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class ToolOutcome(Struct, frozen=True, kw_only=True):
    """The answer to one tool call: `content` is what the model reads, `value` what the function returned.

    With `is_error` the content begins with ``Error:``, because not every wire format has a field for it; `error` is the
    exception where the tool raised one.
    """

    content: str
    is_error: bool = False
    value: Any = None
    error: Exception | None = None
