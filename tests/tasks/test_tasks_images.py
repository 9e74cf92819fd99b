"""`generate_image` against the scripted provider."""

from __future__ import annotations

from base64 import b64encode
from decimal import Decimal
from pathlib import Path

import pytest
from forms import read_form

from provider import KEY, error, reply
from turnout.call.budget import Budget
from turnout.errors import (
    AllCandidatesFailedError,
    BudgetError,
    ConfigurationError,
    ContentFilterError,
    InvalidInputError,
    ResponseError,
    UnsupportedFeatureError,
)
from turnout.images import generate_image, generate_image_sync
from turnout.messages import Audio, Image
from turnout.transport.http import HTTPTransport

MODEL = "ovhcloud/painter"
PRICED = "openai/gpt-image-2"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
USAGE = {"input_tokens": 50, "output_tokens": 1000, "total_tokens": 1050}


def picture(data: bytes = PNG, **more):
    return {"b64_json": b64encode(data).decode(), **more}


def pictures(*items, **more):
    return reply({"created": 1, "data": list(items) or [picture()], **more})


@pytest.fixture
def openai(provider, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", provider.url)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return provider


async def test_pictures_come_back_as_bytes(provider):
    provider.script(pictures(picture(), picture(b"\xff\xd8\xff\xe0", revised_prompt="A kite"), usage=USAGE))
    result = await generate_image(
        MODEL, "A red kite", count=2, size="1024x1024", quality="high", output_format="png", background="opaque",
        provider_options={"ovhcloud": {"moderation": "low"}},
    )  # fmt: skip
    assert [(image.data, image.media_type) for image in result.images] == [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
    ]
    assert (len(result), result[0].data) == (2, PNG)
    assert result.revised_prompts == [None, "A kite"]
    assert (result.provider, result.model) == ("ovhcloud", "painter")
    assert (result.usage.input_tokens, result.usage.output_tokens) == (50, 1000)
    assert result.cost.total is None
    assert [warning.code for warning in result.warnings] == ["unknown_model"]
    assert [attempt.status for attempt in result.attempts] == [200]
    assert repr(result) == "GeneratedImages(2, ovhcloud/painter, 50 in + 1000 out tokens)"
    request = provider.requests[0]
    assert request.path == "/v1/images/generations"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.json == {
        "model": "painter", "prompt": "A red kite", "n": 2, "size": "1024x1024", "quality": "high",
        "output_format": "png", "background": "opaque", "moderation": "low",
    }  # fmt: skip


async def test_a_priced_model_has_its_cost_and_a_budget_books_it(openai):
    openai.script(pictures(usage=USAGE))
    budget = Budget(1)
    result = await generate_image(PRICED, "A red kite", max_cost_usd=budget)
    assert result.cost.total == Decimal(50 * 5 + 1000 * 30) / 1_000_000
    assert budget.spent_usd == result.cost.total


@pytest.mark.parametrize(
    ("arguments", "tokens"),
    [
        ({}, 8_232),
        ({"size": "auto"}, 8_232),
        ({"size": "1024x1024"}, 7_024),
        ({"size": "1024x1536", "count": 2}, 2 * 8_232),
        ({"size": "2880 × 2880"}, 23_719),
        ({"size": "4K"}, 23_719),
        ({"size": "9999x9999"}, 23_719),
        ({"provider_options": {"openai": {"n": 3, "size": "1024X1024"}}}, 3 * 7_024),
    ],
)
async def test_a_budget_reserves_what_pictures_of_that_size_may_cost(openai, arguments, tokens):
    """By OpenAI's calculator gpt-image-2 has 7,024 tokens at 1024 by 1024, and 23,719 at 2880 by 2880 pixels."""
    openai.script(pictures(usage=USAGE))
    most = (Decimal(tokens) * 30 + 100 * 5) / 1_000_000
    with pytest.raises(BudgetError):
        await generate_image(PRICED, "A red kite", max_cost_usd=Decimal(tokens) * 30 / 1_000_000, **arguments)
    assert openai.requests == []
    await generate_image(PRICED, "A red kite", max_cost_usd=most, **arguments)
    assert len(openai.requests) == 1


async def test_what_pictures_cost_that_go_in_is_not_known(openai):
    details = {"text_tokens": 10, "image_tokens": 40}
    openai.script(pictures(usage={**USAGE, "input_tokens_details": details}))
    result = await generate_image(PRICED, "Greener", images=PNG)
    assert (result.cost.total, result.cost.output) == (None, Decimal("0.03"))


@pytest.fixture
def cat() -> Path:
    Path("cat.png").write_bytes(PNG)
    return Path("cat.png")


async def test_pictures_are_changed_by_a_form(provider, cat):
    provider.script(pictures())
    await generate_image(MODEL, "Greener", images=["cat.png", Image(data=b"\xff\xd8\xff")], mask=cat, size="auto")
    request = provider.requests[0]
    assert request.path == "/v1/images/edits"
    assert read_form(request.body, request.headers["content-type"]) == [
        ("model", None, None, b"painter"),
        ("prompt", None, None, b"Greener"),
        ("size", None, None, b"auto"),
        ("image[]", "image-1.png", "image/png", PNG),
        ("image[]", "image-2.jpeg", "image/jpeg", b"\xff\xd8\xff"),
        ("mask", "mask.png", "image/png", PNG),
    ]


async def test_a_picture_by_url_is_fetched_first(provider):
    provider.script(reply(PNG, content_type="image/png"), pictures())
    url = provider.url.removesuffix("/v1") + "/cat.png"
    await generate_image(MODEL, "Greener", images=url, media={"allow_private_urls": True})
    assert [request.path for request in provider.requests] == ["/cat.png", "/v1/images/edits"]
    assert ("image", "image-1.png", "image/png", PNG) in read_form(
        provider.requests[1].body, provider.requests[1].headers["content-type"]
    )
    with pytest.raises(InvalidInputError, match=r"^images\[1\]: .*127\.0\.0\.1"):
        await generate_image(MODEL, "Greener", images=[PNG, url])


async def test_a_picture_may_come_as_a_url(provider):
    provider.script(pictures({"url": "https://example.com/1.png"}))
    result = await generate_image(MODEL, "A red kite")
    assert result[0].url == "https://example.com/1.png"


def test_sync_code_has_a_twin(provider):
    provider.script(pictures())
    assert generate_image_sync(MODEL, "A red kite", size="auto")[0].data == PNG


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"prompt": 5}, "prompt= is a int: give a string"),
        ({"prompt": " "}, "prompt= is empty"),
        ({"count": 0}, "count=0: give a whole number of 1 or more"),
        ({"count": True}, "count=True"),
        ({"size": 5}, "size=5: give a string, or None"),
        ({"mask": PNG}, "mask= is given without images="),
        ({"images": 5}, "images= cannot be read: Image: what it holds is a int"),
        ({"images": [PNG, Audio(data=b"a")]}, r"images\[1\]= is a part of another kind: give Image\(…\)"),
        ({"images": "no.png"}, r"^images: there is no file 'no.png'"),
        ({"images": b"text"}, "image 1: the bytes do not show their type"),
        ({"check": "maybe"}, "check='maybe' is not known"),
        ({"pace": "yes"}, "pace="),
        ({"max_retries": -1}, "max_retries=-1"),
    ],
)
async def test_arguments_that_cannot_be_read_are_errors(provider, arguments, said):
    with pytest.raises(InvalidInputError, match=said):
        await generate_image(MODEL, **{"prompt": "A red kite", **arguments})
    assert provider.requests == []


async def test_an_option_that_is_none_is_a_type_error():
    with pytest.raises(TypeError, match=r"generate_image\(\) takes no option 'style'.*provider_options"):
        await generate_image(MODEL, "A red kite", style="vivid")  # type: ignore[call-arg]


async def test_what_moderation_blocks_is_told(provider):
    provider.script(reply({"error": {"code": "moderation_blocked", "message": "Rejected"}}, 400))
    with pytest.raises(ContentFilterError, match="change what the messages say"):
        await generate_image(MODEL, "A red kite")


async def test_the_next_model_is_asked_where_one_fails(provider):
    provider.script(error(500), pictures(model="other"))
    result = await generate_image(
        [{"model": MODEL, "max_retries": 0}, "ovhcloud/second"], "A red kite", transport=HTTPTransport()
    )
    assert (result.model, [attempt.status for attempt in result.attempts]) == ("other", [500, 200])
    provider.script(reply({"data": []}))
    with pytest.raises(AllCandidatesFailedError):
        await generate_image([MODEL, "ovhcloud/second"], "A red kite", max_retries=0)
    with pytest.raises(ResponseError, match="no image"):
        await generate_image(MODEL, "A red kite", max_retries=0)


async def test_models_of_other_kinds_are_refused_with_the_right_call(openai):
    with pytest.raises(UnsupportedFeatureError, match=r"is no image model \(chat\): call `generate` with"):
        await generate_image("openai/gpt-5", "A red kite")
    openai.script(pictures())
    result = await generate_image("openai/gpt-5", "A red kite", check="warn")
    assert [warning.code for warning in result.warnings] == ["unsupported_feature"]
    assert (await generate_image("openai/gpt-5", "A red kite", check="off")).warnings == []


async def test_a_wire_format_without_pictures_is_an_error():
    with pytest.raises(ConfigurationError, match="for which this version has no images"):
        await generate_image({"url": "http://127.0.0.1:1", "id": "m", "protocol": "anthropic_messages"}, "A red kite")
