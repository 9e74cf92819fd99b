"""Texts cut into requests: so many texts, tokens and bytes at most in each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from turnout.tokens import estimate_text_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from turnout.catalog.quirks import Quirks

_FRAME_BYTES = 4096
"""Left free in a body for what is in it beside the texts."""


class BatchLimits(Struct, frozen=True, kw_only=True):
    """What one request may hold: texts, estimated tokens, and bytes where a limit is known."""

    texts: int
    tokens: int
    bytes: int | None = None

    @classmethod
    def of(cls, quirks: Sequence[Quirks], batch_size: int | None) -> BatchLimits:
        """Return limits that every one of the providers keeps; `batch_size` is the caller's own for texts."""
        bodies = [each.max_body_bytes for each in quirks if each.max_body_bytes is not None]
        return cls(
            texts=batch_size or min(each.max_embedding_texts for each in quirks),
            tokens=min(each.max_embedding_tokens for each in quirks),
            bytes=min(bodies) - _FRAME_BYTES if bodies else None,
        )


def split_texts(texts: Sequence[str], limits: BatchLimits) -> Iterator[range]:
    """Yield the indexes of each batch, in order; a text that is over a limit alone is a batch of its own."""
    start = tokens = size = 0
    for index, text in enumerate(texts):
        more_tokens = estimate_text_tokens(text)
        more_bytes = 0 if limits.bytes is None else _escaped_size(text)
        is_full = (
            index - start >= limits.texts
            or tokens + more_tokens > limits.tokens
            or (limits.bytes is not None and size + more_bytes > limits.bytes)
        )
        if is_full and index > start:
            yield range(start, index)
            start, tokens, size = index, 0, 0
        tokens += more_tokens
        size += more_bytes
    if start < len(texts):
        yield range(start, len(texts))


def _escaped_size(text: str) -> int:
    """Return at most how many bytes `text` takes in JSON: an escaped character two, a control character six."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
    if text.isprintable() and '"' not in text and "\\" not in text:
        return size + 3
    return size + 3 + sum(5 if letter < " " else 1 for letter in text if letter < " " or letter in '"\\')
