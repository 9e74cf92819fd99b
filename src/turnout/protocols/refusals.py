"""Which field of a request a server refuses: what the next try leaves out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from turnout.errors import AuthenticationError, ContentFilterError, ContextLengthError
from turnout.protocols.json_reading import is_object, try_read_json
from turnout.protocols.wire_fields import NO_FIELDS, WireFields, holds

if TYPE_CHECKING:
    from turnout.errors import APIStatusError
    from turnout.protocols import EncodedRequest

_UNKNOWN = (
    r"(?:unsupported|unknown|unrecogni[sz]ed|unexpected|extra|extraneous"
    r"|not (?:supported|permitted|allowed|recogni[sz]ed))"
)
_KIND = r"(?:(?:parameters?|fields?|arguments?|propert(?:y|ies)|options?|keys?|names?|inputs?)(?:\(s\))?)"
_FILLING = rf"(?:(?:request|keyword|body|top-level|supplied|provided|received|are|were|the|{_KIND}) )*"
_PLACE = r"(?: (?:with|by|on|for|in) (?:this|the) \w+)?"
_NO_VALUE = r"(?! (?:with |for |of )?(?:this |the |a )?(?:values?|types?|formats?)\b)"
_ENDS = (
    rf"(?= ?(?:$|[.,;:!?()\[\]\"'`])| (?:with|by|on|for|in|at|here|and|or|use|when|{_KIND}|is|are|was)\b){_NO_VALUE}"
)
_QUOTES = r"[\"'`\[\]]*"

_FIELD_IS_UNKNOWN = re.compile(
    rf"\bthis {_KIND} is {_UNKNOWN}\b|\b{_KIND}(?: is| are| was)? {_UNKNOWN}\b{_ENDS}"
    rf"|\b{_UNKNOWN} (?:request |keyword )?{_KIND}(?!\w)|\bextra inputs?\b",
    re.IGNORECASE,
)

_CALLING = r"(?:function|tool)[ -]?(?:call(?:ing|s)?|use)`?(?!\w)"
_EVER = (
    r"(?! (?:with|when|while|together|alongside|and|if)\b(?! (?:this|the) model\b))"  # not just beside something else
)
_LACKS = r"(?:do|does)(?: not|n't) (?:currently )?support (?:native |any |the |this )?"
_IS_OFF = r"(?:is|are)(?: not (?:enabled|supported|available)| unavailable| unsupported)"
_NO_TOOLS = (  # vLLM and llama.cpp, as they were started; OpenRouter; Bedrock, Groq, Google
    rf"requires? --(?:enable-auto-tool-choice|tool-call-parser)|(?:tools|tool_choice) param requires --jinja"
    rf"|no endpoints found that support tool use|{_LACKS}{_CALLING}{_EVER}"
    rf"|{_CALLING} is not (?:enabled|supported){_EVER}"
)
_NO_CHOICE = rf"{_LACKS}tool_choice|tool_choice ['\"]?\w+['\"]? is incompatible with thinking"  # DeepSeek; Moonshot
_NO_FORMAT = (  # OpenAI, DeepSeek; Groq; Google
    rf"response[_ ]format['`\"]? (?:of )?type (?:['`\"]?json_(?:schema|object)['`\"]? )?{_IS_OFF}{_EVER}"
    rf"|{_LACKS}(?:response[_ ]format|structured outputs?|json[_ ](?:mode|schema))(?!\w){_EVER}"
    rf"|(?:structured outputs?|json mode) {_IS_OFF}{_EVER}"
)
_WORDS = {"tools": _NO_TOOLS, "tool_choice": _NO_CHOICE, "response_format": _NO_FORMAT}
"""What servers say of a feature without naming its field, by the name under which it is learned."""

_TELLING = frozenset((400, 404, 422, 500, 501))  # OpenRouter's is a 404, llama.cpp's was a 500
_TOKEN = re.compile(r"[A-Za-z_]\w*(?:\[\d*\]|\.\w+)+")
_LEADING = re.compile(r"(?:^|errors: )([A-Za-z_]\w*(?:\[\d*\]|\.\w+)*): ")
_AT = re.compile(r"unknown name \"(\w+)\" at '([\w.\[\]]+)'", re.IGNORECASE)  # Google
_WRAPPERS = frozenset({"body", "request", "generatecontentrequest"})
_MOST_READ = 2000
_PLAIN_WORDS = frozenset({"format", "type", "schema", "thinking", "tools"})
"""Last steps of places that are everyday words, and tell nothing where they stand alone."""


def find_lessons(error: APIStatusError, encoded: EncodedRequest) -> frozenset[str]:
    """Return what `error` teaches about the place that `encoded` went to: fields and features that it refuses."""
    place = refused_field(error, encoded.added, encoded.translated, encoded.fields, encoded.body)
    return encoded.fields.read_lessons(place) if place is not None else frozenset()


def refused_field(
    error: APIStatusError,
    added: frozenset[str],
    translated: frozenset[str] = frozenset(),
    fields: WireFields = NO_FIELDS,
    body: bytes = b"",
) -> str | None:
    """Return which field of the `body` an error refuses as such, by its place; `None` where it refuses none.

    A field that turnout `added` by itself may be named in `param`, or anywhere in the message as a whole word. One that
    was `translated` from a setting of the user goes only when the server says that it knows no such field: a value that
    it does not like is the user's to mend. The same holds for the nested fields that `fields` tells of. Whatever is
    neither added nor translated, `provider_options` among it, is the user's own.
    """
    if isinstance(error, (ContextLengthError, ContentFilterError, AuthenticationError)):
        return None
    message = " ".join(error.message[:_MOST_READ].split())  # a long row of blanks would take the patterns for ever
    own = _Own(added, translated, fields, body)
    if error.status in _TELLING:
        for feature, words in _WORDS.items():
            if feature in translated and re.search(words, message, re.IGNORECASE):
                return feature
    if error.status not in (400, 422):
        return None
    named = error.param or _find_subject(message, own)
    place = own.find(named, is_told=True) if named else None
    if named is not None and place is not None:
        if place in added or (place in fields.chosen and "." in named):
            return place
        spellings = (named, place, place.rpartition(".")[2])
        return place if any(_is_unknown(name, message, is_named=True) for name in spellings) else None
    found = next((name for name in sorted(added) if _has_word(message, name)), None)
    return found if found is not None or named else _search(message, own)


class _Own:
    """The fields of a request that turnout may leave out: top-level ones by `names`, and `places` of `fields`."""

    def __init__(self, added: frozenset[str], translated: frozenset[str], fields: WireFields, body: bytes) -> None:
        self.names = added | translated
        self.fields = fields
        sent = try_read_json(body) if fields.optional else None
        told = [place for place, lessons in fields.lessons.items() if not self.names.isdisjoint(lessons)]
        self.places = told + [place for place in fields.optional if is_object(sent) and self._holds(sent, place)]

    def _holds(self, sent: dict[str, Any], place: str) -> bool:
        """Whether a nested field was sent, inside one that is not the user's own."""
        return not self.names.isdisjoint(place.replace("[]", "").split(".")) and holds(sent, place)

    def find(self, named: str, *, is_told: bool = False) -> str | None:
        """Return the place that a server means by `named`: as this wire spells it, or as a reader of it may have.

        The last step alone is enough where the server points to it (`is_told`), or where it is no everyday word.
        """
        steps = _read_steps(named)
        while len(steps) > 1 and steps[0] in _WRAPPERS:
            del steps[0]
        exact = next((place for place in self.places if _is_same(steps, _read_steps(place))), None)
        if exact is not None or not steps:
            return exact
        if len(steps) == 1:
            alone = [place for place in self.places if is_told or steps[0] not in _PLAIN_WORDS]
            ending = next((place for place in alone if _read_steps(place)[-1:] == steps), None)
            if ending is not None:
                return ending
        top = next((name for name in sorted(self.names) if _read_steps(name) == steps[:1]), None)
        is_inside = len(steps) > 1 and top in self.fields.lessons  # a schema, say: the user's own
        return None if is_inside else top

    def find_tops(self) -> list[str]:
        """Return the top-level fields whose refusal teaches something, other spellings among them."""
        return [place for place in self.places if "." not in place]


def _read_steps(named: str) -> list[str]:
    """Return the names of a place, without numbers, in one spelling: ``tools[0].aName``, ``tools.0.a_name``."""
    steps = re.split(r"[.\[\]]+", named.replace("_", "").lower())
    return [step for step in steps if step and not step.isdecimal()]


def _is_same(named: list[str], place: list[str]) -> bool:
    """Whether both are one place; a reader of a union puts a step of its own in between: ``tools.0.custom.strict``."""
    return named == place or (
        len(named) == len(place) + 1
        and any(named[:gap] + named[gap + 1 :] == place for gap in range(1, len(named) - 1))
    )


def _find_subject(message: str, own: _Own) -> str | None:
    """Return the field that a message without a `param` is about: the one that it begins with, or Google's."""
    at = _AT.search(message)
    if at is not None:
        return f"{at[2]}.{at[1]}"
    subjects = [subject for subject in _LEADING.findall(message) if own.find(subject, is_told=True) is not None]
    return subjects[0] if subjects else None


def _search(message: str, own: _Own) -> str | None:
    """Return the field of which a message says that it is unknown."""
    for token in dict.fromkeys(_TOKEN.findall(message)):
        place = own.find(token)
        if place is not None and _is_unknown(token, message):
            return place
    rest = _TOKEN.sub("", message)
    for name in sorted({*own.names, *own.find_tops()}):
        if _is_unknown(name, rest):
            return name
    words = {place.rpartition(".")[2] for place in own.places if "." in place}
    known = [word for word in sorted(words) if own.find(word) is not None and _is_unknown(word, rest)]
    return own.find(known[0]) if known else None


def _has_word(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def _is_unknown(name: str, message: str, *, is_named: bool = False) -> bool:
    """Tell whether `message` says of the field `name` (of the field it speaks of, if `is_named`) that there is none."""
    if is_named and _FIELD_IS_UNKNOWN.search(message):
        return True
    field = rf"{_QUOTES}(?<!\w){re.escape(name)}(?!\w){_QUOTES}"
    before = rf"\b{_UNKNOWN}{_PLACE} ?[:(]? ?{_FILLING}{_KIND}?(?: supplied)? ?[:(]? ?{field}{_ENDS}"
    lacking = r"\b(?:does|do)(?: not|n't) (?:support|accept|allow|have) (?:the |a )?"
    lacks = rf"{lacking}(?:{_KIND} )?(?:\w+\.)?{field}{_ENDS}"
    after = rf"{field}:? (?:{_KIND} )?(?:is |are |was )?(?:currently )?{_UNKNOWN}\b(?: {_KIND})?{_ENDS}"
    return any(re.search(pattern, message, re.IGNORECASE) for pattern in (before, lacks, after))
