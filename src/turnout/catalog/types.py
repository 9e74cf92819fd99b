"""The rows of the catalog: `Model`, `Provider` and what they are made of. All prices are USD per 1M tokens."""

# No `from __future__ import annotations`: msgspec would compile every annotation on the first look-up (0.5 ms).
from decimal import Decimal
from typing import Literal

import msgspec

from turnout.catalog.auth import AuthMechanism, TokenSource, URLVariable
from turnout.catalog.quirks import Quirks
from turnout.errors import redact_url

ModelKind = Literal["chat", "moderation", "embedding", "image", "video", "speech", "transcription", "rerank"]
"""What a model is for; ``"chat"`` where the data does not say. ``"moderation"`` is called as a chat model is, and
answers with a verdict on what it is given."""


class ReasoningOption(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One way to steer a model's reasoning, as models.dev lists it (`reasoning_options`)."""

    type: str
    """``"effort"`` (one of `values`), ``"toggle"`` (on or off) or ``"budget_tokens"`` (between `min` and `max`)."""

    values: tuple[str | None, ...] = ()
    """The efforts that the model takes, least first; empty for the other types. `None` stands for "leave it out"."""

    min: int | None = None
    """The smallest budget in tokens; `None` where it is not known."""

    max: int | None = None
    """The largest budget in tokens; `None` where it is not known."""


class PriceTier(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The prices of a request whose input is longer than `over_context_tokens`, in USD per 1M tokens."""

    over_context_tokens: int
    """The tier holds for requests with more input tokens than this."""

    input_price: Decimal | None = None
    """Input that is neither cached nor audio."""

    output_price: Decimal | None = None
    """Output, reasoning included unless `reasoning_price` is known."""

    cache_read_price: Decimal | None = None
    """Input that is read from the provider's cache."""

    cache_write_price: Decimal | None = None
    """Input that is written to the provider's cache."""

    reasoning_price: Decimal | None = None
    """Reasoning tokens, where they cost other than output."""

    audio_input_price: Decimal | None = None
    """Audio that goes in."""

    audio_output_price: Decimal | None = None
    """Audio that comes out."""


# A struct that both share would put its fields before `id`, in every repr and JSON; a test holds the two together.
PRICE_FIELDS = PriceTier.__struct_fields__[1:]
"""The names of all price fields, of `Model` and of `PriceTier`."""

REDIRECTING_FIELDS = frozenset(
    ("base_url", "api_key_env", "env", "headers", "auth", "token", "variables", "base_urls", "body_fields")
)
"""The fields of `Provider` and `Model` that say where a call goes and which key it carries."""


class Model(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One model of one provider.

    `None` always means *unknown*, never no, nought or unlimited. The facts are models.dev's unless `source` says
    otherwise.
    """

    id: str
    """The full id, ``"ovhcloud/gpt-oss-120b"``: the provider's id, a slash, then the model (which may hold slashes)."""

    name: str = ""
    """The name for people; for some providers it is the exact id too (then `wire_id` says so)."""

    wire_id: str | None = None
    """The provider's own spelling of the id, where it is known to differ from `short_id`; tried once after a 404."""

    kind: ModelKind = "chat"
    """What the model is for, as far as its modalities and family tell."""

    context: int | None = None
    """The context window in tokens: input and output together."""

    max_input: int | None = None
    """The longest input in tokens, where the provider limits it below `context`."""

    max_output: int | None = None
    """The longest answer in tokens."""

    input_modalities: tuple[str, ...] = ("text",)
    """What goes in: text, image, audio, video, pdf."""

    output_modalities: tuple[str, ...] = ("text",)
    """What comes out: text, image, audio, video, pdf."""

    supports_tools: bool | None = None
    """Whether it takes tools."""

    supports_reasoning: bool | None = None
    """Whether it reasons before it answers."""

    supports_structured_output: bool | None = None
    """Whether it holds to a JSON schema."""

    supports_temperature: bool | None = None
    """Whether it takes a temperature."""

    supports_attachments: bool | None = None
    """Whether it takes files."""

    input_price: Decimal | None = None
    """Input that is neither cached nor audio, USD per 1M tokens."""

    output_price: Decimal | None = None
    """Output, USD per 1M tokens; reasoning included unless `reasoning_price` is known."""

    cache_read_price: Decimal | None = None
    """Input that is read from the provider's cache, USD per 1M tokens."""

    cache_write_price: Decimal | None = None
    """Input that is written to the provider's cache, USD per 1M tokens."""

    reasoning_price: Decimal | None = None
    """Reasoning tokens, USD per 1M, where they cost other than output."""

    audio_input_price: Decimal | None = None
    """Audio that goes in, USD per 1M tokens."""

    audio_output_price: Decimal | None = None
    """Audio that comes out, USD per 1M tokens."""

    price_tiers: tuple[PriceTier, ...] = ()
    """Other prices for longer inputs, shortest first; see `tier_for`."""

    reasoning_options: tuple[ReasoningOption, ...] | None = None
    """How its reasoning is steered; empty: it cannot be, `None`: unknown."""

    reasoning_field: str | None = None
    """The field of a message that carries its reasoning back to it (models.dev's `interleaved`)."""

    family: str | None = None
    """The family of models, such as ``"gpt-oss"``."""

    open_weights: bool | None = None
    """Whether its weights are published."""

    release_date: str | None = None
    """When it came out: ``YYYY-MM-DD`` or ``YYYY-MM``."""

    last_updated: str | None = None
    """When it last changed: ``YYYY-MM-DD`` or ``YYYY-MM``."""

    knowledge: str | None = None
    """Where its knowledge ends: ``YYYY-MM-DD`` or ``YYYY-MM``."""

    status: str | None = None
    """``"deprecated"`` or ``"beta"``, where the source says so."""

    sent_as: str | None = None
    """The id that is sent in the place of `short_id`, where the catalog's is the provider's name for it only."""

    retired: str | None = None
    """The day from which the provider no longer has it (``YYYY-MM-DD``); `None` while it is alive."""

    successor: str | None = None
    """The full id of the model to take in its place."""

    protocol: str | None = None
    """Its wire format, where it is not its provider's."""

    base_url: str | None = None
    """Its base URL, where it is not its provider's; may hold ``${VARIABLE}`` templates."""

    quirks: Quirks | None = None
    """Its quirks in the wire format that it usually speaks, complete; `None`: its provider's."""

    source: str = ""
    """Where the row comes from, with a date."""

    redirected_by: str | None = None
    """The path of the working directory's `turnout.toml`, where that file changes `base_url` and is not alone in
    defining the provider; else `None`. Computed, and no field of any row; see `Provider.redirected_by`."""

    @property
    def provider(self) -> str:
        """The id of its provider: what comes before the first slash."""
        return self.id.partition("/")[0]

    @property
    def short_id(self) -> str:
        """The id without the provider: what is sent in a request."""
        return self.id.partition("/")[2]

    @property
    def is_free(self) -> bool:
        """Whether input and output are known to cost nothing; an unknown price is not free."""
        return self.input_price == 0 and self.output_price == 0

    @property
    def is_retired(self) -> bool:
        """Whether the provider no longer has it."""
        return self.retired is not None

    def tier_for(self, input_tokens: int) -> "Model | PriceTier":
        """Return what holds the prices of a request of `input_tokens` (all input, cached included).

        It is the model itself where no tier fits, else the tier; a price that the tier leaves out is the model's own.
        """
        if not self.price_tiers:  # as of nearly all, and every call asks
            return self
        tier: PriceTier | None = None
        for candidate in self.price_tiers:
            if input_tokens > candidate.over_context_tokens >= (tier.over_context_tokens if tier else 0):
                tier = candidate
        if tier is None:
            return self
        own = {field: getattr(self, field) for field in PRICE_FIELDS if getattr(tier, field) is None}
        return msgspec.structs.replace(tier, **own)


class Provider(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One provider: where it is, how it is spoken to, and which variables hold its key."""

    id: str
    """Its id: the first segment of its models' ids, in lower case."""

    name: str = ""
    """Its name for people."""

    base_url: str | None = None
    """The URL that the protocol's paths are joined to; may hold ``${VARIABLE}`` templates. `None`: not known."""

    env: tuple[str, ...] = ()
    """Every environment variable that it needs or takes."""

    api_key_env: tuple[str, ...] = ()
    """Those of `env` that may hold the API key, the first that is set wins; empty: it takes no API key."""

    doc: str | None = None
    """Its documentation of models."""

    protocol: str = "openai_chat"
    """The wire format of its models, unless a model names its own."""

    base_urls: dict[str, str] = {}
    """The base URL of each wire format that it has at another place than `base_url`, by the format's name."""

    auth: AuthMechanism = "api_key"
    """How its calls are authenticated."""

    api_key_header: str | None = None
    """The header that carries the key; `None`: the one of the wire format, or ``Authorization: Bearer``."""

    token: TokenSource | None = None
    """Where and with what a token is fetched, for an `auth` that needs one."""

    variables: dict[str, URLVariable] = {}
    """Where the values of ``${VARIABLE}`` come from, for those that are not just variables of the environment."""

    body_fields: dict[str, str] = {}
    """Fields that every body must have (by the wire formats that know of them); may hold ``${VARIABLE}``."""

    allows_anonymous: bool = False
    """Whether it answers without a key."""

    quirks: Quirks = msgspec.field(default_factory=Quirks)
    """How it departs from its protocol."""

    quirks_by_protocol: dict[str, Quirks] = {}
    """How it departs from a wire format that some of its models speak, by the format's name; laid over `quirks`."""

    headers: dict[str, str] = {}
    """Headers that every request to it carries; may hold ``${VARIABLE}``."""

    model_count: int = 0
    """How many models the catalog lists, retired ones included."""

    source: str = ""
    """Where the row comes from, with a date."""

    redirected_by: str | None = None
    """The path of the working directory's `turnout.toml`, where that file changes where a listed provider's calls go
    or which key they carry: one of `REDIRECTING_FIELDS`.

    A working directory may be somebody else's: the keys of the environment are not meant for such a row. `None` for
    rows of the user's own folder and of `register`, and for a provider that only that file defines. It is computed
    when rows are merged, and no field of any row.
    """

    def quirks_in(self, protocol: str, model: Model | None = None) -> Quirks:
        """Return how the provider (or its `model`) departs from one wire format.

        What it has in `quirks_by_protocol` is laid over `quirks`. A model's own are whole for the format that it
        usually speaks; in any other, what they add to its provider's in the usual one stays.
        """
        own, usual = (None, "") if model is None else (model.quirks, model.protocol or self.protocol)
        if own is None:
            return self._lay_over(self.quirks, protocol)
        if protocol == usual or not self.quirks_by_protocol:
            return own
        added = own.list_changes(self._lay_over(self.quirks, usual))
        return self._lay_over(msgspec.structs.replace(self.quirks, **added), protocol)

    def _lay_over(self, quirks: Quirks, protocol: str) -> Quirks:
        above = self.quirks_by_protocol.get(protocol)
        return quirks if above is None else above.over(quirks)

    def __repr__(self) -> str:
        """Leave the headers out: they may hold a secret."""
        url = None if self.base_url is None else redact_url(self.base_url)
        return f"Provider(id={self.id!r}, base_url={url!r}, protocol={self.protocol!r}, model_count={self.model_count})"
