"""How a provider (or one model of it) departs from its protocol; data, so that no code compares provider ids."""

# No `from __future__ import annotations`: msgspec would compile every annotation on the first look-up (0.5 ms).
from typing import Any, Literal

import msgspec


class Quirks(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Departures from the `openai_chat` protocol; every default is the protocol's own behaviour.

    What a provider refuses only at times (`stream_options`, `parallel_tool_calls`) is no quirk: it is sent, and left
    out after the first 400 that names it.
    """

    single_system_message: bool = False
    """Merge all system messages into one and send it first (some chat templates answer nothing otherwise)."""

    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """The body field that limits the answer; reasoning models of OpenAI refuse the older one."""

    seed_field: Literal["seed", "random_seed"] = "seed"
    """The body field that carries the seed."""

    short_call_ids: bool = False
    """Whether the id of a tool call must be nine letters and digits; where so, those that others made go as such."""

    thinking_field: (
        Literal["thinking", "enable_thinking", "reasoning", "reasoningConfig", "reasoning_config", "reasoning_effort"]
        | None
    ) = None
    """The body field that turns reasoning on and off where no effort does: ``{"type": "enabled"}`` in `thinking`, a
    boolean in `enable_thinking`, ``{"enabled": true}`` in `reasoning`; `None`: not known. In Bedrock's Converse a
    field of `additionalModelRequestFields`, also for efforts: an object in `reasoningConfig` (Nova) or `reasoning`
    (GPT, Grok), a word in `reasoning_config` (Qwen, Kimi, GLM) or `reasoning_effort` (gpt-oss, DeepSeek); `None`: as
    Claude is told."""

    rejected_fields: tuple[str, ...] = ()
    """Body fields that are never sent; leaving out one that the user set is a warning."""

    response_format: Literal["json_schema", "json_object", "none"] | None = None
    """The most that the field `response_format` is taken for; `None`: what the model's facts say."""

    takes_strict: bool = True
    """Whether `strict` is taken in schemas of tools and of structured output."""

    takes_refs: bool = True
    """Whether ``$ref`` is understood in schemas; where not, definitions are put in their places."""

    offers_tools_once: bool = False
    """Tools that work through the prompt are offered once a turn: a very small model calls them again and again."""

    takes_tools_with_output: bool = True
    """Whether one request may hold tools and `response_format`; where not, the output gets a step of its own."""

    takes_forced_tools: bool = True
    """Whether `tool_choice` may be ``"required"`` or name a tool; where not, ``"auto"`` is sent and the prompt asks."""

    takes_media_urls: tuple[Literal["image", "audio", "video", "file", "pdf"], ...] = ("image", "video")
    """The kinds of parts that the provider takes as http(s) URLs; those of any other kind are fetched and inlined.
    ``"pdf"``: of the files only those that are PDFs by their `media_type` or the ending of the URL."""

    takes_files: bool = True
    """Whether files (PDFs and others) are taken at all; where not, a request that holds one is not sent."""

    audio_as_url: bool = False
    """Whether sound goes as a ``data:`` or http(s) URL in `input_audio`, where the protocol has bare base64."""

    requests_per_minute: int | None = None
    """How many requests a minute the provider takes of one key, for each model; `None` where no limit is known."""

    anonymous_requests_per_minute: int | None = None
    """How many it takes without a key, for each model; `None` where no limit is known."""

    max_embedding_texts: int = 128
    """The most texts that one request for embeddings may hold; OpenAI takes 2048, many servers less."""

    max_embedding_tokens: int = 100_000
    """The most tokens (estimated) that one request for embeddings may hold, together; OpenAI takes 300,000."""

    max_body_bytes: int | None = None
    """The largest request body that the provider takes, in bytes; `None` where no limit is known."""

    def over(self, base: "Quirks") -> "Quirks":
        """Return `base` with these laid over it: each field that departs from the protocol here wins."""
        return msgspec.structs.replace(base, **self.list_changes(_NONE))

    def list_changes(self, base: "Quirks") -> dict[str, Any]:
        """Return the fields that have another value than in `base`, by name."""
        fields = self.__struct_fields__
        return {name: value for name in fields if (value := getattr(self, name)) != getattr(base, name)}


_NONE = Quirks()
