"""Sound that the model makes, with its words: read as it comes, told to clients, and sent back by its id.

Source: `ChatCompletionResponseMessage.audio` and `ChatCompletionStreamResponseDelta.audio` in OpenAI's OpenAPI
description; Qwen-Omni tells its words as content: https://www.alibabacloud.com/help/en/model-studio/qwen-omni.
"""

from __future__ import annotations

import time
from base64 import b64decode, b64encode
from binascii import Error as BinasciiError
from typing import TYPE_CHECKING, Any

from turnout.media import sniff_media_type
from turnout.messages import Audio, Reasoning, Text
from turnout.protocols.json_reading import as_count, as_text, is_object
from turnout.protocols.openai_chat.own import OWN
from turnout.protocols.sealing import seal, unseal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.messages import Part
    from turnout.requests import OptionsHolder

RAW = "audio/pcm"
"""The type of sound that shows none: only ``pcm16`` (24 kHz, mono, 16 bits, little-endian) has no head."""

_FIELD = "audio"
_TO_SPARE_S = 30
"""So long before its end an id is not sent any more: the request takes its time, and clocks differ."""

_LAST_TIME = 2**53
_Dict = dict[str, Any]


class Sound:
    """One piece of sound while it comes. Its words are written by whoever holds it; `is_broken`: not all was base64."""

    __slots__ = ("_data", "_expires_at", "_rest", "has_words", "id", "is_broken")

    def __init__(self) -> None:
        self._data = bytearray()
        self._rest = ""
        self._expires_at: int | None = None
        self.id = ""
        self.has_words = False
        self.is_broken = False

    def add(self, piece: _Dict) -> None:
        """Take in the `audio` of one event, or of a whole message."""
        self.id = self.id or as_text(piece.get("id")) or ""
        self._expires_at = _read_time(piece.get("expires_at")) or self._expires_at
        data = as_text(piece.get("data"))
        if data:
            self._add_data(data)

    def close(self) -> None:
        """Take in what is left of base64 that was cut into pieces without regard to its groups of four letters."""
        rest, self._rest = self._rest, ""
        if rest:
            self._decode(rest + "=" * (-len(rest) % 4))

    def own(self, provider: str) -> dict[str, _Dict]:
        """Return the `provider_options` of what stands for this sound: its id, which goes back to `provider` alone."""
        return _keep(self.id, self._expires_at, provider)

    def build(self, provider: str) -> Audio | None:
        """Return the part; `None` where no sound came. `close` was called before."""
        data = bytes(self._data)
        if not data:
            return None
        return Audio(
            data=data, media_type=_find_type(data), provider_options={} if self.has_words else self.own(provider)
        )

    def _add_data(self, written: str) -> None:
        """Decode a piece. OpenAI pads each by itself; of one text that is cut anywhere, the odd letters wait."""
        written = self._rest + "".join(written.split())
        whole = len(written) // 4 * 4
        self._rest = written[whole:]
        self._decode(written[:whole])

    def _decode(self, written: str) -> None:
        try:
            self._data += b64decode(written, validate=True)
        except (BinasciiError, ValueError):
            self.is_broken = True


def _keep(identity: str | None, expires_at: int | None, provider: str | None) -> dict[str, _Dict]:
    if not identity:
        return {}
    until = {"expires_at": expires_at} if expires_at else {}
    return OWN.keep({_FIELD: {"id": identity, **until}}, provider)


def _read_time(value: object) -> int | None:
    """Return a time in seconds since 1970; `None` for one that no JSON could hold again."""
    told = as_count(value)
    return told if told is not None and told < _LAST_TIME else None


def _find_type(data: bytes) -> str:
    found = sniff_media_type(data) or RAW
    family, _, kind = found.partition("/")
    if family == "video":  # a container, which holds sound as well
        return f"audio/{kind}"
    return found if family == "audio" else RAW  # samples that look like the head of a picture


def find_sound(holders: Sequence[OptionsHolder], maker: str) -> tuple[OptionsHolder, str | None] | None:
    """Return which of `holders` stands for a sound of `maker`, and the id; that is `None` where it has expired."""
    for holder in holders:
        told = OWN.read_kept(holder, maker).get(_FIELD) if holder.provider_options else None
        if is_object(told) and (identity := as_text(told.get("id"))):
            until = as_count(told.get("expires_at"))
            return holder, None if until and until < time.time() + _TO_SPARE_S else identity
    return None


def render_sound(parts: Sequence[Part]) -> tuple[_Dict | None, list[Text]]:
    """Return the sound of an answer as a client gets it, and the texts that are its words.

    The id holds all that is needed to go on: whose it is, its own id, and the words for who else answers next.
    """
    sound = next((part for part in parts if isinstance(part, Audio)), None)
    if sound is None or not sound.data:
        return None, []
    words = [part for part in parts if isinstance(part, Text) and _find_own(part) is not None]
    found = next((own for part in (*words, sound) if (own := _find_own(part)) is not None), None)
    maker, state = (None, _Dict()) if found is None else found
    transcript = "".join([part.text for part in words])
    identity = seal(Reasoning("", [{**state, "transcript": transcript}], maker))
    until = as_count(state.get("expires_at")) or 0
    data = b64encode(sound.data).decode()
    return {"id": identity, "data": data, "expires_at": until, "transcript": transcript}, words


def _find_own(part: Text | Audio) -> tuple[str | None, _Dict] | None:
    """Return whose sound a part stands for, and what is known of it."""
    for key, fields in part.provider_options.items():
        wire, _, maker = key.partition("@")
        told = fields.get(_FIELD)
        if wire == OWN.wire and is_object(told):
            return maker or None, told
    return None


def parse_sound(told: _Dict, provider: str | None) -> Text:
    """Return the words of the sound that a message names by its id, with that id for who made it.

    A client need not send more than the id; the words are empty where neither it nor the id holds them.
    """
    written = as_text(told.get("id")) or ""
    found = unseal("", written)
    if found is None:
        own = _keep(written, _read_time(told.get("expires_at")), provider)
        return Text(as_text(told.get("transcript")) or "", own)
    details = found.details or []
    state = details[0] if details and is_object(details[0]) else {}
    own = _keep(as_text(state.get("id")), _read_time(state.get("expires_at")), found.provider)
    return Text(as_text(state.get("transcript")) or "", own)
