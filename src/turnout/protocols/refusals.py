"""Which field of a request a server refuses: what the next try leaves out."""

from __future__ import annotations

import re

from turnout.errors import APIStatusError, AuthenticationError, ContentFilterError, ContextLengthError

_TOO_HIGH = re.compile(
    r"less than|at most|at least|greater than|maximum|exceed|too large|too high|range|[<>]=?\s*\d|integer", re.I
)
_UNSUPPORTED = re.compile(r"unsupported|not supported|unrecogni[sz]ed|unknown|not permitted|extra|unexpected", re.I)


def refused_field(error: APIStatusError, candidates: frozenset[str]) -> str | None:
    """Return which of the body's fields `candidates` a 400 or 422 refuses; `None` where it names none of them.

    The field is named in `param`, or as a whole word in the message. A limit on tokens that is merely too high is not
    refused as a field.
    """
    if error.status not in (400, 422) or isinstance(
        error, (ContextLengthError, ContentFilterError, AuthenticationError)
    ):
        return None
    named = re.split(r"[.\[]", error.param or "", maxsplit=1)[0]
    said = error.message
    found = named if named in candidates else _find_word(said, candidates)
    if found is not None and found.startswith("max_") and _TOO_HIGH.search(said) and not _UNSUPPORTED.search(said):
        return None
    return found


def _find_word(text: str, candidates: frozenset[str]) -> str | None:
    return next((name for name in sorted(candidates) if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)), None)
