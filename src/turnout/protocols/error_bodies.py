"""What an error body says, in every shape that was seen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from turnout.errors import redact_bytes
from turnout.protocols.json_reading import as_text, is_array, is_object, objects, try_read_json
from turnout.responses import ErrorReport

if TYPE_CHECKING:
    from collections.abc import Sequence

_QUOTED_CHARS = 500
_TITLE = re.compile(r"<title[^<>]*>([^<]*)</title", re.IGNORECASE)
"""Stops at each ``<``, so that a page of nothing but opening tags takes no longer than any other of its size."""

_MESSAGE_NAMES = ("message", "msg", "error_message", "error_msg", "errorMessage", "detail", "title", "Message")


def read_error_body(body: bytes, secrets: Sequence[str]) -> ErrorReport | None:
    """Return what the body of an error answer says, without `secrets`; `None` where it is empty.

    Of a web page only the title is told, of plain text and unknown JSON the beginning.
    """
    return read_report(try_read_json(body), secrets) or _read_text(body.decode("utf-8", "replace"), secrets)


def read_hidden_report(value: object, secrets: Sequence[str]) -> ErrorReport | None:
    """Return the error in a 200 that has neither choices nor `error`; `None` where it does not show that it is one.

    vLLM says ``"object": "error"``, FastAPI ``"detail"``, Cloudflare ``"errors"``; Google sends an array.
    """
    if is_array(value):
        return read_report(value, secrets) if any("error" in item for item in objects(value)) else None
    if not is_object(value):
        return None
    is_one = "error" in (value.get("object"), value.get("type")) or value.get("detail") or value.get("errors")
    return read_report(value, secrets) if is_one else None


def read_report(value: object, secrets: Sequence[str]) -> ErrorReport | None:
    """Return what a decoded error body says: the words without `secrets`, the code, the field that it objects to."""
    if is_array(value):
        value = value[0] if value else None
    if isinstance(value, str):
        return ErrorReport(message=_shorten(value, secrets)) if value.strip() else None
    if not is_object(value):
        return None
    for holder in _find_holders(value):
        message, param = _read_message(holder)
        code = _read_code(holder) or _read_code(value)
        if message or code:
            message = (message or "the provider gave no reason") + _read_upstream(holder)
            param = param or as_text(holder.get("param")) or None
            return ErrorReport(message=_shorten(message, secrets), code=code, param=param, details=holder)
    return None


def _find_holders(value: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the objects that may hold the message, the likeliest first."""
    error = value.get("error")
    if is_object(error):
        return [error, value]
    if isinstance(error, str) and error:
        return [{**value, "message": value.get("message") or value.get("error_description") or error}]  # RFC 6749
    errors = value.get("errors")
    first = errors[0] if is_array(errors) and errors else None
    if isinstance(first, str):
        return [{"message": first}, value]
    return [first, value] if is_object(first) else [value]


def _read_message(holder: dict[str, Any]) -> tuple[str, str | None]:
    """Return the message, and the field that FastAPI's list of faults names."""
    for name in _MESSAGE_NAMES:
        words = holder.get(name)
        if isinstance(words, str) and words.strip():
            return words, None
        if is_object(words) and isinstance(words.get("message"), str):
            return words["message"], None
        faults = objects(words)
        if faults:
            return _read_faults(faults)
    return "", None


def _read_faults(faults: list[dict[str, Any]]) -> tuple[str, str | None]:
    """Read FastAPI's ``[{"loc": ["body", "stream_options"], "msg": …, "type": …}]``."""
    told: list[str] = []
    param: str | None = None
    for fault in faults:
        location = fault.get("loc")
        place = ".".join([str(step) for step in location if step != "body"]) if is_array(location) else ""
        param = param or place or None
        words = as_text(fault.get("msg") or fault.get("message")) or "invalid"
        told.append(f"{place}: {words}" if place else words)
    return "; ".join(told), param


def _read_code(holder: dict[str, Any]) -> str | None:
    """Return the most telling of the words: a code in letters, else a type or status, else a number."""
    words = [as_text(holder.get(name)) for name in ("code", "type", "status")]
    given = [word for word in words if word]
    return next((word for word in given if not word.isdecimal()), given[0] if given else None)


def _read_upstream(holder: dict[str, Any]) -> str:
    """Return what OpenRouter hands on from the provider behind it, in brackets."""
    metadata = holder.get("metadata")
    if not is_object(metadata):
        return ""
    name, raw = as_text(metadata.get("provider_name")), metadata.get("raw")
    told = ": ".join([word for word in (name, raw) if isinstance(word, str) and word])
    return f" ({told})" if told else ""


def is_web_page(text: str) -> bool:
    """Tell whether a body begins as HTML or XML does."""
    return re.match(r"\s*<(!doctype|html|\?xml|head|body)", text, re.IGNORECASE) is not None


def _read_text(text: str, secrets: Sequence[str]) -> ErrorReport | None:
    if is_web_page(text):
        title = _TITLE.search(text)
        words = " ".join(title.group(1).split()) if title else ""
        return ErrorReport(message=_shorten(f"a web page: {words}", secrets) if words else "a web page")
    return ErrorReport(message=_shorten(text.strip(), secrets)) if text.strip() else None


def _shorten(text: str, secrets: Sequence[str]) -> str:
    """Cut a long text once `secrets` are out of it, lest one be cut in two; JSON in it may spell one in escapes."""
    text = redact_bytes(text.encode("utf-8", "replace"), secrets).decode()
    return text if len(text) <= _QUOTED_CHARS else text[:_QUOTED_CHARS] + "…"
