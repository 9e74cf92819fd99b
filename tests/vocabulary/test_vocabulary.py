"""Usage, cost, context, errors and settings: the pure types."""

from __future__ import annotations

import copy
import inspect
import pickle
from decimal import Decimal

import msgspec
import pytest

from turnout import Audio, File, Image, Message, Reasoning, RequestContext, Text, ToolCall, ToolResult, Video, errors
from turnout.catalog.types import Model, PriceTier
from turnout.chunks import Finish, Start, TextDelta, UsageChunk
from turnout.errors import InvalidInputError, TurnoutError
from turnout.messages import ServerTool
from turnout.requests import ModelSettings, Timeouts, merge_deep, merge_settings, read_settings, read_timeouts
from turnout.responses import Warning
from turnout.usage import Cost, Usage, compute_cost

PRICED = Model(
    id="a/b",
    input_price=Decimal(2),
    output_price=Decimal(10),
    cache_read_price=Decimal("0.5"),
    cache_write_price=Decimal("2.5"),
    price_tiers=(PriceTier(over_context_tokens=200_000, input_price=Decimal(4)),),
)
MILLION = 1_000_000


def cost(usage: Usage, model: Model = PRICED) -> Cost:
    return compute_cost(usage, model.tier_for(usage.input_tokens or 0))


def test_cost_is_exact_and_split() -> None:
    usage = Usage(input_tokens=100_000, output_tokens=1_000, cached_input_tokens=40_000, cache_write_tokens=10_000)
    assert cost(usage) == Cost(
        total=Decimal("0.155"),
        input=Decimal("0.1"),
        output=Decimal("0.01"),
        cache_read=Decimal("0.02"),
        cache_write=Decimal("0.025"),
    )


def test_a_tier_holds_for_the_whole_call_above_its_size() -> None:
    at, above = (cost(Usage(input_tokens=tokens, output_tokens=0)) for tokens in (200_000, 200_001))
    assert at.total == 200_000 * Decimal(2) / MILLION
    assert above.total == 200_001 * Decimal(4) / MILLION


def test_unknown_is_none_and_never_nought() -> None:
    assert compute_cost(Usage(input_tokens=1, output_tokens=1), None) == Cost()
    assert cost(Usage()) == Cost()
    assert cost(Usage(input_tokens=1)) == Cost()
    half = Model(id="a/b", input_price=Decimal(1))
    assert cost(Usage(input_tokens=MILLION, output_tokens=1), half) == Cost(
        input=Decimal(1), cache_read=Decimal(0), cache_write=Decimal(0)
    )
    free = Model(id="a/b", input_price=Decimal(0), output_price=Decimal(0))
    assert cost(Usage(input_tokens=5, output_tokens=5), free).total == 0


def test_tokens_without_a_price_of_their_own_are_plain_ones() -> None:
    plain = Model(id="a/b", input_price=Decimal(1), output_price=Decimal(2))
    usage = Usage(
        input_tokens=10, output_tokens=10, cached_input_tokens=5, reasoning_tokens=5, audio_input_tokens=2,
        audio_output_tokens=2,
    )  # fmt: skip
    assert cost(usage, plain).total == Decimal(30) / MILLION
    special = Model(
        id="a/b", input_price=Decimal(1), output_price=Decimal(2), reasoning_price=Decimal(3),
        audio_input_price=Decimal(10), audio_output_price=Decimal(20),
    )  # fmt: skip
    assert cost(usage, special).input == (3 * 1 + 2 * 10) / Decimal(MILLION)
    assert cost(usage, special).output == (3 * 2 + 5 * 3 + 2 * 20) / Decimal(MILLION)


def test_writes_that_are_kept_for_an_hour_cost_twice_the_input() -> None:
    usage = Usage(input_tokens=100, output_tokens=0, cache_write_tokens=30, cache_write_1h_tokens=20)
    written = (10 * Decimal("2.5") + 20 * Decimal(4)) / MILLION
    assert cost(usage).cache_write == written
    assert cost(usage).total == written + 70 * Decimal(2) / MILLION
    all_of_them = Usage(input_tokens=30, output_tokens=0, cache_write_tokens=30, cache_write_1h_tokens=30)
    assert cost(all_of_them).total == 30 * Decimal(4) / MILLION
    above = Usage(input_tokens=200_001, output_tokens=0, cache_write_tokens=200_001, cache_write_1h_tokens=200_001)
    assert cost(above).total == 200_001 * Decimal(8) / MILLION
    half = Model(id="a/b", output_price=Decimal(1), cache_write_price=Decimal(1))
    assert cost(all_of_them, half) == Cost(input=Decimal(0), output=Decimal(0), cache_read=Decimal(0))
    assert (usage + usage).cache_write_1h_tokens == 40
    assert (usage + Usage()).cache_write_1h_tokens == 20


FLASH = Model(
    id="a/flash", input_price=Decimal("0.3"), output_price=Decimal(2), cache_read_price=Decimal("0.03"),
    audio_input_price=Decimal(1),
)  # fmt: skip


def test_a_token_that_is_cached_and_audio_is_charged_once() -> None:
    usage = Usage(
        input_tokens=100, output_tokens=0, cached_input_tokens=60, audio_input_tokens=50, cached_audio_tokens=40
    )
    told = cost(usage, FLASH)
    assert told.input == (30 * Decimal("0.3") + 10 * Decimal(1)) / MILLION
    assert told.cache_read == (20 * Decimal("0.03") + 40 * Decimal("0.1")) / MILLION
    assert told.total == Decimal("0.0000236")
    plain = Model(id="a/b", input_price=Decimal(1), output_price=Decimal(2), audio_input_price=Decimal(10))
    assert cost(usage, plain).total == (50 * Decimal(1) + 50 * Decimal(10)) / MILLION
    free = Model(
        id="a/b", input_price=Decimal(0), output_price=Decimal(0), cache_read_price=Decimal(0),
        audio_input_price=Decimal(1),
    )  # fmt: skip
    assert cost(usage, free).cache_read is None


def test_how_many_cached_tokens_are_audio_is_unknown_or_follows_from_the_rest() -> None:
    usage = Usage(input_tokens=100, output_tokens=0, cached_input_tokens=60, audio_input_tokens=50)
    assert cost(usage, FLASH) == Cost(output=Decimal(0), cache_write=Decimal(0))
    no_cached_text = Usage(input_tokens=100, output_tokens=0, cached_input_tokens=40, audio_input_tokens=100)
    assert cost(no_cached_text, FLASH).total == (60 * Decimal(1) + 40 * Decimal("0.1")) / MILLION
    same = Model(
        id="a/b", input_price=Decimal(1), output_price=Decimal(2), cache_read_price=Decimal("0.1"),
        audio_input_price=Decimal(1),
    )  # fmt: skip
    assert cost(usage, same).total == (40 * Decimal(1) + 60 * Decimal("0.1")) / MILLION


def test_usage_and_cost_add_up() -> None:
    total = Usage(input_tokens=1, reasoning_tokens=2) + Usage(input_tokens=3)
    assert (total.input_tokens, total.reasoning_tokens, total.output_tokens) == (4, 2, None)
    assert (Cost(total=Decimal(1), input=Decimal(1)) + Cost(total=Decimal(2))) == Cost(total=Decimal(3))
    assert str(Usage(input_tokens=1)) == "1 in + ? out tokens"
    assert str(Cost()) == "cost unknown"
    assert str(Cost(total=Decimal("0.000010"))) == "$0.00001"


def test_a_context_reads_by_attribute_item_and_get() -> None:
    context = RequestContext(task="complex")
    assert context.task == context["task"] == context.get("task") == "complex"
    assert context.nothing is None
    assert context.get("nothing", 5) == 5
    with pytest.raises(KeyError):
        context["nothing"]
    context.tier = "gold"
    assert context["tier"] == "gold"
    assert repr(context) == "RequestContext(task, tier)"
    assert copy.deepcopy(context) == pickle.loads(pickle.dumps(context)) == {"task": "complex", "tier": "gold"}


def test_messages_survive_json() -> None:
    message = Message(
        "assistant",
        [
            Text("Hé"),
            Image(data=b"\x89PNG"),
            Audio(url="https://a/b.wav"),
            Video(url="https://a/b.mp4"),
            File(data=b"%PDF", media_type="application/pdf", name="a.pdf"),
            Reasoning("hm", details=[{"signature": "x"}], provider="a"),
            ToolCall("1", "f", {"a": [1]}),
            ToolResult("1", "ok", is_error=True),
            ServerTool("search", {"query": "q"}),
        ],
        provider_options={"a": {"cache": True}},
    )
    assert msgspec.json.decode(msgspec.json.encode(message), type=Message) == message
    assert message.text == "Hé"


def test_media_take_data_or_url_and_hide_their_contents() -> None:
    with pytest.raises(TypeError, match="one of data= "):
        Image()
    with pytest.raises(TypeError, match="one of data= "):
        Image(data=b"a", url="https://a/b")
    with pytest.raises(TypeError, match="is a int: give bytes, a path, or a URL"):
        Image(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="is empty: give bytes"):
        Image("")
    assert repr(Image(data=b"secret")) == "Image(6 bytes)"
    assert len(repr(Image(url="data:image/png;base64," + "A" * 9000))) < 100


def test_a_printed_chunk_is_one_short_line() -> None:
    for chunk, line in [
        (TextDelta(" a\n"), r"text_delta ' a\n'"),
        (Start("a/b", "a", (Warning("x", "mind this"),)), "start a/b (mind this)"),
        (UsageChunk(Usage(input_tokens=1, output_tokens=2)), "usage 1 in + 2 out tokens"),
        (Finish("stop", Usage(), Cost()), "finish 'stop' ? in + ? out tokens cost unknown"),
    ]:
        assert str(chunk) == line


def test_settings_are_read_and_merged() -> None:
    assert read_settings({"maxOutputTokens": 5, "topP": 0.1, "stop": "x", "seed": None}) == ModelSettings(
        max_output_tokens=5, top_p=0.1, stop=["x"]
    )
    assert read_settings(None) == ModelSettings()
    one, two = ModelSettings(temperature=1, seed=1), ModelSettings(temperature=2)
    assert merge_settings(one, ModelSettings(), two) == ModelSettings(temperature=2, seed=1)
    assert read_settings(one) is one
    with pytest.raises(InvalidInputError, match="the fields are temperature"):
        read_settings({"temprature": 1})
    with pytest.raises(InvalidInputError):
        read_settings({"temperature": "hot"})


def test_timeouts_are_read() -> None:
    assert read_timeouts(None) == Timeouts(connect_s=10, first_chunk_s=120, idle_s=60)
    assert read_timeouts({"totalS": 5, "idle_s": None}) == Timeouts(total_s=5.0, idle_s=None)
    for wrong in ({"idle_s": 0}, {"idle_s": -1}, {"idle": 1}):
        with pytest.raises(InvalidInputError, match="timeouts"):
            read_timeouts(wrong)


def test_objects_merge_deeply_and_the_rest_is_replaced() -> None:
    base = {"a": {"b": 1, "c": [1]}, "d": 1}
    assert merge_deep(base, {"a": {"c": [2]}, "d": {"e": 1}}) == {"a": {"b": 1, "c": [2]}, "d": {"e": 1}}
    assert base == {"a": {"b": 1, "c": [1]}, "d": 1}


ERRORS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, TurnoutError)]


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_carries_the_facts_and_survives_a_process(kind: type[TurnoutError]) -> None:
    error = kind("it broke: mend it", provider="p", model="m", url="https://u:pw@h/p?key=abc", status=500, body=b"raw")
    assert str(error) == error.message == "it broke: mend it"
    assert error.url == "https://h/p?key=[redacted]"
    assert (error.provider, error.model, error.status, error.body, error.text) == ("p", "m", 500, b"raw", "")
    assert isinstance(error.is_retryable, bool)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.__dict__) == (kind, str(error), error.__dict__)


def test_the_docstring_draws_the_whole_tree() -> None:
    drawn = errors.__doc__ or ""
    for kind in ERRORS:
        assert f" {kind.__name__} " in drawn.replace("\n", " \n"), kind.__name__
    depths = {line.split("─ ")[1].split()[0]: line.index("─ ") for line in drawn.splitlines() if "─ " in line}
    for kind in ERRORS[1:]:
        parent = kind.__mro__[1].__name__
        if parent in depths and kind.__name__ in depths:
            assert depths[kind.__name__] > depths[parent], kind.__name__


def test_secrets_are_taken_out_of_message_and_body() -> None:
    error = TurnoutError("key sk-secret is wrong", body=b"sk-secret!")
    error.redact(["sk-secret", "is"])
    assert str(error) == "key [redacted] is wrong"
    assert error.body == b"[redacted]!"


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "BadRequestError"), (401, "AuthenticationError"), (403, "PermissionDeniedError"), (404, "NotFoundError"),
        (408, "ServerError"), (409, "ServerError"), (413, "BadRequestError"), (422, "BadRequestError"),
        (425, "ServerError"), (429, "RateLimitError"), (500, "ServerError"), (529, "ServerError"),
        (302, "BadRequestError"),
    ],
)  # fmt: skip
def test_a_status_has_its_class(status: int, name: str) -> None:
    assert errors.status_error_class(status).__name__ == name
