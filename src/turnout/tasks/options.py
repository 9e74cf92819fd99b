"""The options that every call of a task takes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypedDict

from turnout.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from turnout.call.budget import Budget
    from turnout.media import MediaLimits
    from turnout.requests import Timeouts
    from turnout.routing.capabilities import Check
    from turnout.transport.seam import Transport


class SharedOptions(TypedDict, total=False):
    """What the call of any task takes, embeddings included.

    `check` says what becomes of a model that the catalog lists for another task: ``"raise"``, ``"warn"`` or ``"off"``.
    `max_cost_usd` limits what the call may cost (USD, or a `Budget`), and `pace` lets its requests wait for the
    provider's rate limit. The others are those of an `Agent`. Calls over one `transport` share what is learned of its
    servers.
    """

    check: Check
    max_cost_usd: float | Decimal | str | Budget | None
    pace: bool
    provider_options: Mapping[str, Mapping[str, Any]] | None
    headers: Mapping[str, str] | None
    api_key: str | None
    timeouts: Timeouts | Mapping[str, Any] | None
    max_retries: int | None
    transport: Transport | None


class TaskOptions(SharedOptions, total=False):
    """What a call takes beside its own arguments, the same for images, speech, transcription and reranking.

    They are those of `SharedOptions`, and `media`, which limits the files and URLs that are read.
    """

    media: MediaLimits | Mapping[str, Any] | None


_NAMES = frozenset(TaskOptions.__annotations__)


def check_names(call: str, options: Mapping[str, Any]) -> None:
    """Raise `TypeError` for an option that no call of a task takes, as Python does for an argument."""
    if unknown := options.keys() - _NAMES:
        known = ", ".join(sorted(_NAMES))
        raise TypeError(f"{call}() takes no option {min(unknown)!r}: the options beside its own are {known}")


def read_text(name: str, value: object) -> str:
    """Return a text that a task is given. Raises `InvalidInputError` for what is no text, or an empty one."""
    if not isinstance(value, str):
        raise InvalidInputError(f"{name}= is a {type(value).__name__}: give a string")
    if not value.strip():
        raise InvalidInputError(f"{name}= is empty: give the text that it is about")
    return value


def read_word(name: str, value: object) -> str | None:
    """Return a setting that is a word of the provider's. Raises `InvalidInputError` for what is no text."""
    if value is not None and not isinstance(value, str):
        raise InvalidInputError(f"{name}={value!r}: give a string, or None")
    return value or None


def read_number(name: str, value: object, least: float) -> float | None:
    """Return a setting that is a number of at least `least`. Raises `InvalidInputError`."""
    if value is None:
        return None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not least <= value < math.inf:  # pyright: ignore[reportOperatorIssue] - a number
        raise InvalidInputError(f"{name}={value!r}: give a number of {least:g} or more, or None")
    return value  # pyright: ignore[reportReturnType] - a number
