"""Which field of a request a server refuses: what the next try leaves out."""

from __future__ import annotations

import re

from turnout.errors import APIStatusError, AuthenticationError, ContentFilterError, ContextLengthError

_UNKNOWN = r"(?:unsupported|unknown|unrecogni[sz]ed|unexpected|extra|not (?:supported|permitted|allowed|recogni[sz]ed))"
_KIND = r"(?:(?:parameters?|fields?|arguments?|propert(?:y|ies)|options?|keys?|names?|inputs?)(?:\(s\))?)"
_FILLING = rf"(?:(?:request|keyword|body|top-level|supplied|provided|received|are|were|the|{_KIND}) )*"
_PLACE = r"(?: (?:with|by|on|for|in) (?:this|the) \w+)?"
_NO_VALUE = r"(?! (?:with |for |of )?(?:this |the |a )?(?:values?|types?|formats?)\b)"
_ENDS = (
    rf"(?= ?(?:$|[.,;:!?()\[\]\"'`])| (?:with|by|on|for|in|at|here|and|or|use|when|{_KIND}|is|are|was)\b){_NO_VALUE}"
)
_QUOTES = r"[\"'`]*"

_FIELD_IS_UNKNOWN = re.compile(
    rf"\bthis {_KIND} is {_UNKNOWN}\b|\b{_KIND}(?: is| are| was)? {_UNKNOWN}\b{_ENDS}"
    rf"|\b{_UNKNOWN} (?:request |keyword )?{_KIND}(?!\w)|\bextra inputs?\b",
    re.IGNORECASE,
)


def refused_field(error: APIStatusError, added: frozenset[str], translated: frozenset[str] = frozenset()) -> str | None:
    """Return which field of the body a 400 or 422 refuses as such; `None` where it refuses none.

    A field that turnout `added` by itself may be named in `param`, or anywhere in the message as a whole word. One that
    was `translated` from a setting of the user goes only when the server says that it knows no such field: a value that
    it does not like is the user's to mend.
    """
    if error.status not in (400, 422) or isinstance(
        error, (ContextLengthError, ContentFilterError, AuthenticationError)
    ):
        return None
    named = re.split(r"[.\[]", error.param or "", maxsplit=1)[0]
    if named in added:
        return named
    if named in translated:
        return named if _is_unknown(named, error.message, is_named=True) else None
    found = next((name for name in sorted(added) if _has_word(error.message, name)), None)
    if found is not None or named:
        return found
    return next((name for name in sorted(translated) if _is_unknown(name, error.message)), None)


def _has_word(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def _is_unknown(name: str, message: str, *, is_named: bool = False) -> bool:
    """Tell whether `message` says of the field `name` (of the field it speaks of, if `is_named`) that there is none."""
    message = " ".join(message.split())  # the patterns would take for ever on a long row of blanks
    if is_named and _FIELD_IS_UNKNOWN.search(message):
        return True
    field = rf"{_QUOTES}(?<!\w){re.escape(name)}(?!\w){_QUOTES}"
    before = rf"\b{_UNKNOWN}{_PLACE} ?[:(]? ?{_FILLING}{_KIND}?(?: supplied)? ?[:(]? ?{field}{_ENDS}"
    lacking = r"\b(?:does|do)(?: not|n't) (?:support|accept|allow|have) (?:the |a )?"
    lacks = rf"{lacking}(?:{_KIND} )?(?:\w+\.)?{field}{_ENDS}"
    after = rf"{field}:? (?:{_KIND} )?(?:is |are |was )?(?:currently )?{_UNKNOWN}\b(?: {_KIND})?{_ENDS}"
    return any(re.search(pattern, message, re.IGNORECASE) for pattern in (before, lacks, after))
