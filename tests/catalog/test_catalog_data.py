"""What is in the packaged catalog."""

from __future__ import annotations

import zlib
from decimal import Decimal
from typing import Any

import pytest

from turnout import catalog
from turnout.catalog.archive import Archive
from turnout.catalog.build import build_rows, rules_checksum
from turnout.catalog.store import OVERRIDES, PACKAGED, read_packaged

DATE = "2026-09-30"


def test_it_holds_every_provider_and_model():
    assert len(catalog.providers()) == 226
    assert len(catalog.models()) == 8346
    assert sum(provider.model_count for provider in catalog.providers()) == 8346
    assert len({model.id for model in catalog.models()}) == 8346
    assert {provider.id for provider in catalog.providers()} == {model.provider for model in catalog.models()}


def test_it_is_small():
    assert PACKAGED.stat().st_size < 600_000


def test_the_founding_models_have_the_founding_flags(founding_models: list[dict[str, Any]]):
    assert len(founding_models) == 13
    for row in founding_models:
        model = catalog.find(f"ovhcloud/{row['model']}")
        assert model is not None
        assert (model.context, model.max_output) == (row["context"], row["max_output"])
        assert model.supports_tools is row["tools"]
        assert model.supports_reasoning is row["reasoning"]
        assert model.supports_structured_output is row["structured_output"]
        assert model.supports_temperature is row["temperature"]
        assert model.open_weights is row["open_weights"]
        assert model.release_date == row["release_date"]
        assert (model.input_price, model.output_price) == (row["input"], row["output"])
        assert (model.wire_id or model.short_id) == row["api_id"]
        for modality in ("image", "audio", "video"):
            assert (modality in model.input_modalities) is row[modality]
        assert model.is_retired is (not row["in_models_dev_2026_09_30"])


@pytest.mark.parametrize(
    ("model", "retired", "successor"),
    [
        ("deepseek-r1-distill-llama-70b", "2026-04-17", "gpt-oss-120b"),
        ("llama-3.1-8b-instruct", "2026-06-26", "qwen3.5-9b"),
        ("mixtral-8x7b-instruct-v0.1", "2026-04-17", "mistral-small-3.2-24b-instruct-2506"),
        ("qwen2.5-coder-32b-instruct", "2026-04-17", "qwen3-coder-30b-a3b-instruct"),
        ("qwen3-32b", "2026-09-27", "qwen3.6-27b"),
    ],
)
def test_a_retired_model_names_a_living_successor(model: str, retired: str, successor: str):
    row = catalog.find(f"ovhcloud/{model}")
    assert row is not None
    assert (row.retired, row.successor) == (retired, f"ovhcloud/{successor}")
    heir = catalog.find(f"ovhcloud/{successor}")
    assert heir is not None
    assert not heir.is_retired


def test_only_the_founding_five_are_retired():
    assert len(catalog.models(retired=True)) == 5


def test_a_price_is_the_published_decimal():
    model = catalog.find("ovhcloud/meta-llama-3_3-70b-instruct")
    assert model is not None
    assert str(model.input_price) == "0.74"
    prices = [
        price for row in catalog.models() for price in (row.input_price, row.cache_read_price) if price is not None
    ]
    assert max(len(price.as_tuple().digits) for price in prices) < 10  # no 0.30000000000000004


def test_what_the_source_leaves_out_is_unknown():
    model = catalog.find("ovhcloud/gpt-oss-120b")
    assert model is not None
    assert model.supports_temperature is None
    assert model.cache_read_price is None
    image = catalog.find("openai/gpt-image-1")
    assert image is not None
    assert image.context is None  # the source says 0


def test_free_is_known_and_unknown_is_not_free():
    guard = catalog.find("ovhcloud/qwen3guard-gen-8b")
    assert guard is not None
    assert guard.input_price == 0
    assert guard.is_free
    unpriced = [model for model in catalog.models() if model.input_price is None]
    assert len(unpriced) == 425  # two of them are turnout's own rows
    assert not any(model.is_free for model in unpriced)


def test_ovhcloud_is_reached_without_a_key_and_takes_one_system_message():
    provider = catalog.find_provider("ovhcloud")
    assert provider is not None
    assert provider.base_url == "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1"
    assert provider.api_key_env[0] == "OVHCLOUD_API_KEY"
    assert provider.allows_anonymous
    assert provider.quirks.single_system_message
    assert provider.quirks.max_body_bytes == 2_000_000


@pytest.mark.parametrize(
    ("provider", "keys"),
    [
        ("cloudflare-workers-ai", ("CLOUDFLARE_API_KEY",)),
        ("databricks", ("DATABRICKS_TOKEN",)),
        ("snowflake-cortex", ("SNOWFLAKE_CORTEX_PAT",)),
        ("neon", ("NEON_AI_GATEWAY_TOKEN",)),
        ("azure", ("AZURE_API_KEY",)),
        ("infomaniak", ("INFOMANIAK_API_KEY",)),
        ("privatemode-ai", ("PRIVATEMODE_API_KEY",)),
        ("watsonx", ("WATSONX_AI_APIKEY",)),
        ("cloudflare-ai-gateway", ("CLOUDFLARE_API_TOKEN",)),
        ("google", ("GOOGLE_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY", "GEMINI_API_KEY")),
        ("amazon-bedrock", ("AWS_BEARER_TOKEN_BEDROCK",)),
        ("google-vertex", ()),
        ("groq", ("GROQ_API_KEY",)),
    ],
)
def test_the_variable_of_the_key_is_known_where_there_are_several(provider: str, keys: tuple[str, ...]):
    row = catalog.find_provider(provider)
    assert row is not None
    assert row.api_key_env == keys
    assert set(row.api_key_env) <= set(row.env)


def test_every_openai_chat_provider_has_a_url_but_the_embedded_one():
    without = [row.id for row in catalog.providers() if row.protocol == "openai_chat" and not row.base_url]
    assert without == ["local"]


def test_a_models_own_protocol_and_url_are_kept():
    model = catalog.find("opencode/claude-haiku-4-5")
    assert model is not None
    assert model.protocol == "anthropic_messages"
    azure = catalog.find("azure/claude-opus-5")
    assert azure is not None
    assert azure.base_url == "https://${AZURE_RESOURCE_NAME}.services.ai.azure.com/anthropic/v1"
    openai = catalog.find("openai/gpt-5")
    assert openai is not None
    assert (openai.protocol, openai.base_url) == (None, None)
    assert all(row.protocol is None for row in catalog.models(provider="cloudflare-ai-gateway"))


def test_quirks_of_a_model_are_resolved_when_the_catalog_is_built():
    reasoning, plain = catalog.find("openai/o3"), catalog.find("openai/gpt-4o")
    assert reasoning is not None
    assert plain is not None
    assert reasoning.quirks is not None
    assert reasoning.quirks.max_tokens_field == "max_completion_tokens"
    assert plain.quirks is None
    mistral = catalog.find_provider("mistral")
    assert mistral is not None
    assert mistral.quirks.seed_field == "random_seed"


def test_the_embedded_model_is_listed():
    model, provider = catalog.find("local/smollm2-135m-instruct"), catalog.find_provider("local")
    assert model is not None
    assert provider is not None
    assert model.is_free
    assert (model.context, model.supports_tools, model.supports_structured_output) == (8192, False, True)
    assert (provider.protocol, provider.allows_anonymous, provider.api_key_env) == ("openai_chat", True, ())


def test_kinds_follow_the_modalities():
    assert {model.kind for model in catalog.models(provider="ovhcloud")} == {"chat", "embedding", "moderation"}
    for model_id, kind in {
        "openai/gpt-image-1": "image",
        "openai/gpt-image-1.5": "image",
        "openai/text-embedding-3-small": "embedding",
        "huggingface/Qwen/Qwen3-Embedding-8B": "embedding",
        "ovhcloud/bge-m3": "embedding",
        "ovhcloud/bge-multilingual-gemma2": "embedding",
        "ovhcloud/qwen3-embedding-8b": "embedding",
        "scaleway/bge-multilingual-gemma2": "embedding",
        "stackit/intfloat/e5-mistral-7b-instruct": "embedding",
        "groq/whisper-large-v3": "transcription",
        "vercel/openai/tts-1": "speech",
        "vercel/cohere/rerank-v3.5": "rerank",
        "nearai/Qwen/Qwen3-Reranker-0.6B": "rerank",
        "xai/grok-imagine-video": "video",
        "ovhcloud/qwen3guard-gen-8b": "moderation",
    }.items():
        model = catalog.find(model_id)
        assert model is not None
        assert model.kind == kind


def test_longer_inputs_have_their_own_prices():
    model = catalog.find("openai/gpt-5.4")
    assert model is not None
    assert model.tier_for(272_000).input_price == Decimal("2.5")
    longer = model.tier_for(272_001)
    assert (longer.over_context_tokens, longer.input_price, longer.output_price) == (272_000, 5, Decimal("22.5"))
    untiered = catalog.find("ovhcloud/gpt-oss-120b")
    assert untiered is not None
    assert untiered.tier_for(10**9).output_price == Decimal("0.47")


def test_rebuilding_gives_the_packaged_data(snapshot: bytes):
    overrides = OVERRIDES.read_bytes()
    rows = build_rows(snapshot, overrides, label=f"models.dev {DATE}")
    assert rows.skipped == []
    assert rows.unknown_packages == []
    rebuilt = rows.pack(date=DATE, origin=f"models.dev {DATE}", rules=rules_checksum(overrides))
    packaged, again = read_packaged(), Archive(rebuilt)
    assert (again.date, again.origin, again.rules) == (packaged.date, packaged.origin, packaged.rules)
    assert again.provider_ids == packaged.provider_ids
    for provider_id in packaged.provider_ids:
        assert again.provider(provider_id) == packaged.provider(provider_id)
        assert again.models(provider_id) == packaged.models(provider_id)
    if "ng" not in zlib.ZLIB_RUNTIME_VERSION:  # zlib-ng packs the same data into other bytes
        assert rebuilt == PACKAGED.read_bytes()
