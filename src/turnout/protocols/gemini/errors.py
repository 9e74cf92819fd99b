"""Error answers: what is Google's own in them, and prompts that were blocked in a 200."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from turnout.errors import ContentFilterError, redact_text
from turnout.protocols.errors import decode_error as decode_common
from turnout.protocols.json_reading import as_text, is_object, objects, try_read_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from turnout.errors import APIStatusError

_UNBLOCKED = ("", "BLOCK_REASON_UNSPECIFIED", "BLOCKED_REASON_UNSPECIFIED")


def decode_error(status: int, headers: Mapping[str, str], body: bytes, secrets: Sequence[str] = ()) -> APIStatusError:
    """Return the error that an answer with an error status stands for.

    Google tells how long to wait in the body (`google.rpc.RetryInfo`), and which quota is used up
    (`google.rpc.QuotaFailure`): one of a day is not worth a retry.
    """
    error = decode_common(status, headers, body, secrets)
    for detail in _find_details(try_read_json(body)):
        delay = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)s", as_text(detail.get("retryDelay")) or "")
        if delay:
            error.retry_after_s = float(delay[1])
        if any("PerDay" in (as_text(each.get("quotaId")) or "") for each in objects(detail.get("violations"))):
            error.is_retryable = False
    return error


def find_block(body: dict[str, Any], secrets: Sequence[str]) -> ContentFilterError | None:
    """Return the error for a prompt that was blocked, as an answer or event tells it; `None` where it was not."""
    feedback = body.get("promptFeedback")
    reason = (as_text(feedback.get("blockReason")) or "") if is_object(feedback) else ""
    if not is_object(feedback) or reason in _UNBLOCKED:
        return None
    words = as_text(feedback.get("blockReasonMessage")) or _name_categories(feedback)
    told = f": {redact_text(words, secrets)[:500].rstrip('.')}" if words else ""
    return ContentFilterError(
        f"the provider blocked the prompt ({redact_text(reason, secrets)[:100]}){told}: change what the messages say,"
        " or ask another model",
        code=reason,
        status=200,
    )


def _name_categories(feedback: dict[str, Any]) -> str:
    blocked = [rating for rating in objects(feedback.get("safetyRatings")) if rating.get("blocked") is True]
    return ", ".join([as_text(rating.get("category")) or "unknown" for rating in blocked])


def _find_details(value: object) -> list[dict[str, Any]]:
    if isinstance(value, list):
        value = next(iter(objects(value)), None)  # pyright: ignore[reportUnknownArgumentType]
    error = value.get("error") if is_object(value) else None
    return objects(error.get("details")) if is_object(error) else []
