"""Every line of the table of quirks (section 5 of the facts) is a row of the catalog, or a test that shows it is met.

`LINES` has each line by its first cell. A `Row` is looked up in the packaged catalog; anything else is the place of a
test, which must be there. A line that the facts have and `LINES` lacks fails, and so does one that they no longer have.
"""

from __future__ import annotations

import ast
import json
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from provider import Provider, reply
from turnout import Agent, ModelConfig, catalog
from turnout.adaptation import adapt
from turnout.messages import Image, Message
from turnout.protocols.bedrock_converse import encode
from turnout.protocols.openai_chat import StreamDecoder, decode
from turnout.requests import ModelRequest, ModelSettings, ReasoningEffort, ToolSpec
from turnout.routing import resolve
from turnout.routing.model import Candidate
from turnout.routing.resolution import trace_candidate

ROOT = Path(__file__).resolve().parents[2]
FACTS = ROOT.parent / "shared" / "facts" / "providers.md"
CHAT = "tests/protocols/openai_chat/test_openai_chat_"
RESPONSES = "tests/protocols/openai_responses/test_openai_responses_encode.py"
MESSAGES = "tests/protocols/anthropic_messages/test_anthropic_settings.py"
CAPABILITIES = "tests/routing/test_routing_capabilities.py"
HERE = "tests/protocols/test_quirk_lines.py::"


class Row(NamedTuple):
    """A quirk that the catalog has for a model, in the wire format that it usually speaks or in another."""

    model: str
    field: str
    value: object
    protocol: str | None = None


LINES: dict[str, tuple[Row | str, ...]] = {
    "thinking in `reasoning`": (CHAT + "reasoning.py::test_reasoning_is_read_from_either_field",),
    "thinking in `reasoning_content`": (
        CHAT + "reasoning.py::test_reasoning_is_read_from_either_field",
        CHAT + "reasoning.py::test_reasoning_in_both_fields_is_read_once_where_it_is_the_same",
        "tests/protocols/test_wire_hostile.py::test_thoughts_go_back_in_the_field_that_the_catalog_names",
        HERE + "test_those_who_want_their_thoughts_back_are_known",
    ),
    "`reasoning_details` list (signatures, encrypted)": (
        CHAT + "reasoning.py::test_reasoning_details_are_joined_kept_for_their_provider_and_read_where_nothing_else_is",
        CHAT + "encode.py::test_reasoning_goes_back_only_as_details_and_only_to_its_provider",
    ),
    "`<think>` in content": (
        CHAT + "reasoning.py::test_think_tags_are_split_off_wherever_they_are_cut_and_nothing_else_is_lost",
        CHAT + "reasoning.py::test_no_tag_is_split_where_the_provider_tells_the_reasoning_itself",
    ),
    "content as a list of parts": (CHAT + "stream.py::test_content_as_a_list_is_text_thinking_refusal_and_images",),
    "content null or key absent": (HERE + "test_content_may_be_null_or_absent",),
    "usage only with stream_options": (
        CHAT + "encode.py::test_a_stream_asks_for_the_usage",
        CHAT + "encode.py::test_stream_options_that_were_refused_are_left_out_with_a_warning",
        "tests/call/test_call_retries.py::test_a_refused_field_that_turnout_added_is_dropped_and_remembered",
        HERE + "test_what_ovhcloud_refused_is_learned_at_the_first_400",
    ),
    "usage without asking": (
        CHAT + "usage.py::test_usage_of_groq",
        CHAT + "usage.py::test_usage_comes_once_at_the_end_whether_with_choices_or_without_and_the_last_wins",
    ),
    "usage chunk still has choices": (
        CHAT + "usage.py::test_usage_comes_once_at_the_end_whether_with_choices_or_without_and_the_last_wins",
    ),
    "choices [] without usage (content filter / moderation chunk)": (
        CHAT + "stream.py::test_an_event_without_anything_in_it_is_skipped",
    ),
    "tool_call index missing": (
        CHAT + "calls.py::test_pieces_with_neither_index_nor_id_belong_to_the_latest_call",
        CHAT + "calls.py::test_calls_that_come_in_turns_are_kept_apart_by_index",
    ),
    "all tool calls index 0 with different ids": (
        CHAT + "calls.py::test_calls_that_share_an_index_are_kept_apart_by_id",
    ),
    "tool id missing / empty / first delta without name": (
        CHAT + "calls.py::test_a_call_without_an_id_gets_one_and_the_chunks_agree_on_it",
        CHAT + "calls.py::test_whole_calls_without_ids_that_share_an_index_are_two_calls_even_of_one_tool",
        CHAT + "calls.py::test_a_first_piece_without_name_starts_once_the_name_is_known",
    ),
    "whole tool call in one chunk": (CHAT + "calls.py::test_very_many_calls_are_no_burden",),
    "`arguments` absent, object or null": (
        CHAT + "calls.py::test_arguments_that_are_absent_are_empty",
        CHAT + "calls.py::test_arguments_that_are_an_object_are_taken",
        HERE + "test_arguments_may_be_no_key_at_all",
    ),
    'finish_reason "" / null / never': (
        CHAT + "whole.py::test_a_missing_finish_reason_is_inferred_with_a_warning",
        CHAT + "stream.py::test_an_end_mark_without_finish_reason_completes_a_stream_with_a_warning",
        CHAT + "stream.py::test_stop_and_nothing_mean_tool_calls_where_a_tool_was_called",
        CHAT + "stream.py::test_the_end_of_the_bytes_with_neither_is_truncated_and_holds_the_text",
    ),
    'finish "stop" though tools were called': (
        CHAT + "stream.py::test_stop_and_nothing_mean_tool_calls_where_a_tool_was_called",
        CHAT + "whole.py::test_thoughts_tool_calls_and_text_of_one_message_keep_their_order",
    ),
    'end_turn, tool_use, max_tokens, eos, MAX_TOKENS, "error", "network_error", "sensitive"': (
        CHAT + "stream.py::test_finish_reasons_of_other_wire_formats_are_understood",
        CHAT + "stream.py::test_a_finish_reason_that_is_a_failure_makes_an_error_chunk",
        CHAT + "whole.py::test_a_finish_reason_that_is_a_failure_is_a_server_error",
    ),
    "error inside a 200 stream": (
        CHAT + "oddities.py::test_an_error_inside_a_stream_is_an_error_chunk",
        CHAT + "usage.py::test_an_error_of_groq_in_its_own_field_is_an_error_chunk",
        "tests/agent/test_agent_stream.py::test_an_error_inside_the_stream_is_raised_with_the_text_so_far",
    ),
    "error in a 200 JSON body; error as string": (
        CHAT + "whole.py::test_an_error_in_a_200_is_of_the_class_that_its_code_stands_for",
        CHAT + "whole.py::test_an_error_of_another_shape_in_a_200_is_an_error_too",
    ),
    "error shapes": (
        CHAT + "errors.py::test_the_words_of_every_shape_are_told",
        CHAT + "errors.py::test_what_openrouter_hands_on_is_told",
        CHAT + "traffic.py::test_a_recorded_error_is_of_its_class_and_has_the_words_of_the_provider",
    ),
    "SSE comments `: OPENROUTER PROCESSING`": (
        "tests/transport/test_transport_sse.py::test_the_grammar_in_one_piece_in_bytes_and_cut_anywhere",
        "tests/agent/test_agent_stream.py::test_keep_alive_comments_count_as_life",
    ),
    "`event:` lines in chat streams, no [DONE], CRLF, split UTF-8, blank data": (
        CHAT + "oddities.py::test_crlf_comments_and_event_lines_around_the_events_do_no_harm",
        CHAT + "stream.py::test_a_finish_reason_and_the_end_of_the_bytes_complete_a_stream_without_end_mark",
        CHAT + "oddities.py::test_an_event_with_nothing_in_it_is_skipped",
        CHAT + "oddities.py::test_an_event_that_breaks_off_at_the_very_end_is_a_cut_stream",
        "tests/transport/test_transport_sse.py::test_the_grammar_in_one_piece_in_bytes_and_cut_anywhere",
        "tests/agent/test_agent_stream.py::test_a_stream_in_any_pieces_is_the_same",
    ),
    "max_tokens vs max_completion_tokens": (
        Row("openai/o3", "max_tokens_field", "max_completion_tokens", "openai_chat"),
        Row("openai/gpt-5", "max_tokens_field", "max_completion_tokens", "openai_chat"),
        Row("azure/gpt-5", "max_tokens_field", "max_completion_tokens"),
        Row("openrouter/openai/gpt-4o", "max_tokens_field", "max_tokens"),
        CHAT + "encode.py::test_quirks_name_the_fields_of_limit_and_seed",
        "tests/call/test_call_retries.py::test_a_refused_token_limit_is_sent_under_its_other_name",
    ),
    # OpenAI reads `system` as `developer`; o1-mini, which took neither, is gone.
    "system vs developer; only one system message, first": (
        Row("ovhcloud/gpt-oss-120b", "single_system_message", True),
        Row("huggingface/Qwen/Qwen3.5-397B-A17B", "single_system_message", True),
        CHAT + "encode.py::test_system_messages_are_made_one_at_the_start_where_only_one_is_taken",
        RESPONSES + "::test_system_messages_at_the_start_are_the_instructions_and_later_ones_are_items",
    ),
    "parallel_tool_calls rejected": (
        Row("cerebras/gpt-oss-120b", "rejected_fields", "parallel_tool_calls"),
        CHAT + "settings.py::test_parallel_calls_are_spoken_of_only_beside_tools",
        CHAT + "settings.py::test_what_a_server_refused_is_left_out_with_a_warning",
        HERE + "test_what_ovhcloud_refused_is_learned_at_the_first_400",
    ),
    "tool_choice required/named refused": (
        Row("moonshotai/kimi-k2.6", "takes_forced_tools", False),
        Row("deepseek/deepseek-v4-pro", "takes_forced_tools", False),
        Row("ovhcloud/qwen3-coder-30b-a3b-instruct", "takes_forced_tools", False),
        Row("amazon-bedrock/meta.llama3-3-70b-instruct-v1:0", "takes_forced_tools", False),
        "tests/adaptation/test_plan.py::test_a_forced_output_tool_where_no_choice_is_taken",
        "tests/adaptation/test_plan.py::test_every_request_is_valid_and_honest",
    ),
    "strict tools / strict json_schema": (
        Row("ollama-cloud/gpt-oss:120b", "takes_strict", False),
        Row("snowflake-cortex/claude-opus-5", "takes_strict", False),
        Row("ovhcloud/qwen3-coder-30b-a3b-instruct", "takes_strict", False),
        Row("alibaba/qwen3.8-max", "takes_refs", False),
        CHAT + "tools.py::test_strict_schemas_are_made_to_fit",
        CHAT + "tools.py::test_a_schema_that_cannot_be_strict_goes_as_it_is",
        CHAT + "tools.py::test_references_are_put_in_place_where_they_are_not_understood",
    ),
    "response_format": (
        Row("deepseek/deepseek-v4-pro", "response_format", "json_object"),
        Row("moonshotai/kimi-k2.6", "response_format", "json_object"),
        Row("zai/glm-5.3", "response_format", "json_object"),
        Row("snowflake-cortex/claude-opus-5", "response_format", "none"),
        Row("snowflake-cortex/openai-gpt-5", "response_format", None),
        Row("ovhcloud/gpt-oss-120b", "response_format", None),
        "tests/adaptation/test_plan.py::test_the_mode_of_output",
        "tests/adaptation/test_plan.py::test_a_mode_that_the_server_refuses_gives_way",
    ),
    "tools + response_format together": (
        Row("groq/openai/gpt-oss-120b", "takes_tools_with_output", False),
        Row("cerebras/gpt-oss-120b", "takes_tools_with_output", False),
        Row("google/gemini-2.5-pro", "takes_tools_with_output", False),
        Row("google/gemini-3.8-flash", "takes_tools_with_output", True),
        "tests/adaptation/test_plan.py::test_every_request_is_valid_and_honest",
    ),
    "function.parameters required": (CHAT + "tools.py::test_a_tool_is_a_function_with_its_schema",),
    "sampling params on reasoning models": (
        Row("openai/gpt-5", "rejected_fields", "presence_penalty"),
        Row("xai/grok-4.3", "rejected_fields", "frequency_penalty"),
        CHAT + "settings.py::test_temperature_is_left_out_with_a_warning_only_where_the_model_is_known_to_take_none",
        MESSAGES + "::test_sampling_that_cannot_go_with_thinking_is_left_out",
    ),
    "reasoning_effort values": (
        CHAT + "settings.py::test_an_effort_that_the_model_lacks_becomes_the_nearest",
        CHAT + "settings.py::test_no_effort_is_sent_that_the_model_lacks",
        CHAT + "settings.py::test_a_switch_is_set_in_the_field_of_the_provider",
    ),
    "seed, logit_bias, top_k, n": (
        Row("mistral/mistral-large-latest", "seed_field", "random_seed"),
        Row("cerebras/gpt-oss-120b", "rejected_fields", "logit_bias"),
        Row("mistral/mistral-large-latest", "rejected_fields", "top_k"),
        Row("anthropic/claude-opus-5", "rejected_fields", "seed", "openai_chat"),
        CHAT + "encode.py::test_a_setting_that_is_refused_is_left_out_with_a_warning",
        MESSAGES + "::test_settings_that_the_wire_lacks_are_told",
    ),
    "image URL vs base64": (
        Row("ovhcloud/qwen3.8-27b", "takes_media_urls", (), "openai_responses"),
        Row("ovhcloud/qwen3.8-27b", "max_body_bytes", 2_000_000),
        HERE + "test_ovhclouds_responses_get_pictures_as_base64_and_no_field_that_they_lack",
        Row("anthropic/claude-opus-5", "takes_media_urls", ("image", "pdf")),
        Row("ollama-cloud/gemma4:31b", "takes_media_urls", ()),
        "tests/call/test_call_media.py::test_urls_that_the_provider_does_not_take_become_bytes",
        "tests/call/test_call_retries.py::test_a_body_over_the_providers_limit_is_not_sent",
    ),
    "audio input base64 vs data URI": (
        Row("alibaba/qwen3.8-omni-flash", "audio_as_url", True),
        CHAT + "encode.py::test_a_quirk_makes_sound_a_url",
    ),
    "file/pdf parts": (
        Row("azure/gpt-5.4", "takes_files", False),
        Row("alibaba/qwen3.8-max", "takes_files", False),
        Row("openrouter/openai/gpt-4o", "takes_media_urls", ("image", "video", "file")),
        CAPABILITIES + "::test_a_file_is_refused_where_the_wire_format_of_the_provider_has_none",
    ),
    "400 on unknown fields": (
        CHAT + "encode.py::test_a_plain_request_has_model_and_messages_and_nothing_else",
        "tests/call/test_call_retries.py::test_a_refused_field_that_turnout_added_is_dropped_and_remembered",
        "tests/protocols/test_refusals.py::test_a_field_that_turnout_translated_is_refused_where_the_server_knows_no_such_field",
        HERE + "test_mistrals_422_for_an_unknown_field_is_learned",
    ),
    "plain text or HTML 200": (
        CHAT + "whole.py::test_a_body_that_is_no_answer_is_quoted_with_a_cure",
        "tests/agent/test_agent_stream.py::test_an_html_page_is_no_stream",
    ),
    "model id case": (
        "tests/call/test_call_retries.py::test_the_exact_name_is_tried_on_a_404_and_remembered",
        HERE + "test_an_id_in_other_letters_is_tried_as_the_catalog_spells_it",
    ),
    "response.model differs": ("tests/agent/test_agent_forms.py::test_the_model_that_answered_is_priced",),
}


def test_every_line_of_the_facts_is_here():
    if not FACTS.exists():
        pytest.skip(f"{FACTS} is not here: only the project's own test references hold it")
    section = FACTS.read_text(encoding="utf-8").partition("\n## 5.")[2].partition("\n## ")[0]
    cells = [line.split("|")[1].strip() for line in section.splitlines() if line.startswith("|")]
    lines = [cell for cell in cells if cell.strip("-") and cell != "quirk"]
    assert len(lines) == len(set(lines)) > 40
    assert sorted(set(lines) - LINES.keys()) == [], "lines of the facts that nothing here shows"
    assert sorted(LINES.keys() - set(lines)) == [], "lines here that the facts do not have"


@pytest.fixture
def dummies(monkeypatch: pytest.MonkeyPatch) -> None:
    for provider in catalog.providers():
        for name in provider.env:
            monkeypatch.setenv(name, "dummy")


@pytest.mark.usefixtures("dummies")
@pytest.mark.parametrize("line", LINES)
def test_each_line_has_a_row_or_a_test(line: str):
    assert LINES[line]
    for proof in LINES[line]:
        if isinstance(proof, Row):
            assert catalog.find(proof.model) is not None
            route, _ = trace_candidate(Candidate(model=ModelConfig(id=proof.model, protocol=proof.protocol)))
            value = getattr(route.quirks, proof.field)
            assert proof.value in value if proof.field == "rejected_fields" else proof.value == value
        else:
            file, _, name = proof.partition("::")
            assert name in names_in(file), f"there is no such test: {proof}"


@lru_cache
def names_in(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    found = [node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return frozenset(name for name in found if name.startswith("test_"))


# -- Lines that have no test elsewhere ---------------------------------------------------------------------------------

CALL: dict[str, Any] = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
ROUTE = resolve(ModelConfig(id="m", url="http://127.0.0.1/v1"))


def decoded(message: dict[str, Any], finish_reason: str = "stop") -> tuple[Any, Any]:
    """Return a whole answer and the same as a stream, decoded."""
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    whole = decode(json.dumps({"choices": [choice]}).encode(), ROUTE)
    decoder = StreamDecoder(ROUTE)
    for delta, reason in ((message, None), ({}, finish_reason)):
        event = {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        decoder.decode_event(json.dumps(event).encode())
    return whole, decoder.finish()[1]


@pytest.mark.parametrize("content", [{}, {"content": None}, {"content": ""}])
def test_content_may_be_null_or_absent(content: dict[str, Any]):
    for response in decoded({"role": "assistant", **content, "tool_calls": [{"index": 0, **CALL}]}, "tool_calls"):
        assert [part.type for part in response.message.content] == ["tool_call"]
        assert (response.text, response.finish_reason) == ("", "tool_calls")
    for response in decoded({"role": "assistant", **content, "reasoning": "hm"}):
        assert (response.text, response.reasoning) == ("", "hm")
    for response in decoded({"role": "assistant", **content}):
        assert (response.text, response.message.content) == ("", [])


@pytest.mark.parametrize("function", [{"name": "f"}, {"name": "f", "arguments": None}, {"name": "f", "arguments": {}}])
def test_arguments_may_be_no_key_at_all(function: dict[str, Any]):
    for response in decoded({"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": function}]}):
        (call,) = response.tool_calls
        assert (call.name, call.arguments, call.invalid_arguments) == ("f", {}, None)
        assert response.finish_reason == "tool_calls"


def test_those_who_want_their_thoughts_back_are_known():
    for provider in ("deepseek", "moonshotai", "zai"):
        fields = {row.reasoning_field for row in catalog.models(provider=provider, reasoning=True)}
        assert "reasoning_content" in fields, provider


def tool() -> str:
    """Do something."""
    return "done"


async def test_what_ovhcloud_refused_is_learned_at_the_first_400(provider: Provider) -> None:
    """The two fields of ovh/public-cloud-roadmap#1162, in the form that its servers (vLLM) have for errors."""
    for name in ("parallel_tool_calls", "stream_options"):
        agent = Agent(model="ovhcloud/gpt-oss-120b", tools=[tool], max_retries=0)
        message = f"1 validation error: {{'type': 'extra_forbidden', 'loc': ('body', '{name}'), 'msg': 'Extra inputs'}}"
        refused = reply({"object": "error", "message": message, "type": "BadRequestError", "code": 400}, 400)
        provider.requests.clear()
        provider.script(refused, reply())
        response = await agent.stream("Hi", settings={"parallel_tool_calls": False}).result()
        assert [name in request.json for request in provider.requests] == [True, False]
        assert "dropped_setting" in [warning.code for warning in response.warnings]


async def test_mistrals_422_for_an_unknown_field_is_learned(provider: Provider) -> None:
    detail = [{"type": "extra_forbidden", "loc": ["body", "service_tier"], "msg": "Extra inputs are not permitted"}]
    provider.script(reply({"detail": detail}, 422), reply())
    response = await Agent(model="ovhcloud/gpt-oss-120b").generate("Hi", settings={"service_tier": "flex"})
    assert ["service_tier" in request.json for request in provider.requests] == [True, False]
    assert [warning.code for warning in response.warnings] == ["dropped_setting"]


async def test_an_id_in_other_letters_is_tried_as_the_catalog_spells_it(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPINFRA_BASE_URL", provider.url)
    monkeypatch.setenv("DEEPINFRA_API_KEY", "k")
    (row, *_) = [
        row for row in catalog.models(provider="deepinfra", kind="chat") if row.short_id.lower() != row.short_id
    ]
    provider.script(reply({"error": {"message": "no such model"}}, 404), reply())
    await Agent(model=row.id.lower()).generate("Hi")
    assert [request.json["model"] for request in provider.requests] == [row.short_id.lower(), row.short_id]


PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 8


async def test_ovhclouds_responses_get_pictures_as_base64_and_no_field_that_they_lack(provider: Provider) -> None:
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "A cat."}]}
    provider.script(reply({"id": "r", "model": "m", "status": "completed", "output": [said]}))
    with Provider() as files:
        files.script(reply(PNG, content_type="image/png"))
        response = await Agent(
            model=ModelConfig(id="ovhcloud/qwen3.8-27b", protocol="openai_responses"),
            instructions="Be brief.",
            media={"allow_private_urls": True},
        ).generate(Message.user("See", Image(f"{files.url}/cat.png")), settings={"service_tier": "flex"})
    (request,) = provider.requests
    assert request.path.endswith("/v1/responses")
    assert response.text == "A cat."
    assert {"store": False, "instructions": "Be brief."}.items() <= request.json.items()
    assert not {"service_tier", "include"} & request.json.keys()
    picture = request.json["input"][-1]["content"][1]
    assert picture["image_url"].startswith("data:image/png;base64,")
    assert [warning.code for warning in response.warnings] == ["dropped_setting"]


@pytest.mark.parametrize(
    ("model", "effort", "told"),
    [
        ("us.openai.gpt-6-sol", "none", {"reasoning": {"effort": "none"}}),
        ("us.openai.gpt-6-sol", "minimal", {"reasoning": {"effort": "low"}}),
        ("openai.gpt-oss-120b-1:0", "high", {"reasoning_effort": "high"}),
        ("us.xai.grok-4.6", "xhigh", {"reasoning": {"effort": "xhigh"}}),
        ("amazon.nova-2-lite-v1:0", "low", {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}),
        ("qwen.qwen3-32b-v1:0", "low", {"reasoning_config": "high"}),
        ("zai.glm-5", "none", None),
        ("global.moonshotai.kimi-k3", "high", None),
    ],
)
def test_bedrocks_models_are_told_in_their_own_words(
    model: str, effort: ReasoningEffort, told: dict[str, Any] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "k")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    settings = ModelSettings(reasoning_effort=effort)
    encoded = encode(ModelRequest(messages=[Message.user("Hi")], settings=settings), resolve(f"amazon-bedrock/{model}"))
    assert json.loads(encoded.body).get("additionalModelRequestFields") == told


def test_llama_at_bedrock_gets_no_tool_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "k")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    route = resolve("amazon-bedrock/us.meta.llama3-3-70b-instruct-v1:0")
    for choice in ("auto", "required", "f"):
        asked = ModelRequest(messages=[Message.user("Hi")], tools=(ToolSpec(name="f"),), tool_choice=choice)
        adapted = adapt(asked, route)
        body = json.loads(encode(adapted.request, route).body)
        assert list(body["toolConfig"]) == ["tools"]
        assert [warning.code for warning in adapted.warnings] == ["prompted_tool_choice"] * (choice != "auto")
