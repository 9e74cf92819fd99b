"""`embed` against the scripted provider."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import weakref
from array import array
from base64 import b64encode
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from provider import KEY, Exchange, Provider, Reply, error, reply
from turnout.call.budget import Budget, limit_process
from turnout.call.pacing import Pacer
from turnout.embedding import Embeddings, embed, embed_sync
from turnout.embedding.planning import make_plan
from turnout.errors import (
    AllCandidatesFailedError,
    AuthenticationError,
    BadRequestError,
    BudgetError,
    ConfigurationError,
    InvalidInputError,
    InvalidModelError,
    RateLimitError,
    ResponseError,
    ServerError,
    UnsupportedFeatureError,
)
from turnout.routing.model import ModelConfig
from turnout.transport.http import HTTPTransport
from turnout.transport.seam import HTTPRequest

MODEL = "ovhcloud/bge-m0"  # which the catalog does not list


def vector_of(text: str) -> list[float]:
    return [float(len(text)), float(ord(text[0])), 0.1]


def answer(exchange: Exchange, *, as_text: bool = True, dimensions: int = 3, **extra: Any) -> dict[str, Any]:
    """Return the vectors of the texts that were asked for, out of order."""
    texts = exchange.request.json["input"]
    data = [
        {"object": "embedding", "index": n, "embedding": vector_of(text)[:dimensions]} for n, text in enumerate(texts)
    ]
    if as_text:
        for item in data:
            item["embedding"] = b64encode(array("f", item["embedding"]).tobytes()).decode()
    usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
    return {"object": "list", "data": data[::-1], "model": "bge-m0", "usage": usage, **extra}


def embeddings(**how: Any) -> Reply:
    async def play(exchange: Exchange) -> None:
        await reply(answer(exchange, **how))(exchange)

    return play


@pytest.fixture
def server(provider: Provider) -> Provider:
    provider.script(embeddings())
    return provider


def sizes(server: Provider) -> list[int]:
    return [len(request.json["input"]) for request in server.requests]


# -- what comes back --------------------------------------------------------------------------------------------------


async def test_texts_come_back_as_vectors_in_order(server) -> None:
    result = await embed(MODEL, ["one", "three", "to"])
    assert isinstance(result.vectors, np.ndarray)
    assert result.vectors.dtype == np.float32
    assert result.vectors.shape == (3, 3)
    np.testing.assert_allclose(result.vectors, [vector_of(text) for text in ("one", "three", "to")], rtol=1e-6)
    assert (result.model, result.provider, result.dimensions, len(result)) == ("bge-m0", "ovhcloud", 3, 3)
    assert result[2][0] == 2
    assert (result.usage.input_tokens, result.usage.output_tokens) == (3, 0)
    assert result.cost.total is None, "the catalog does not know the model"
    assert [warning.code for warning in result.warnings] == ["unknown_model"]
    assert [attempt.status for attempt in result.attempts] == [200]
    request = server.requests[0]
    assert request.path == "/v1/embeddings"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.json == {"model": "bge-m0", "input": ["one", "three", "to"], "encoding_format": "base64"}
    assert repr(result) == "Embeddings(3 × 3, ovhcloud/bge-m0, 3 in + 0 out tokens)"


async def test_decimals_are_read_as_well(server) -> None:
    server.script(embeddings(as_text=False))
    result = await embed(MODEL, "one")
    np.testing.assert_allclose(result.vectors, [vector_of("one")], rtol=1e-6)


async def test_without_numpy_the_vectors_are_lists(server, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    result = await embed(MODEL, ["one", "three"], batch_size=1)
    assert result.vectors == [pytest.approx(vector_of("one")), pytest.approx(vector_of("three"))]
    server.script(embeddings(as_text=False))
    assert (await embed(MODEL, "one")).vectors == [vector_of("one")]
    assert (await embed(MODEL, [])).vectors == []


async def test_no_text_is_no_request(server) -> None:
    result = await embed(MODEL, iter([]))
    assert (result.vectors.shape, len(result), result.dimensions) == ((0, 0), 0, 0)
    assert (result.usage.total_tokens, result.cost.total) == (0, Decimal(0))
    assert (result.provider, result.model) == ("ovhcloud", "bge-m0")
    assert server.requests == []


async def test_no_text_is_a_table_of_whoever_would_be_asked(server, monkeypatch) -> None:
    mine = await embed(ModelConfig(id="m", url=server.url), [])
    assert (mine.provider, mine.model) == ("custom", "m")
    assert (await embed(ModelConfig(id="m", url=server.url), ["a"])).provider == "custom"
    named = await embed(ModelConfig(id="m", url=server.url, provider="mine"), [])
    assert (named.provider, named.model) == ("mine", "m")
    monkeypatch.delenv("OVHCLOUD_API_KEY", raising=False)
    nowhere = await embed(["nobody/x", "y"], [])
    assert (nowhere.provider, nowhere.model) == ("nobody", "x")
    assert (await embed("y", [])).model == "y"


async def test_an_error_tells_the_status_that_the_answer_had(server) -> None:
    async def play(exchange: Exchange) -> None:
        await exchange.head(204, "application/json")

    server.script(play)
    with pytest.raises(ResponseError, match="answered with a body that holds no embeddings") as caught:
        await embed(MODEL, ["a"], max_retries=0)
    assert caught.value.status == 204
    assert "200" not in str(caught.value)
    server.script(reply(b""))
    with pytest.raises(ResponseError) as caught:
        await embed(MODEL, ["a"], max_retries=0)
    assert caught.value.status == 200


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (5, "texts= is a int: give a string or a list of strings"),
        (b"one", "texts= is a bytes"),
        ({"a": 1}, "texts= is a dict"),
        (["one", 5], r"texts\[1\] is a int: give strings"),
        (["one", ""], r"texts\[1\] is empty: leave it out"),
    ],
)
async def test_what_is_no_text_is_an_error(server, texts, said) -> None:
    with pytest.raises(InvalidInputError, match=said):
        await embed(MODEL, texts)
    assert server.requests == []


async def test_any_iterable_of_texts_is_taken(server) -> None:
    result = await embed(MODEL, (text for text in ("a", "bb")))
    assert [row[0] for row in result.vectors] == [1, 2]


def test_sync_code_has_a_twin(server) -> None:
    assert embed_sync(MODEL, "one").vectors[0][0] == 3


async def test_options_reach_the_wire(server) -> None:
    server.script(embeddings(dimensions=2))
    result = await embed(
        {"id": "m", "url": server.url}, ["a"], dimensions=2, headers={"x-a": "b"}, api_key="sk-other",
        provider_options={"custom": {"input_type": "query"}}, timeouts={"total_s": 5}, transport=HTTPTransport(),
    )  # fmt: skip
    assert server.requests[0].json == {
        "model": "m",
        "input": ["a"],
        "encoding_format": "base64",
        "dimensions": 2,
        "input_type": "query",
    }
    assert server.requests[0].headers["authorization"] == "Bearer sk-other"
    assert server.requests[0].headers["x-a"] == "b"
    assert (result.dimensions, result.provider, result.warnings) == (2, "custom", [])


async def test_another_length_than_was_asked_for_is_a_warning(server) -> None:
    result = await embed(MODEL, ["a"], dimensions=2)
    assert result.warnings[-1].message == "vectors of 2 numbers were asked for, and those of the model have 3"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dimensions": 0}, "dimensions=0: give a whole number of 1 or more"),
        ({"batch_size": True}, "batch_size=True"),
        ({"concurrency": "4"}, "concurrency='4'"),
        ({"on_error": "ignore"}, "on_error='ignore' is not known: take 'raise' or 'keep'"),
        ({"check": "no"}, "check='no' is not known"),
    ],
)
async def test_options_are_checked(server, options, said) -> None:
    with pytest.raises(InvalidInputError, match=said):
        await embed(MODEL, "a", **options)
    with pytest.raises(TypeError, match="embed\\(\\) takes no option 'temperature': the options are api_key"):
        await embed(MODEL, "a", temperature=1)  # type: ignore[call-arg]
    assert server.requests == []


# -- batches ----------------------------------------------------------------------------------------------------------


async def test_batches_keep_the_order_and_are_a_few_at_a_time(server) -> None:
    running, most = [0], [0]

    async def play(exchange: Exchange) -> None:
        running[0] += 1
        most[0] = max(most[0], running[0])
        await asyncio.sleep(0.02 / len(exchange.request.json["input"][0]))
        running[0] -= 1
        await embeddings()(exchange)

    server.script(play)
    texts = ["x" * n for n in range(1, 50)]
    result = await embed(MODEL, texts, batch_size=5, concurrency=3)
    assert [row[0] for row in result.vectors] == [len(text) for text in texts]
    assert sorted(sizes(server)) == [4, *[5] * 9]
    assert most == [3]
    assert result.usage.input_tokens == 49
    assert len(result.attempts) == 10
    assert [warning.code for warning in result.warnings] == ["unknown_model"], "each is told once"


def test_a_batch_holds_what_the_provider_takes(server) -> None:
    Path("turnout.toml").write_text("[providers.ovhcloud.quirks]\nmax_embedding_texts = 2\nmax_embedding_tokens = 10\n")
    embed_sync(MODEL, ["a", "b", "c"], concurrency=1)
    embed_sync(MODEL, ["a" * 30, "b" * 30, "c" * 90], concurrency=1)
    assert sizes(server) == [2, 1, 1, 1, 1]


@pytest.mark.parametrize(
    "words",
    [
        "input batch size 8 > maximum allowed batch size 3",
        "Too many inputs in request, split into more batches.",
        "Too many tokens in batch. Max is 16384 got 17555",
        "Value error, batch size is invalid, it should not be larger than 10.: input.contents",
        "ensure this value has at most 1024 items",
        "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.",
    ],
)
async def test_a_server_that_takes_fewer_texts_is_asked_in_halves(server, words) -> None:
    async def play(exchange: Exchange) -> None:
        if len(exchange.request.json["input"]) > 3:
            await error(422, words)(exchange)
        else:
            await embeddings()(exchange)

    server.script(play)
    texts = ["x" * n for n in range(1, 18)]
    result = await embed(MODEL, texts, batch_size=8, concurrency=1)
    assert [row[0] for row in result.vectors] == [len(text) for text in texts]
    assert sizes(server) == [8, 4, 2, 2, 2, 2, 2, 2, 2, 2, 1]


async def test_a_body_that_is_too_large_is_halved_down_to_one_text(server) -> None:
    server.script(error(413, "no"))
    with pytest.raises(BadRequestError):
        await embed(MODEL, ["a", "b", "c", "d"], concurrency=1)
    assert sizes(server) == [4, 2, 1]


# -- what goes wrong --------------------------------------------------------------------------------------------------


async def test_a_field_that_is_refused_is_left_out_and_that_is_learned(server) -> None:
    server.script(error(400, "Unknown parameter: encoding_format"), embeddings(as_text=False))
    await embed(MODEL, "a")
    await embed(MODEL, "a")
    assert ["encoding_format" in request.json for request in server.requests] == [True, False, False]


async def test_errors_are_retried_as_those_of_any_call(server) -> None:
    server.script(error(503), error(429, retry_after="0"), embeddings())
    result = await embed(MODEL, "a")
    assert [attempt.status for attempt in result.attempts] == [503, 429, 200]
    server.script(error(401))
    with pytest.raises(AuthenticationError) as caught:
        await embed(MODEL, ["a", "b"])
    assert KEY not in str(caught.value)
    assert caught.value.partial is None


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"data": []}, "sent 0 vectors for 1 texts"),
        ({"data": [{"embedding": [1.0]}, {"embedding": [2.0]}]}, "sent 2 vectors for 1 texts"),
        ({"data": [{"embedding": [1.0], "index": 1}]}, "`index` does not count from 0"),
        ({"data": [{"embedding": []}]}, "a vector that is empty"),
        ({"data": [{"embedding": "QQ=="}]}, "is no base64 of single-precision numbers"),
        ({"choices": []}, "a body that holds no embeddings"),
    ],
)
async def test_an_answer_that_is_none_is_an_error(server, body, said) -> None:
    server.script(reply(body))
    with pytest.raises(ResponseError, match=said):
        await embed(MODEL, "a", max_retries=0)


async def test_vectors_of_two_lengths_are_an_error(server) -> None:
    server.script(embeddings(), embeddings(dimensions=2))
    with pytest.raises(ResponseError, match="sent vectors of 2 and 3 numbers") as caught:
        await embed(MODEL, ["a", "b"], batch_size=1, concurrency=1)
    assert caught.value.partial.vectors[0][0] == 1


async def test_what_is_done_before_an_error_is_not_lost(server) -> None:
    server.script(embeddings(), embeddings(), error(400, "no"))
    with pytest.raises(BadRequestError) as caught:
        await embed(MODEL, ["a", "bb", "ccc", "dddd", "eeeee"], batch_size=1, concurrency=1)
    assert len(server.requests) == 3, "nothing more is sent after an error"
    assert "; 2 of 5 texts were embedded, and are in `.partial` of this error" in str(caught.value)
    partial = caught.value.partial
    assert isinstance(partial, Embeddings)
    assert [row[0] for row in partial.vectors[:2]] == [1, 2]
    assert np.isnan(partial.vectors[2:]).all()
    assert [(each.start, each.stop) for each in partial.failed] == [(2, 3), (3, 4), (4, 5)]
    assert partial.usage.input_tokens == 2
    assert "3 failed" in repr(partial)


async def test_what_fails_may_be_kept(server) -> None:
    async def play(exchange: Exchange) -> None:
        text = exchange.request.json["input"][0]
        await (error(400, "no") if text in ("bb", "dddd") else embeddings())(exchange)

    server.script(play)
    texts = ["a", "bb", "ccc", "dddd"]
    result = await embed(MODEL, texts, batch_size=1, on_error="keep")
    assert [(each.start, each.stop, type(each.error)) for each in result.failed] == [
        (1, 2, BadRequestError),
        (3, 4, BadRequestError),
    ]
    assert np.isnan(result.vectors[:, 0]).tolist() == [False, True, False, True]
    with pytest.raises(BadRequestError):  # nothing to keep
        await embed(MODEL, ["bb"], on_error="keep")


async def test_a_cancelled_call_leaves_no_request_behind(server) -> None:
    started = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def play(exchange: Exchange) -> None:
        loop.call_soon_threadsafe(started.set)
        await exchange.wait_for_close()

    server.script(play)
    work = asyncio.create_task(embed(MODEL, ["a", "b"], batch_size=1))
    await asyncio.wait_for(started.wait(), 5)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert len(asyncio.all_tasks()) == 1
    await wait_for(lambda: len(server.closes) == server.connections)


async def wait_for(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - the server runs in a thread of its own
            await asyncio.sleep(0.01)


async def test_a_fault_of_one_request_ends_the_others_before_the_call_is_over(server) -> None:
    async def play(exchange: Exchange) -> None:
        await exchange.wait_for_close()

    class Broken(HTTPTransport):
        left = 0

        async def send(self, request: HTTPRequest) -> Any:
            if b'["bad"]' in request.body:
                await wait_for(lambda: len(server.requests) == 2)
                raise ZeroDivisionError  # a fault in the code of somebody else's transport
            try:
                return await super().send(request)
            finally:
                self.left += 1

    server.script(play)
    transport = Broken()
    with pytest.raises(ZeroDivisionError):
        await embed(MODEL, ["a", "b", "bad"], batch_size=1, transport=transport)
    assert (len(asyncio.all_tasks()), transport.left) == (1, 2)
    await wait_for(lambda: len(server.closes) == 2)
    await transport.aclose()


# -- fallbacks --------------------------------------------------------------------------------------------------------


async def test_a_fallback_embeds_all_texts_and_never_some_of_them(server) -> None:
    async def play(exchange: Exchange) -> None:
        asked = exchange.request.json
        if asked["model"] == "first" and asked["input"] == ["ccc"]:
            await error(500)(exchange)
        else:
            await reply(answer(exchange, model=asked["model"], dimensions=3 if asked["model"] == "first" else 2))(
                exchange
            )

    server.script(play)
    models = [{"id": "first", "url": server.url}, {"id": "second", "url": server.url}]
    result = await embed(models, ["a", "bb", "ccc"], batch_size=1, concurrency=1, max_retries=0)
    assert (result.model, result.vectors.shape) == ("second", (3, 2))
    assert [row[0] for row in result.vectors] == [1, 2, 3]
    assert [request.json["model"] for request in server.requests] == ["first"] * 3 + ["second"] * 3
    warning = next(warning for warning in result.warnings if warning.code == "broken_answer")
    assert warning.message.startswith("`first` failed and all was embedded again: ")
    assert result.usage.input_tokens == 5, "what the first one took is counted"


async def test_when_no_model_answers_each_try_is_told(server) -> None:
    server.script(error(500))
    models = [{"id": "first", "url": server.url}, {"id": "second", "url": server.url}]
    with pytest.raises(AllCandidatesFailedError) as caught:
        await embed(models, ["a", "b"], batch_size=1, max_retries=0)
    assert len(caught.value.attempts) == 2
    server.script(error(500), embeddings(), error(500))
    with pytest.raises(ServerError) as broken:
        await embed(models, ["a", "b"], batch_size=1, max_retries=0)
    assert len(broken.value.partial.attempts) == 3


# -- which models -----------------------------------------------------------------------------------------------------


async def test_a_chat_model_is_refused_before_anything_is_sent(server) -> None:
    with pytest.raises(UnsupportedFeatureError, match=r"is no embedding model \(chat\): call `generate` with it"):
        await embed("ovhcloud/gpt-oss-120b", "a")
    assert server.requests == []
    result = await embed("ovhcloud/gpt-oss-120b", "a", check="warn")
    assert result.warnings[0].code == "unsupported_feature"
    assert (await embed("ovhcloud/gpt-oss-120b", "a", check="off")).warnings == []


async def test_a_listed_model_has_its_price(server, monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    result = await embed("openai/text-embedding-3-small", ["a", "b"])
    assert result.cost.total == Decimal(2) * Decimal("0.02") / 1_000_000
    assert result.warnings == []
    with pytest.raises(BudgetError):
        await embed("openai/text-embedding-3-small", ["a", "b"], max_cost_usd="0.00000001")
    assert len(server.requests) == 1


async def test_a_budget_is_shared_by_calls_and_books_once_beside_that_of_the_process(server, monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    team, process = Budget("0.5", name="team"), limit_process(1)
    assert process is not None
    try:
        for _ in range(2):
            await embed("openai/text-embedding-3-small", "a", max_cost_usd=team)
    finally:
        limit_process(None)
    assert team.spent_usd == process.spent_usd == 2 * Decimal("0.02") / 1_000_000


async def test_calls_over_one_transport_share_what_is_learned_and_do_not_keep_it(server) -> None:
    transport = HTTPTransport()
    first = make_plan(MODEL, ["a"], {"transport": transport})[0].runtime
    again = make_plan(MODEL, ["a"], {"transport": transport, "pace": True})[0].runtime
    paced = make_plan(MODEL, ["a"], {"transport": transport, "pace": True})[0].runtime
    other = make_plan(MODEL, ["a"], {"transport": HTTPTransport()})[0].runtime
    assert first.lessons is again.lessons is paced.lessons is not other.lessons
    assert again.transport is transport
    assert again.pacer is paced.pacer
    gone = weakref.ref(transport)
    del transport, first, again, paced
    gc.collect()
    assert gone() is None

    class Slotted:
        __slots__ = ()

        async def send(self, request: object) -> object: ...

    assert make_plan(MODEL, ["a"], {"transport": Slotted()})[0].runtime.transport  # type: ignore[typeddict-item]


async def test_requests_may_wait_for_the_rate_limit(server, monkeypatch) -> None:
    asked: list[str] = []
    find_lane = Pacer.find_lane

    def watched(self: Pacer, route: Any) -> Any:
        asked.append(route.model)
        return find_lane(self, route)

    monkeypatch.setattr(Pacer, "find_lane", watched)
    await embed(MODEL, "a")
    assert asked == []
    await embed(MODEL, ["a", "b"], batch_size=1, pace=True)
    assert asked == ["bge-m0", "bge-m0"]
    with pytest.raises(InvalidInputError, match="pace="):
        await embed(MODEL, "a", pace="yes")  # type: ignore[arg-type]


async def test_an_answer_of_too_few_vectors_is_paid_for_too(server, monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    budget = Budget(1)

    async def one_too_few(exchange: Exchange) -> None:
        whole = answer(exchange)
        await reply({**whole, "data": whole["data"][1:]})(exchange)

    server.script(one_too_few)
    with pytest.raises(ResponseError, match="1 vectors for 2 texts"):
        await embed("openai/text-embedding-3-small", ["a", "b"], max_cost_usd=budget, max_retries=0)
    assert budget.spent_usd == budget.estimated_usd > 0


async def test_a_provider_without_embeddings_says_so(server) -> None:
    with pytest.raises(ConfigurationError, match="for which this version has no embeddings"):
        await embed({"id": "m", "url": server.url, "protocol": "anthropic_messages"}, "a")
    with pytest.raises(InvalidModelError):
        await embed("nothing", "a")
    assert server.requests == []


async def test_an_endpoint_for_embeddings_takes_no_messages(server) -> None:
    from turnout import Agent

    agent = Agent(model={"id": "m", "url": f"{server.url}/embeddings", "protocol": "openai_embeddings"})
    with pytest.raises(InvalidInputError, match="call `embed` with it"):
        await agent.generate("Hi")
    assert (await embed({"id": "m", "url": f"{server.url}/embeddings"}, "a")).dimensions == 3
    assert json.loads(server.requests[0].body)["input"] == ["a"]


async def test_a_rate_limit_that_stays_is_raised(server) -> None:
    server.script(error(429, "slow down"))
    with pytest.raises(RateLimitError):
        await embed(MODEL, "a", max_retries=0)
