"""The check of a request against the catalog, before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from turnout import catalog
from turnout.catalog.types import Model
from turnout.errors import UnsupportedFeatureError
from turnout.messages import Audio, File, Image, Message, Part, Reasoning, ToolCall, Video
from turnout.requests import ModelRequest, OutputSpec, ToolSpec
from turnout.routing import resolve
from turnout.routing.capabilities import check_request
from turnout.routing.features import has, lacks, list_alternatives
from turnout.tokens import estimate_request_tokens

TOOLS = (ToolSpec(name="f"),)
PNG = Image(data=b"\x89PNG\r\n\x1a\n")
PDF = File(data=b"%PDF-1.7")


@pytest.fixture(autouse=True)
def key_of_groq(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "gsk-x")


def check(model: str, *parts: Part, **fields: Any):
    how = {name: fields.pop(name) for name in ("check", "emulates_tools") if name in fields}
    mode = fields.pop("mode", None)
    if mode:
        fields["output"] = OutputSpec(schema={"type": "object"}, mode=mode)
    request = ModelRequest(messages=[Message.user("Hello", *parts)], **fields)
    return check_request(request, resolve(model, api_key="k"), **how)


def refusal(model: str, *parts: Part, **fields: Any) -> str:
    with pytest.raises(UnsupportedFeatureError) as caught:
        check(model, *parts, **fields)
    return caught.value.message


def test_text_for_a_chat_model_passes():
    assert check("ovhcloud/gpt-oss-120b") == []
    assert check("ovhcloud/qwen3guard-gen-8b") == []  # moderation is called as chat is


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (PNG, "takes no images"),
        (Audio(data=b"RIFF\0\0\0\0WAVE"), "takes no audio"),
        (Video(url="https://host.test/a.mp4"), "takes no video"),
        (PDF, "takes no PDF files"),
        (File(url="https://host.test/a.pdf?x=1"), "takes no PDF files"),
        (File(url="data:application/pdf;base64,AAAA"), "takes no PDF files"),
        (File(url="https://host.test/a", media_type="application/pdf"), "takes no PDF files"),
        (File(data=b"a,b\n1,2\n", media_type="text/csv"), "takes no files"),
    ],
)
def test_an_input_that_the_model_lacks_is_refused(part: Part, words: str):
    assert words in refusal("ovhcloud/gpt-oss-120b", part)


def test_a_file_is_refused_where_the_wire_format_of_the_provider_has_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AZURE_RESOURCE_NAME", "mine")
    for part in (PDF, File(data=b"a,b", media_type="text/csv")):
        assert "takes no " in refusal("azure/gpt-5.4", part)
        assert check({"id": "azure/gpt-5.4", "protocol": "openai_responses"}, part) == []  # type: ignore[arg-type]
        assert "azure/gpt" not in refusal("ovhcloud/gpt-oss-120b", part)


def test_the_error_names_three_models_that_can_of_the_same_provider_cheapest_first():
    told = refusal("ovhcloud/gpt-oss-120b", PNG)
    named = [part for part in told.split("`")[1::2] if "/" in part]
    able = [
        model
        for model in catalog.models(provider="ovhcloud", input="image", retired=False, sort="price")
        if model.kind == "chat"
    ]
    assert named == ["ovhcloud/gpt-oss-120b", *[model.id for model in able[:3]]]
    assert 'check="warn"' in told


def test_models_of_providers_with_a_key_come_next_and_others_with_the_variable_they_need():
    asked = catalog.find("groq/llama-3.3-70b-versatile")
    assert asked is not None
    named = list_alternatives(asked, ["image"], 5)
    assert [name.split("/")[0] for name in named[:2]] == ["`groq", "`groq"]
    assert all(name.startswith("`ovhcloud/") for name in named[2:])  # it answers without a key
    assert len(list_alternatives(asked, ["image"], 99_999)) > 1000  # and all of them, if one wants
    (video,) = list_alternatives(asked, ["video"], 1)
    assert "(with `" in video


def test_all_needs_are_looked_for_at_once():
    told = refusal("ovhcloud/qwen2.5-vl-72b-instruct", PNG, tools=TOOLS)
    assert "takes no tools" in told
    for name in told.split("`")[3::2]:
        if "/" in name:
            model = catalog.find(name)
            assert model is not None
            assert model.supports_tools
            assert "image" in model.input_modalities


def test_where_nobody_can_the_error_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("turnout.routing.features.list_alternatives", lambda *_: [])
    assert "the catalog lists no model that does" in refusal("ovhcloud/gpt-oss-120b", PNG)


def test_tools_are_refused_only_where_they_are_not_emulated():
    assert "takes no tools" in refusal("ovhcloud/qwen2.5-vl-72b-instruct", tools=TOOLS)
    assert check("ovhcloud/qwen2.5-vl-72b-instruct", tools=TOOLS, emulates_tools=True) == []
    assert check("ovhcloud/gpt-oss-120b", tools=TOOLS) == []


@pytest.mark.parametrize(
    ("model", "mode", "is_taken"),
    [
        ("ovhcloud/gpt-oss-120b", "json_schema", True),
        ("deepseek/deepseek-flash", "json_schema", False),
        ("deepseek/deepseek-flash", "json_object", True),
        ("openrouter/amazon/nova-lite-v1", "json_schema", False),
        ("openrouter/amazon/nova-lite-v1", "json_object", True),
        ("ovhcloud/qwen2.5-vl-72b-instruct", "tool", False),
        ("ovhcloud/qwen2.5-vl-72b-instruct", "prompt", True),
    ],
)
def test_an_output_mode_that_was_set_is_checked(model: str, mode: str, is_taken: bool):
    if is_taken:
        assert check(model, mode=mode) == []
    else:
        assert "takes no" in refusal(model, mode=mode)


@pytest.mark.parametrize(
    ("model", "cure"),
    [
        ("openai/text-embedding-3-small", "is no chat model (embedding): call `embed`"),
        ("groq/whisper-large-v3", "is no chat model (transcription)"),
        ("openai/gpt-image-1", "is no chat model (image)"),
    ],
)
def test_a_model_that_is_no_chat_model_names_the_right_call(model: str, cure: str):
    assert cure in refusal(model)


def test_what_is_unknown_passes():
    for model in ("ovhcloud/brand-new", {"url": "http://127.0.0.1:1/v1", "id": "x"}):
        assert check(model, PNG, tools=TOOLS, mode="json_schema") == []  # type: ignore[arg-type]
    catalog.register(models=[{"id": "ovhcloud/mine"}])
    assert check("ovhcloud/mine", PNG, PDF, File(data=b"x"), tools=TOOLS, mode="json_schema") == []


def test_the_check_can_warn_or_be_turned_off():
    (warning,) = check("ovhcloud/gpt-oss-120b", PNG, check="warn")
    assert warning.code == "unsupported_feature"
    assert "ovhcloud/qwen3.5-9b" in warning.message
    assert check("groq/whisper-large-v3", check="warn")[0].code == "unsupported_feature"
    assert check("ovhcloud/gpt-oss-120b", PNG, check="off") == []


def test_a_prompt_over_the_context_is_a_warning_with_the_numbers():
    request = ModelRequest(messages=[Message.user("word " * 120_000), Message.tool("1", "word " * 10_000)])
    (warning,) = check_request(request, resolve("ovhcloud/gpt-oss-120b"))
    assert warning.code == "context_limit"
    assert "131,072" in warning.message
    calls = Message.assistant(ToolCall("1", "f", {}), Reasoning("Hm"))
    short = ModelRequest(messages=[Message.user("word " * 20_000), calls])  # long enough to be counted, and fits
    assert check_request(short, resolve("ovhcloud/gpt-oss-120b")) == []


def test_tools_and_the_schema_count_as_the_budgets_count_them():
    tool = ToolSpec(name="f", description="word " * 150_000, parameters={"type": "object"})
    messages = [Message.user("Hi")]
    for request in (
        ModelRequest(messages=messages, tools=(tool,)),
        ModelRequest(messages=messages, output=OutputSpec(schema={"description": "word " * 150_000})),
        ModelRequest(messages=[Message.assistant(ToolCall("1", "f", {"a": "word " * 150_000}))]),
    ):
        (warning,) = check_request(request, resolve("ovhcloud/gpt-oss-120b"))
        assert warning.code == "context_limit"
        assert f"about {estimate_request_tokens(request):,} tokens" in warning.message


def test_lacking_and_having_are_no_opposites_where_nothing_is_known():
    unknown = Model(id="p/m")
    quirks = resolve("ovhcloud/gpt-oss-120b").quirks
    for feature in ("image", "audio", "video", "pdf", "file", "tools", "json_schema", "json_object"):
        assert not lacks(feature, unknown, quirks)
        assert not has(feature, unknown, quirks)
    known = Model(id="p/m", supports_attachments=True, supports_tools=True, supports_structured_output=True)
    for feature in ("file", "tools", "json_schema", "json_object"):
        assert has(feature, known, quirks)
        assert not lacks(feature, known, quirks)
