"""How providers and models depart from their protocol, as the packaged catalog has it."""

from __future__ import annotations

import pytest

from turnout import ModelConfig, catalog
from turnout.catalog.overrides import Overrides
from turnout.catalog.quirks import Quirks
from turnout.catalog.types import Model, Provider
from turnout.errors import CatalogError
from turnout.routing import resolve


def quirks_of(full_id: str) -> Quirks:
    model, provider = catalog.find(full_id), catalog.find_provider(full_id.partition("/")[0])
    assert model is not None
    assert provider is not None
    return model.quirks or provider.quirks


@pytest.mark.parametrize(
    ("model", "most"),
    [
        ("deepseek/deepseek-v4-pro", "json_object"),
        ("moonshotai/kimi-k2.6", "json_object"),
        ("zai/glm-5.3", "json_object"),
        ("anthropic/claude-opus-5", None),
        ("snowflake-cortex/claude-opus-5", "none"),
        ("snowflake-cortex/openai-gpt-5", None),
        ("ovhcloud/gpt-oss-120b", None),
        ("local/smollm2-135m-instruct", None),
    ],
)
def test_what_response_format_is_taken_for(model: str, most: str | None):
    assert quirks_of(model).response_format == most


def test_quirks_of_the_wire_format_that_is_not_the_usual_one_are_kept():
    provider = catalog.find_provider("anthropic")
    assert provider is not None
    assert provider.quirks_by_protocol["openai_chat"].response_format == "none"
    route = resolve(ModelConfig(id="anthropic/claude-opus-5", protocol="openai_chat", api_key="k"))
    assert "seed" in route.quirks.rejected_fields


def test_who_takes_no_tools_beside_response_format():
    for model in ("groq/openai/gpt-oss-120b", "cerebras/gpt-oss-120b", "google/gemini-3.8-flash"):
        assert not quirks_of(model).takes_tools_with_output
    assert quirks_of("ovhcloud/gpt-oss-120b").takes_tools_with_output


def test_who_takes_no_strict_no_refs_and_no_forced_tool():
    coder = quirks_of("ovhcloud/qwen3-coder-30b-a3b-instruct")
    assert (coder.takes_strict, coder.takes_refs, coder.takes_forced_tools) == (False, False, False)
    qwen = quirks_of("alibaba/qwen3.8-max")
    assert (qwen.takes_strict, qwen.takes_refs, qwen.takes_forced_tools) == (True, False, True)
    assert not quirks_of("ollama-cloud/gpt-oss:120b").takes_strict
    for model in ("moonshotai/kimi-k3", "deepseek/deepseek-flash", "zai/glm-5"):
        assert not quirks_of(model).takes_forced_tools


def test_quirks_of_provider_and_of_several_patterns_add_up():
    coder, newer = quirks_of("ovhcloud/qwen3-coder-30b-a3b-instruct"), quirks_of("cerebras/qwen-3.8-27b")
    assert (coder.single_system_message, coder.max_body_bytes) == (True, 2_000_000)
    assert (newer.single_system_message, newer.takes_strict, newer.takes_refs) == (True, False, False)
    assert "parallel_tool_calls" in newer.rejected_fields
    mistral = quirks_of("mistral/mistral-large-latest")
    assert (mistral.seed_field, "top_k" in mistral.rejected_fields) == ("random_seed", True)


def test_a_model_that_takes_no_temperature_takes_no_penalties_at_openai():
    fields = {"presence_penalty", "frequency_penalty", "logprobs", "top_logprobs"}
    for model in ("openai/o3", "openai/gpt-5", "azure/gpt-5"):
        assert quirks_of(model).max_tokens_field == "max_completion_tokens"
        assert fields <= set(quirks_of(model).rejected_fields)
    for model in ("openai/gpt-4o", "openai/gpt-5.4", "azure/claude-opus-5"):
        assert not fields & set(quirks_of(model).rejected_fields)


def test_the_switch_of_the_reasoning_has_a_name_of_each_provider():
    names = {"zai": "thinking", "alibaba": "enable_thinking", "openrouter": "reasoning", "ovhcloud": None}
    for provider, name in names.items():
        row = catalog.find_provider(provider)
        assert row is not None
        assert row.quirks.thinking_field == name


def overrides(text: str) -> Overrides:
    return Overrides(text.encode())


def test_two_rows_of_one_provider_are_both_laid_over_it():
    rows = overrides(
        """
        [[provider]]
        id = "p"
        base_url = "https://p.test/v1"
        quirks = { seed_field = "random_seed", takes_strict = false }
        source = "one"
        date = "2026-01-01"
        [[provider]]
        id = "p"
        quirks = { takes_strict = true, takes_refs = false }
        source = "two"
        date = "2026-01-02"
        """
    )
    row = rows.patch_provider(Provider(id="p", source="zero"))
    assert row.base_url == "https://p.test/v1"
    assert row.quirks == Quirks(seed_field="random_seed", takes_refs=False)
    assert row.source == "zero; one, 2026-01-01; two, 2026-01-02"


def test_a_pattern_may_ask_for_facts():
    rows = overrides(
        """
        [[pattern]]
        match = ["p/*"]
        where = { supports_temperature = false }
        set = { quirks = { rejected_fields = ["seed"] } }
        source = "s"
        date = "2026-01-01"
        """
    )
    provider = Provider(id="p")
    assert rows.patch_model(Model(id="p/a"), provider).quirks is None
    patched = rows.patch_model(Model(id="p/a", supports_temperature=False), provider)
    assert patched.quirks == Quirks(rejected_fields=("seed",))


def test_a_pattern_that_asks_for_no_known_fact_is_named():
    rows = overrides(
        '[[pattern]]\nmatch = ["*"]\nwhere = { size = 1 }\nset = { kind = "chat" }\nsource = "s"\ndate = "2026-01-01"'
    )
    with pytest.raises(CatalogError, match="`size`"):
        rows.patch_model(Model(id="p/a"), Provider(id="p"))


def test_limits_and_urls_are_known_where_they_depart():
    ovh = quirks_of("ovhcloud/gpt-oss-120b")
    assert (ovh.requests_per_minute, ovh.anonymous_requests_per_minute) == (400, 2)
    assert quirks_of("ovhcloud/qwen3.6-27b").anonymous_requests_per_minute == 2
    for model in ("moonshotai/kimi-k2.6", "ollama-cloud/gemma4:31b"):
        assert quirks_of(model).takes_media_urls == ()
    assert "file" in quirks_of("openrouter/openai/gpt-4o").takes_media_urls
    assert quirks_of("openai/text-embedding-3-small").max_embedding_texts == 2048
