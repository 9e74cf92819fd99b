"""Where providers put the model's thoughts: fields of their own, a list of details, parts, or tags in the text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols.json_reading import is_array, is_object, objects

if TYPE_CHECKING:
    from turnout.protocols.openai_chat.wire import Delta

OPENING = "<think>"
CLOSING = "</think>"
_MAX_BLANK_CHARS = 200


class ThinkSplitter:
    """Splits ``<think>…</think>`` off the beginning of a text that comes in pieces, wherever the pieces are cut.

    What stands between the tags is reasoning, what follows is text, letter by letter: only the tags are taken out, and
    white space before the opening tag (200 characters at most) goes to the reasoning. A text that does not begin with
    the tag is left whole.
    Seen from Qwen3 and DeepSeek R1 at Groq, Hugging Face's router and OVHcloud.
    """

    __slots__ = ("_held", "_is_inside", "is_done")

    def __init__(self) -> None:
        self._held = ""
        self._is_inside = False
        self.is_done = False

    def feed(self, piece: str) -> tuple[str, str]:
        """Return what is certain by now, as (reasoning, text); all that comes once `is_done` is text."""
        held = self._held + piece
        if not self._is_inside:
            beginning = held[:_MAX_BLANK_CHARS].lstrip() + held[_MAX_BLANK_CHARS:]
            if not beginning.startswith(OPENING):
                return self._wait_or_give_up(held, beginning)
            self._is_inside = True
            held = held.replace(OPENING, "", 1)
        thought, closing, rest = held.partition(CLOSING)
        if closing:
            self.is_done, self._held = True, ""
            return thought, rest
        kept = _length_of_begun_tag(held)
        self._held = held[len(held) - kept :]
        return held[: len(held) - kept], ""

    def flush(self) -> tuple[str, str]:
        """Return what was held back, as (reasoning, text): nothing more will come, or no tag is looked for any more."""
        held, self._held, self.is_done = self._held, "", True
        return (held, "") if self._is_inside else ("", held)

    def _wait_or_give_up(self, held: str, beginning: str) -> tuple[str, str]:
        if OPENING.startswith(beginning):
            self._held = held
            return "", ""
        self.is_done, self._held = True, ""
        return "", held


def _length_of_begun_tag(text: str) -> int:
    return next((size for size in range(len(CLOSING) - 1, 0, -1) if text.endswith(CLOSING[:size])), 0)


def read_reasoning(delta: Delta) -> str:
    """Return the reasoning that `delta` holds in its own fields; where two of them say the same, once."""
    mine, theirs = delta.reasoning or "", delta.reasoning_content or ""
    if mine and theirs:
        return mine if theirs in mine else theirs if mine in theirs else mine + theirs
    return mine or theirs or read_details(delta.reasoning_details)


def read_details(details: object) -> str:
    """Return the readable text of OpenRouter's `reasoning_details`, or of like lists; encrypted ones have none."""
    texts = [detail.get("text") or detail.get("summary") for detail in objects(details)]
    return "".join([text for text in texts if isinstance(text, str)])


class DetailLog:
    """The provider's record of the reasoning; a piece of the last detail (same type and index) is joined to it.

    They go back to the provider as they came: https://openrouter.ai/docs/use-cases/reasoning-tokens.
    """

    __slots__ = ("_details", "_pieces")

    def __init__(self) -> None:
        self._details: list[Any] = []
        self._pieces: dict[str, list[str]] = {}  # of the last detail, joined when it is whole: many may come

    def add(self, detail: Any) -> None:
        """Take in one detail, or a piece of one."""
        last = self._details[-1] if self._details else None
        if not (is_object(last) and is_object(detail) and _are_pieces_of_one(last, detail)):
            self.build()
            self._details.append(dict(detail) if is_object(detail) else detail)
            return
        for name, value in detail.items():
            if name in ("text", "summary") and isinstance(value, str) and isinstance(last.get(name), str):
                self._pieces.setdefault(name, [last[name]]).append(value)
            elif value is not None:
                last[name] = value
                self._pieces.pop(name, None)

    def build(self) -> list[Any]:
        """Return the details so far."""
        for name, pieces in self._pieces.items():
            self._details[-1][name] = "".join(pieces)
        self._pieces = {}
        return self._details


def read_thinking_part(part: dict[str, Any]) -> str:
    """Return the text of Mistral's part ``{"type": "thinking", "thinking": [{"type": "text", "text": …}]}``."""
    thinking = part.get("thinking", part.get("text"))
    if is_array(thinking):
        return read_details(thinking)
    return thinking if isinstance(thinking, str) else ""


def _are_pieces_of_one(last: dict[str, Any], detail: dict[str, Any]) -> bool:
    return (
        detail.get("type") in ("reasoning.text", "reasoning.summary")
        and last.get("type") == detail.get("type")
        and last.get("index") == detail.get("index")
        and detail.get("id") in (None, last.get("id"))
    )
