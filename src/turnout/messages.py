"""Messages and their parts, the same for every provider and protocol.

A message has a role and a list of parts. Parts are tagged with `type`, so messages survive JSON:
``msgspec.json.encode(message)`` and ``msgspec.json.decode(data, type=Message)``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, cast

from msgspec import Struct
from msgspec.structs import force_setattr

Role = Literal["system", "user", "assistant", "tool"]

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|data:", re.IGNORECASE)


class Text(Struct, frozen=True, omit_defaults=True, repr_omit_defaults=True, tag="text", tag_field="type"):
    """Text, exactly as written; never trimmed. `provider_options` is that of `Media` (``cache_control``, say).

    `citations` are the sources that the model names for this text, each as its provider wrote it.
    """

    type: ClassVar[Literal["text"]] = "text"
    text: str
    provider_options: dict[str, dict[str, Any]] = {}
    citations: list[dict[str, Any]] = []


class SupportsPath(Protocol):
    """Anything that stands for a path, such as a `pathlib.Path`."""

    def __fspath__(self) -> str | bytes:
        """Return the path."""
        ...


Source = bytes | bytearray | memoryview | str | SupportsPath
"""What a part of media can be made from: bytes, a URL, a path."""


class LocalPath:
    """A file of this machine, which a part names until the agent reads it.

    It can neither come from JSON nor go into it: no message that is stored or sent holds a path, and none that comes
    from outside can name one.
    """

    __slots__ = ("path",)

    def __init__(self, path: str | bytes) -> None:
        self.path = path

    def __fspath__(self) -> str | bytes:
        return self.path

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LocalPath) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __repr__(self) -> str:
        return repr(self.path)


class Media(Struct, frozen=True, omit_defaults=True, repr_omit_defaults=True):
    """What image, audio, video and file parts share: `data` (raw bytes), or `url` (http, https or data URL), or `path`.

    The first argument may be any of them: bytes, a URL, a path as text or as a `pathlib.Path`. Text with a scheme
    (``https://…``, ``data:…``) is a URL, any other a path, so give ``url=`` for what comes from outside. ``~`` in a
    path is the user's home. The file is read when the agent is called, and only then.

    `media_type` is the MIME type, such as ``"image/png"``; the leading bytes win over it where they show the type.
    `provider_options` maps a provider to fields that are merged into the part for it, and ``"*"`` to fields for
    every provider: ``{"*": {"image_url": {"detail": "low"}}}``. `repr` shows sizes, not contents.
    """

    data: bytes | None = None
    url: str | None = None
    media_type: str | None = None
    path: LocalPath | None = None
    provider_options: dict[str, dict[str, Any]] = {}

    def __post_init__(self) -> None:
        name = self.__class__.__name__
        if sum([self.data is not None, self.url is not None, self.path is not None]) != 1:
            raise TypeError(f"{name} takes one of data= (bytes), url= and path=, and only one")
        if type(self.data) is bytes or self.url is not None or isinstance(self.path, LocalPath):
            return
        given: object = self.data if self.path is None else self.path
        field, value = _read_source(given, name, is_path=self.path is not None)
        force_setattr(self, "data", None)
        force_setattr(self, "path", None)
        force_setattr(self, field, value)

    @property
    def is_remote(self) -> bool:
        """Whether the content is elsewhere: a `url` that is no data URL."""
        return self.url is not None and self.url[:5].lower() != "data:"

    def __repr__(self) -> str:
        if self.path is not None:
            return f"{self.__class__.__name__}(path={self.path!r})"
        what = f"{len(self.data)} bytes" if self.data is not None else repr((self.url or "")[:60])
        return f"{self.__class__.__name__}({what})"


def _read_source(given: object, name: str, *, is_path: bool) -> tuple[str, object]:
    """Return the field that the first argument (or `path`) of a part stands for, and its value."""
    if isinstance(given, (bytes, bytearray, memoryview)) and not is_path:
        return "data", bytes(cast("bytes", given))
    given = cast("object", given)
    if isinstance(given, str) and given:
        return ("url", given) if _URL.match(given) and not is_path else ("path", LocalPath(given))
    if hasattr(given, "__fspath__"):
        return "path", LocalPath(cast("SupportsPath", given).__fspath__())
    kind = "empty" if given in ("", b"") else f"a {type(given).__name__}"
    raise TypeError(f"{name}: what it holds is {kind}: give bytes, a path, or a URL")


class Image(Media, frozen=True, tag="image", tag_field="type"):
    """A picture: ``Image("cat.png")``, ``Image(url="https://…")`` or ``Image(data=png)``."""

    type: ClassVar[Literal["image"]] = "image"

    if TYPE_CHECKING:  # what the arguments may be; the fields are what is kept of them

        def __init__(
            self,
            data: Source | None = None,
            url: str | None = None,
            media_type: str | None = None,
            *,
            path: str | SupportsPath | None = None,
            provider_options: dict[str, dict[str, Any]] = ...,
        ) -> None: ...


class Audio(Media, frozen=True, tag="audio", tag_field="type"):
    """Sound, such as WAV or MP3: ``Audio("speech.wav")``."""

    type: ClassVar[Literal["audio"]] = "audio"

    if TYPE_CHECKING:

        def __init__(
            self,
            data: Source | None = None,
            url: str | None = None,
            media_type: str | None = None,
            *,
            path: str | SupportsPath | None = None,
            provider_options: dict[str, dict[str, Any]] = ...,
        ) -> None: ...


class Video(Media, frozen=True, tag="video", tag_field="type"):
    """A moving picture, such as MP4: ``Video("film.mp4")``."""

    type: ClassVar[Literal["video"]] = "video"

    if TYPE_CHECKING:

        def __init__(
            self,
            data: Source | None = None,
            url: str | None = None,
            media_type: str | None = None,
            *,
            path: str | SupportsPath | None = None,
            provider_options: dict[str, dict[str, Any]] = ...,
        ) -> None: ...


class File(Media, frozen=True, tag="file", tag_field="type"):
    """A document, such as a PDF: ``File("report.pdf")``; `name` is the file name that the model sees (the file's)."""

    type: ClassVar[Literal["file"]] = "file"
    name: str | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            data: Source | None = None,
            url: str | None = None,
            media_type: str | None = None,
            *,
            path: str | SupportsPath | None = None,
            provider_options: dict[str, dict[str, Any]] = ...,
            name: str | None = None,
        ) -> None: ...


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


class ToolCall(Struct, frozen=True, omit_defaults=True, tag="tool_call", tag_field="type", repr_omit_defaults=True):
    """A call of a tool that the model asks for.

    `arguments` is the decoded object. Where the model wrote something that is no JSON object, `arguments` is empty
    and `invalid_arguments` holds what it wrote, letter by letter. `provider_options` is that of `Media`: what a
    provider put beside the call and wants back.
    """

    type: ClassVar[Literal["tool_call"]] = "tool_call"
    id: str
    name: str
    arguments: dict[str, Any]
    invalid_arguments: str | None = None
    provider_options: dict[str, dict[str, Any]] = {}


class ToolResult(Struct, frozen=True, omit_defaults=True, tag="tool_result", tag_field="type", repr_omit_defaults=True):
    """What a tool answered to the call with id `call_id`.

    `is_error` goes to the provider only where its wire format has a field for it; `openai_chat` has none, so there
    `content` itself must tell the model that the tool failed. `provider_options` is that of `Media`.
    """

    type: ClassVar[Literal["tool_result"]] = "tool_result"
    call_id: str
    content: str
    name: str | None = None
    is_error: bool = False
    provider_options: dict[str, dict[str, Any]] = {}


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
    every provider. `provider` is who made the message, where it comes from a thread: a part that only its maker
    understands goes to no other.
    """

    role: Role
    content: list[Part]
    name: str | None = None
    provider_options: dict[str, dict[str, Any]] = {}
    provider: str | None = None

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
