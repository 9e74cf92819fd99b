"""What is said of an answer that breaks off, or that cannot be read in part, the same for every wire format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.errors import MalformedStreamError, TruncatedStreamError
from turnout.protocols.json_reading import quote
from turnout.responses import Warning

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def malformed(data: bytes, secrets: Sequence[str], api: str, text: str) -> MalformedStreamError:
    """Return the error for an event that cannot be read; `api` names what the server should be, `text` is what came."""
    return MalformedStreamError(
        f"an event of the stream is no JSON object: {quote(data, secrets)!r}: try again, or check that the base URL"
        f" is that of {api}",
        body=data,
        text=text,
    )


def truncated(lacking: str, text: str, *, is_in_event: bool = False) -> TruncatedStreamError:
    """Return the error for a stream that ended `lacking` its end, in the middle of an event or between two."""
    where = "in the middle of an event" if is_in_event else "before the answer was finished"
    return TruncatedStreamError(f"the stream ended {where}, {lacking}: try again, or name a fallback", text=text)


def warn_of_unread(kinds: Iterable[str]) -> list[Warning]:
    """Return a warning for each kind of content that could not be put into the message."""
    told = "the answer holds a part of type {!r} that turnout cannot read: see the raw body"
    return [Warning("unread_content", told.format(kind)) for kind in sorted(kinds)]
