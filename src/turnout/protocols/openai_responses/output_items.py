"""The items of an answer while they come: each keeps what it was told and makes the parts of the message."""

from __future__ import annotations

from binascii import Error as BinasciiError
from typing import TYPE_CHECKING, Any

from msgspec import structs

from turnout.messages import Image, Part, Reasoning, Refusal, ServerTool, Text, ToolCall
from turnout.protocols.json_reading import as_text, is_array, is_object, objects, write_again
from turnout.protocols.openai_chat.logprobs import read_logprobs
from turnout.protocols.openai_responses.own import OWN
from turnout.protocols.tool_calls import claim_call_id, read_call

if TYPE_CHECKING:
    from turnout.protocols.openai_chat.sounds import Sound
    from turnout.responses import TokenLogprob

TEXT_PARTS = frozenset({"output_text", "text", "input_text"})
"""The types of content parts that hold text."""

_CALLS = frozenset({"function_call", "custom_tool_call"})


class Block:
    """A text, a refusal or a section of the reasoning while it is written."""

    __slots__ = ("citations", "is_refusal", "logprobs", "pieces")

    def __init__(self, *, is_refusal: bool = False) -> None:
        self.is_refusal = is_refusal
        self.pieces: list[str] = []
        self.citations: list[dict[str, Any]] = []
        self.logprobs: object = None

    @property
    def text(self) -> str:
        """What was told so far."""
        return "".join(self.pieces)

    def missing(self, whole: str) -> str:
        """Return what `whole` adds to what was told in pieces; what was told already is not taken back."""
        told = self.text
        return whole[len(told) :] if whole.startswith(told) else ""


class Item:
    """One item of the output; `record` is all that was told of it, `is_done` whether it was told as a whole."""

    __slots__ = ("is_done", "record")

    def __init__(self, record: dict[str, Any]) -> None:
        self.record = record
        self.is_done = False

    @property
    def kind(self) -> str:
        """The item's type, in the provider's word."""
        return as_text(self.record.get("type")) or "message"

    @property
    def id(self) -> str | None:
        """The item's own id."""
        return as_text(self.record.get("id"))

    def build(self, provider: str, *, is_stored: bool) -> list[Part]:
        """Return the parts of the message that the item is: the record of a tool, unless it is something else.

        `is_stored`: the provider can find the item by its id.
        """
        return [ServerTool(self.kind, self.record)]

    def _extra(self, *known: str) -> dict[str, Any]:
        """Return the fields of the record beside `known` ones; a status says only that the item is complete."""
        extra = {key: value for key, value in self.record.items() if key not in known and value is not None}
        if extra.get("status") == "completed":
            del extra["status"]
        return extra


class MessageItem(Item):
    """Text and refusals: a block for each part of the content; and sound, whose words are text."""

    __slots__ = ("blocks", "sound")

    def __init__(self, record: dict[str, Any]) -> None:
        super().__init__(record)
        self.blocks: dict[int, Block] = {}
        self.sound: Sound | None = None

    def find(self, index: int, *, is_refusal: bool = False) -> Block:
        """Return the block of the part at `index`."""
        return self.blocks.setdefault(index, Block(is_refusal=is_refusal))

    def logprobs(self) -> list[TokenLogprob]:
        """Return the log probabilities of the text's tokens."""
        return [token for block in self.blocks.values() for token in read_logprobs({"content": block.logprobs})]

    def build(self, provider: str, *, is_stored: bool) -> list[Part]:
        """Return a part for each block that holds something."""
        options = OWN.keep(self._extra("type", "role", "content"), provider) if self.id else {}
        parts: list[Part] = []
        for _, block in sorted(self.blocks.items()):
            text = block.text
            if block.is_refusal and text:
                parts.append(Refusal(text))
            elif text:
                parts.append(Text(text, options, block.citations))
        sound = None if self.sound is None else self.sound.build(provider)
        return parts if sound is None else [*parts, sound]


class ReasoningItem(Item):
    """What the model thought, in sections: those of a summary, or of the thoughts themselves."""

    __slots__ = ("pieces", "sections")

    def __init__(self, record: dict[str, Any]) -> None:
        super().__init__(record)
        self.sections: dict[tuple[str, int], Block] = {}
        self.pieces: list[str] = []

    def write(self, section: tuple[str, int], text: str) -> str:
        """Take in a piece of a section and return what is to be told of it: an empty line stands between sections."""
        block = self.sections.setdefault(section, Block())
        said = text if block.pieces or not self.pieces else f"\n\n{text}"
        block.pieces.append(text)
        self.pieces.append(said)
        return said

    def told_sections(self) -> list[tuple[tuple[str, int], str]]:
        """Return the sections that the record holds."""
        found: list[tuple[tuple[str, int], str]] = []
        for name in ("summary", "content"):
            for index, section in enumerate(objects(self.record.get(name))):
                found.append(((name, index), as_text(section.get("text")) or ""))
        return found

    def build(self, provider: str, *, is_stored: bool) -> list[Part]:
        """Return the reasoning, with the item itself where it can go back: whole, or known to the provider."""
        can_return = self.record.get("encrypted_content") or self.record.get("content") or is_stored
        details = [self.record] if self.is_done and can_return else None
        if details is None:
            return [Reasoning("".join(self.pieces))] if self.pieces else []
        return [Reasoning("".join(self.pieces), details, provider)]


class CallItem(Item):
    """A call of a function, or of a custom tool, whose input is any text."""

    __slots__ = ("arguments", "call_id", "is_started")

    def __init__(self, record: dict[str, Any]) -> None:
        super().__init__(record)
        self.arguments = Block()
        self.call_id = ""
        self.is_started = False

    @property
    def name(self) -> str:
        """The tool's name, as far as it was told."""
        return as_text(self.record.get("name")) or ""

    def start(self, taken: set[str]) -> None:
        """Settle the call's id: one that is missing, or that another call has, is made up."""
        told = as_text(self.record.get("call_id")) or self.id or ""
        self.call_id = claim_call_id(told, taken)
        self.is_started = True

    def told_arguments(self) -> str:
        """Return the arguments that the record holds, as text."""
        return read_arguments(self.record.get("input" if self.kind == "custom_tool_call" else "arguments"))

    def build_call(self, provider: str) -> ToolCall:
        """Return the call; what is no JSON object is kept as it was written."""
        extra = self._extra("type", "call_id", "name", "arguments", "input")
        if self.kind == "custom_tool_call":
            call = ToolCall(self.call_id, self.name, {"input": self.arguments.text})
            extra["type"] = self.kind
        else:
            call = read_call(self.call_id, self.name, self.arguments.text)
        return structs.replace(call, provider_options=OWN.keep(extra, provider))

    def build(self, provider: str, *, is_stored: bool) -> list[Part]:
        """Return the call."""
        return [self.build_call(provider)]


class ToolItem(Item):
    """What the provider did itself: a search, code that was run, a picture that was made."""

    __slots__ = ()

    def build(self, provider: str, *, is_stored: bool) -> list[Part]:
        """Return the record, and after it the picture where it is one."""
        parts = super().build(provider, is_stored=is_stored)
        result = self.record.get("result")
        if self.kind == "image_generation_call" and isinstance(result, str) and result:
            image = read_image(result)
            parts += [image] if image is not None else []
        return parts


def make_item(record: dict[str, Any]) -> Item:
    """Return the item that `record` begins; one of a type that is not known is a tool of the provider's own."""
    kind = as_text(record.get("type")) or "message"
    if kind == "message":
        return MessageItem(record)
    if kind == "reasoning":
        return ReasoningItem(record)
    return CallItem(record) if kind in _CALLS else ToolItem(record)


def read_image(encoded: str) -> Image | None:
    """Return the picture in base64 text; `None` where it is none."""
    from base64 import b64decode

    try:
        data = b64decode(encoded, validate=True)
    except (BinasciiError, ValueError):
        return None
    return Image(data=data) if data else None


def read_arguments(value: object) -> str:
    """Return the arguments of a call as JSON text; some servers send the object."""
    if is_object(value) or is_array(value):
        return write_again(value) or ""
    return as_text(value) or ""
