"""Messages and their parts, the same for every provider and protocol.

A message has a role and a list of parts. Parts are tagged with `type`, so messages survive JSON:
``msgspec.json.encode(message)`` and ``msgspec.json.decode(data, type=Message)``.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from msgspec import Struct

Role = Literal["system", "user", "assistant", "tool"]


class Text(Struct, frozen=True, tag="text", tag_field="type"):
    """Text, exactly as written; never trimmed."""

    type: ClassVar[Literal["text"]] = "text"
    text: str


class Media(Struct, frozen=True, repr_omit_defaults=True):
    """What image, audio, video and file parts share: either `data` (raw bytes) or `url` (http, https or data URL).

    `media_type` is the MIME type, such as ``"image/png"``; `None` leaves it to be read from the leading bytes.
    `repr` shows sizes, not contents.
    """

    data: bytes | None = None
    url: str | None = None
    media_type: str | None = None

    def __post_init__(self) -> None:
        name = self.__class__.__name__
        if (self.data is None) == (self.url is None):
            raise TypeError(f"{name} takes either data= (bytes) or url=, and not both")
        if self.data is not None and not isinstance(self.data, bytes):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"{name}: data= is a {type(self.data).__name__}: give bytes, or a URL as url=")

    def __repr__(self) -> str:
        what = f"{len(self.data)} bytes" if self.data is not None else repr((self.url or "")[:60])
        return f"{self.__class__.__name__}({what})"


class Image(Media, frozen=True, tag="image", tag_field="type"):
    """A picture: ``Image(data=open("cat.png", "rb").read())`` or ``Image(url="https://…")``."""

    type: ClassVar[Literal["image"]] = "image"


class Audio(Media, frozen=True, tag="audio", tag_field="type"):
    """Sound, such as WAV or MP3."""

    type: ClassVar[Literal["audio"]] = "audio"


class Video(Media, frozen=True, tag="video", tag_field="type"):
    """A moving picture, such as MP4."""

    type: ClassVar[Literal["video"]] = "video"


class File(Media, frozen=True, tag="file", tag_field="type"):
    """A document, such as a PDF; `name` is the file name that the model sees."""

    type: ClassVar[Literal["file"]] = "file"
    name: str | None = None


class Reasoning(Struct, frozen=True, tag="reasoning", tag_field="type", repr_omit_defaults=True):
    """What the model thought before it answered.

    `details` is the provider's own record of it (signatures, encrypted reasoning), kept unchanged so that it can be
    sent back to `provider`, and to no other.
    """

    type: ClassVar[Literal["reasoning"]] = "reasoning"
    text: str
    details: list[Any] | None = None
    provider: str | None = None


class Refusal(Struct, frozen=True, tag="refusal", tag_field="type"):
    """What the model said instead of answering; it is no part of the message's text."""

    type: ClassVar[Literal["refusal"]] = "refusal"
    text: str


class ToolCall(Struct, frozen=True, tag="tool_call", tag_field="type", repr_omit_defaults=True):
    """A call of a tool that the model asks for.

    `arguments` is the decoded object. Where the model wrote something that is no JSON object, `arguments` is empty
    and `invalid_arguments` holds what it wrote, letter by letter.
    """

    type: ClassVar[Literal["tool_call"]] = "tool_call"
    id: str
    name: str
    arguments: dict[str, Any]
    invalid_arguments: str | None = None


class ToolResult(Struct, frozen=True, tag="tool_result", tag_field="type", repr_omit_defaults=True):
    """What a tool answered to the call with id `call_id`.

    `is_error` goes to the provider only where its wire format has a field for it; `openai_chat` has none, so there
    `content` itself must tell the model that the tool failed.
    """

    type: ClassVar[Literal["tool_result"]] = "tool_result"
    call_id: str
    content: str
    name: str | None = None
    is_error: bool = False


class ServerTool(Struct, frozen=True, tag="server_tool", tag_field="type"):
    """A tool that the provider ran itself (web search, code execution): its record, as the provider wrote it."""

    type: ClassVar[Literal["server_tool"]] = "server_tool"
    name: str
    data: dict[str, Any]


Part = Text | Image | Audio | Video | File | Reasoning | Refusal | ToolCall | ToolResult | ServerTool


class Message(Struct, frozen=True, repr_omit_defaults=True):
    """One message of a conversation: who speaks, and the parts of what is said.

    Build one with ``Message.user("Hi")``, ``Message.user("What is this?", Image(url=…))``, ``Message.system(…)`` or
    ``Message.assistant(…)``; a string stands for a `Text` part. `name` tells speakers of one role apart.
    `provider_options` maps a provider to fields that are merged into the message for it, and ``"*"`` to fields for
    every provider.
    """

    role: Role
    content: list[Part]
    name: str | None = None
    provider_options: dict[str, dict[str, Any]] = {}

    @classmethod
    def system(cls, *parts: str | Part) -> Message:
        """Return a message that instructs the model."""
        return cls("system", as_parts(parts))

    @classmethod
    def user(cls, *parts: str | Part) -> Message:
        """Return a message of the user."""
        return cls("user", as_parts(parts))

    @classmethod
    def assistant(cls, *parts: str | Part) -> Message:
        """Return a message of the model."""
        return cls("assistant", as_parts(parts))

    @classmethod
    def tool(cls, call_id: str, content: str, *, name: str | None = None, is_error: bool = False) -> Message:
        """Return the message that answers the tool call with id `call_id`."""
        return cls("tool", [ToolResult(call_id, content, name, is_error)])

    @property
    def text(self) -> str:
        """All text of the message, joined and untrimmed."""
        return "".join([part.text for part in self.content if isinstance(part, Text)])


def as_parts(parts: tuple[str | Part, ...] | list[str | Part]) -> list[Part]:
    """Return `parts` with every string made a `Text`."""
    return [Text(part) if isinstance(part, str) else part for part in parts]
