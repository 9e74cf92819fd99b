"""What one model call gives back, and the record of how it was made."""

from __future__ import annotations

from array import array
from typing import Any, Literal

from msgspec import Struct

from turnout.errors import TurnoutError
from turnout.messages import Image, Message, Reasoning, ToolCall
from turnout.usage import Usage

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "max_steps", "approval", "other"]
"""Why an answer ended. ``"other"`` is a reason that the provider names and turnout does not know, or none at all."""

REQUEST_ID_HEADERS = (
    "x-request-id",
    "request-id",
    "x-amzn-requestid",
    "apim-request-id",
    "x-trace-id",
    "cf-ray",
)
"""The headers in which providers put the id of a request, the most telling first."""


class Warning(Struct, frozen=True):
    """Something that the caller should know though the call went well, such as a setting that was left out.

    `code` is stable and short (``"retired_model"``); `message` says what happened and what to do.
    """

    code: str
    message: str

    def __str__(self) -> str:
        return self.message


class Attempt(Struct, frozen=True, kw_only=True):
    """One try of a call, also one that never left (a missing key). `error` is `None` for the try that succeeded.

    `duration_s` is the time the try took, `waited_s` the pause before it, both in seconds.
    """

    model: str
    provider: str | None = None
    url: str | None = None
    status: int | None = None
    error: TurnoutError | None = None
    duration_s: float = 0.0
    waited_s: float = 0.0

    def __repr__(self) -> str:
        outcome = "ok" if self.error is None else type(self.error).__name__
        return f"Attempt({self.model}: {self.status or '-'} {outcome} in {self.duration_s:.3f} s)"


class Timing(Struct, frozen=True, kw_only=True):
    """How long a call took, in seconds from its start. `first_chunk_s` is `None` where nothing was streamed."""

    first_chunk_s: float | None = None
    total_s: float = 0.0


class TokenLogprob(Struct, frozen=True, kw_only=True):
    """One token of an answer with the natural logarithm of its probability.

    `data` is what the token adds to the text, in UTF-8 (one character may take several tokens); `None` where the
    provider does not say. `top` holds the likeliest tokens in its place, likeliest first, where they were asked for.
    """

    token: str
    logprob: float
    data: bytes | None = None
    top: tuple[TokenLogprob, ...] = ()


class ModelResponse(Struct, kw_only=True):
    """One answer of a model, decoded from its wire format.

    `model` is the model as the provider names it, `message` the assistant's message with every part in order,
    `raw_finish_reason` the provider's own word, `raw` the raw body (whole answers only), `request_id` the
    provider's id of the request and `headers` those of the HTTP answer, names in lower case. `logprobs` holds the
    tokens of the text where the setting `logprobs` asked for them; `None` where none came. `is_paused` tells that the
    provider paused a long turn of its own tools, and goes on with it when it gets the message back unchanged.
    """

    message: Message
    finish_reason: FinishReason
    usage: Usage = Usage()
    id: str | None = None
    model: str | None = None
    refusal: str | None = None
    raw_finish_reason: str | None = None
    is_paused: bool = False
    raw: bytes = b""
    logprobs: list[TokenLogprob] | None = None
    request_id: str | None = None
    headers: dict[str, str] = {}
    warnings: list[Warning] = []

    def __repr__(self) -> str:
        return f"ModelResponse({self.text[:60]!r}, {self.finish_reason}, {self.model}, {self.usage})"

    @property
    def text(self) -> str:
        """The text of the answer, untrimmed; reasoning and refusal are not in it."""
        return self.message.text

    @property
    def reasoning(self) -> str:
        """What the model thought, as far as the provider tells it."""
        return "".join([part.text for part in self.message.content if isinstance(part, Reasoning)])

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The tool calls that the model asks for, in its order."""
        return [part for part in self.message.content if isinstance(part, ToolCall)]


class EmbeddingResponse(ModelResponse):
    """The answer to an `EmbeddingRequest`: `vectors` holds one for each text, in the order of the texts.

    A vector is an `array.array`: of type ``"f"`` where it came in single precision, ``"d"`` where it came as decimals.
    """

    vectors: list[array[float]] = []

    def __repr__(self) -> str:
        return f"EmbeddingResponse({len(self.vectors)} vectors, {self.model}, {self.usage})"


class ImageResponse(ModelResponse):
    """The answer to an `ImageRequest`: `images`, each with the prompt that the provider made of the given one.

    `image_input_tokens` are those of the input that stand for pictures, which cost other than text.
    """

    images: list[Image] = []
    revised_prompts: list[str | None] = []
    image_input_tokens: int | None = None

    def __repr__(self) -> str:
        return f"ImageResponse({len(self.images)} images, {self.model}, {self.usage})"


class SpeechResponse(ModelResponse):
    """The answer to a `SpeechRequest`: `audio` holds its bytes; the head of the answer tells what they are."""

    audio: bytes = b""

    def __repr__(self) -> str:
        return f"SpeechResponse({len(self.audio)} bytes)"


class Segment(Struct, frozen=True, repr_omit_defaults=True):
    """A piece of speech: its text, when it begins and ends (seconds), and who speaks where the model tells it."""

    text: str
    start_s: float | None = None
    end_s: float | None = None
    speaker: str | None = None


class Word(Struct, frozen=True, repr_omit_defaults=True):
    """A word of speech, and when it begins and ends (seconds)."""

    text: str
    start_s: float | None = None
    end_s: float | None = None


class TranscriptionResponse(ModelResponse):
    """The answer to a `TranscriptionRequest`; `text` is the whole, `duration_s` how long the sound is (seconds)."""

    segments: list[Segment] = []
    words: list[Word] = []
    language: str | None = None
    duration_s: float | None = None


class RerankResponse(ModelResponse):
    """The answer to a `RerankRequest`: the index and the score of each document, best first.

    `search_units` is what some providers bill in place of tokens.
    """

    scores: list[tuple[int, float]] = []
    search_units: float | None = None

    def __repr__(self) -> str:
        return f"RerankResponse({len(self.scores)} scores, {self.model}, {self.usage})"


class ErrorReport(Struct, frozen=True, kw_only=True):
    """What an error body says, read by a protocol: the words, the provider's code and the field that it objects to."""

    message: str
    code: str | None = None
    param: str | None = None
    details: dict[str, Any] | None = None
