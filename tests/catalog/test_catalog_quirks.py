"""How providers and models depart from their protocol, as the packaged catalog has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from turnout import ModelConfig, catalog
from turnout.catalog.overrides import Overrides
from turnout.catalog.quirks import Quirks
from turnout.catalog.types import Model, Provider, ReasoningOption
from turnout.errors import CatalogError
from turnout.routing import resolve
from turnout.routing.model import Candidate
from turnout.routing.resolution import trace_candidate

if TYPE_CHECKING:
    from pathlib import Path


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
    for model in ("groq/openai/gpt-oss-120b", "cerebras/gpt-oss-120b", "google/gemini-2.5-pro"):
        assert not quirks_of(model).takes_tools_with_output
    for model in ("ovhcloud/gpt-oss-120b", "google/gemini-3.8-flash", "google-vertex/gemini-3.8-flash"):
        assert quirks_of(model).takes_tools_with_output
    assert not quirks_of("google-vertex/gemini-2.5-pro").takes_tools_with_output


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


@pytest.mark.parametrize(
    ("model", "protocol", "field"),
    [
        ("us.amazon.nova-2-lite-v1:0", "bedrock_converse", "reasoningConfig"),
        ("openai.gpt-oss-120b-1:0", "bedrock_converse", "reasoning_effort"),
        ("us-gov.openai.gpt-oss-20b-1:0", "bedrock_converse", "reasoning_effort"),
        ("deepseek.v3.2", "bedrock_converse", "reasoning_effort"),
        ("us.openai.gpt-6-sol", "bedrock_converse", "reasoning"),
        ("global.openai.gpt-5.6-luna", "bedrock_converse", "reasoning"),
        ("us.xai.grok-4.6", "bedrock_converse", "reasoning"),
        ("openai.gpt-5.6-sol", "openai_responses", "reasoning"),
        ("xai.grok-4.6", "openai_responses", "reasoning"),
        ("qwen.qwen3-32b-v1:0", "bedrock_converse", "reasoning_config"),
        ("moonshotai.kimi-k2.5", "bedrock_converse", "reasoning_config"),
        ("zai.glm-5", "bedrock_converse", "reasoning_config"),
        ("us.anthropic.claude-opus-5", "bedrock_converse", None),
        ("amazon.nova-lite-v1:0", "bedrock_converse", None),
        ("deepseek.r1-v1:0", "bedrock_converse", None),
    ],
)
def test_bedrocks_makers_have_fields_of_their_own(
    model: str, protocol: str, field: str | None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "k")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    route = resolve(f"amazon-bedrock/{model}")
    assert (route.protocol, route.quirks.thinking_field) == (protocol, field)


def test_llama_at_bedrock_is_told_no_tool_choice_at_all():
    quirks = quirks_of("amazon-bedrock/us.meta.llama3-3-70b-instruct-v1:0")
    assert (quirks.takes_forced_tools, quirks.rejected_fields) == (False, ("tool_choice",))


def test_claude_before_4_6_has_a_budget_at_every_provider_that_speaks_its_wire_format():
    for model in ("claude-3.7-sonnet", "claude-opus-4", "claude-opus-4.1", "claude-opus-4.5", "claude-sonnet-4.5"):
        row = catalog.find(f"zenmux/anthropic/{model}")
        assert row is not None
        assert row.reasoning_options == (ReasoningOption(type="budget_tokens", min=1024),)
    newer, older = catalog.find("zenmux/anthropic/claude-opus-4.6"), catalog.find("zenmux/anthropic/claude-3.5-haiku")
    assert newer is not None
    assert newer.reasoning_options == (ReasoningOption(type="effort", values=("low", "medium", "high")),)
    assert older is not None
    assert older.reasoning_options is None


ALL_KINDS = ("image", "audio", "video", "file")


@pytest.mark.parametrize(
    ("model", "protocol", "kinds"),
    [
        ("anthropic/claude-opus-5", None, ("image", "pdf")),
        ("anthropic/claude-opus-5", "openai_chat", ("image",)),
        ("azure/claude-opus-5", None, ("image", "pdf")),
        ("azure-cognitive-services/claude-opus-5", None, ("image", "pdf")),
        ("azure/gpt-5.4", None, ("image", "video")),
        ("google/gemini-3.8-flash", None, ALL_KINDS),
        ("google/gemini-3.8-flash", "openai_chat", ()),
        ("google-vertex/gemini-3.8-flash", None, ALL_KINDS),
        ("google-vertex/claude-opus-5@default", None, ()),
        ("google-vertex/meta/llama-3.3-70b-instruct-maas", None, ("image", "video")),
        ("google-vertex-anthropic/claude-opus-5@default", None, ()),
        ("amazon-bedrock/us.anthropic.claude-opus-5", None, ()),
        ("amazon-bedrock/us.anthropic.claude-opus-5", "bedrock_anthropic", ()),
        ("ovhcloud/qwen3.8-27b", None, ("image", "video")),
        ("ovhcloud/qwen3.8-27b", "openai_responses", ()),
    ],
)
def test_who_takes_which_urls(
    model: str, protocol: str | None, kinds: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
):
    for name in (
        "AZURE_RESOURCE_NAME",
        "AZURE_COGNITIVE_SERVICES_RESOURCE_NAME",
        "AWS_REGION",
        "GOOGLE_VERTEX_PROJECT",
    ):
        monkeypatch.setenv(name, "mine")
    monkeypatch.setenv("GOOGLE_VERTEX_LOCATION", "global")
    route, _ = trace_candidate(Candidate(model=ModelConfig(id=model, protocol=protocol)))
    assert route.quirks.takes_media_urls == kinds


def test_who_takes_no_files_and_sound_as_a_url(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AZURE_RESOURCE_NAME", "mine")
    for model, takes_files, audio_as_url in (
        ("azure/gpt-5.4", False, False),
        ("azure/claude-opus-5", True, False),
        ("alibaba/qwen3.8-omni-flash", False, True),
        ("alibaba-cn/qwen3-omni-flash", False, True),
        ("openai/gpt-5.4", True, False),
    ):
        quirks = trace_candidate(Candidate(model=ModelConfig(id=model, api_key="k")))[0].quirks
        assert (quirks.takes_files, quirks.audio_as_url) == (takes_files, audio_as_url)
    other = trace_candidate(Candidate(model=ModelConfig(id="azure/gpt-5.4", protocol="openai_responses")))[0]
    assert other.quirks.takes_files


def test_what_ovhcloud_departs_in_at_its_responses_is_added_to_the_rest():
    route = resolve(ModelConfig(id="ovhcloud/qwen3.8-27b", protocol="openai_responses"))
    assert {"service_tier", "include", "truncation"} <= set(route.quirks.rejected_fields)
    assert (route.quirks.single_system_message, route.quirks.takes_refs, route.quirks.max_body_bytes) == (
        True, False, 2_000_000,
    )  # fmt: skip
    unlisted = resolve(ModelConfig(id="ovhcloud/mistral@latest", protocol="openai_responses"))
    assert (unlisted.quirks.takes_media_urls, unlisted.quirks.single_system_message) == ((), True)
    assert resolve("ovhcloud/qwen3.8-27b").quirks.rejected_fields == ()


TWO_FORMATS = """
[providers.acme]
base_url = "https://acme.example/v1"
quirks = { takes_strict = false, seed_field = "random_seed" }
quirks_by_protocol = { openai_responses = { seed_field = "seed", takes_refs = false } }
[providers.acme.models.own]
quirks = { takes_forced_tools = false, takes_refs = true }
[providers.acme.models.other]
protocol = "openai_responses"
quirks = { takes_forced_tools = false }
[providers.acme.models.plain]
protocol = "openai_responses"
"""


def test_quirks_of_a_wire_format_are_laid_over_the_providers_and_the_models_own(home: Path):
    (home / "work" / "turnout.toml").write_text(TWO_FORMATS)

    def quirks(model: str, protocol: str | None = None) -> Quirks:
        return resolve(ModelConfig(id=f"acme/{model}", protocol=protocol, api_key="k")).quirks

    responses = "openai_responses"
    both = Quirks(takes_strict=False, seed_field="random_seed", takes_refs=False)
    assert quirks("unlisted") == Quirks(takes_strict=False, seed_field="random_seed")
    assert quirks("unlisted", responses) == quirks("plain") == both  # a default there takes nothing back
    assert quirks("own") == Quirks(takes_forced_tools=False)
    assert quirks("own", responses) == Quirks(takes_forced_tools=False, takes_refs=False)
    assert quirks("other") == quirks("other", responses) == Quirks(takes_forced_tools=False)


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


def test_rows_and_patterns_add_up_by_wire_format():
    rows = overrides(
        """
        [[provider]]
        id = "p"
        quirks = { takes_strict = false }
        quirks_by_protocol = { gemini = { takes_refs = false }, rerank = { seed_field = "random_seed" } }
        source = "one"
        date = "2026-01-01"
        [[provider]]
        id = "p"
        quirks_by_protocol = { gemini = { takes_media_urls = [] } }
        source = "two"
        date = "2026-01-02"
        [[pattern]]
        match = ["p/*"]
        set = { quirks = { takes_forced_tools = false } }
        source = "s"
        date = "2026-01-01"
        """
    )
    row = rows.patch_provider(Provider(id="p", source="zero"))
    gemini = Quirks(takes_refs=False, takes_media_urls=())
    assert row.quirks_by_protocol == {"gemini": gemini, "rerank": Quirks(seed_field="random_seed")}
    usual = rows.patch_model(Model(id="p/a"), row)
    assert usual.quirks == Quirks(takes_strict=False, takes_forced_tools=False)
    spoken = rows.patch_model(Model(id="p/b", protocol="gemini"), row)
    assert spoken.quirks == Quirks(takes_strict=False, takes_forced_tools=False, takes_refs=False, takes_media_urls=())


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


def test_a_pattern_fits_ids_in_any_case():
    for model in ("deepinfra/Qwen/Qwen3.5-9B", "cerebras/qwen-3.8-27b"):
        assert (quirks_of(model).single_system_message, quirks_of(model).takes_refs) == (True, False)
    rows = overrides(
        '[[pattern]]\nmatch = ["p/*Embed*"]\nset = { kind = "embedding" }\nsource = "s"\ndate = "2026-01-01"'
    )
    for model_id in ("p/EMBED-1", "p/embed-1"):
        assert rows.patch_model(Model(id=model_id), Provider(id="p")).kind == "embedding"


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
