"""`rerank` against the scripted provider."""

from __future__ import annotations

from decimal import Decimal

import pytest

from provider import KEY, reply
from turnout.errors import InvalidInputError, ResponseError, UnsupportedFeatureError
from turnout.reranking import Ranked, rerank, rerank_sync

MODEL = "ovhcloud/ranker"
TEXTS = ["Bread is baked.", "The train to Vienna.", "A railway switch."]


def scores(*pairs, **more):
    return reply({"results": [{"index": index, "relevance_score": score} for index, score in pairs], **more})


async def test_documents_come_back_in_order(provider):
    provider.script(scores((2, 0.5), (1, 0.9), (0, 0.1), model="m-1", usage={"total_tokens": 30}))
    result = await rerank(MODEL, "trains", (text for text in TEXTS))
    assert result.documents == [TEXTS[1], TEXTS[2], TEXTS[0]]
    assert (result[0], len(result)) == (Ranked(1, 0.9, TEXTS[1]), 3)
    assert (result.model, result.usage.input_tokens, result.usage.output_tokens) == ("m-1", 30, 0)
    assert repr(result) == "Ranking(3, ovhcloud/m-1, 30 in + 0 out tokens)"
    request = provider.requests[0]
    assert request.path == "/v1/rerank"
    assert request.json == {"model": "ranker", "query": "trains", "documents": TEXTS}


async def test_the_best_are_asked_for_and_no_more_come_back(provider):
    provider.script(scores((2, 0.5), (1, 0.9), (0, 0.1), meta={"billed_units": {"search_units": 1}}))
    result = await rerank(MODEL, "trains", TEXTS, top=2)
    assert [ranked.index for ranked in result.results] == [1, 2]
    assert (result.search_units, result.cost.total) == (1, None)
    assert provider.requests[0].json["top_n"] == 2
    await rerank(MODEL, "trains", TEXTS, top=9)
    assert provider.requests[1].json["top_n"] == 3


async def test_a_server_without_top_n_is_asked_for_all(provider):
    refusal = reply({"error": {"message": "Unknown field: top_n", "param": "top_n"}}, 400)
    provider.script(refusal, scores((2, 0.5), (1, 0.9), (0, 0.1)))
    result = await rerank(MODEL, "trains", TEXTS, top=1)
    assert result.documents == [TEXTS[1]]


async def test_fewer_than_were_asked_for_are_told(provider):
    provider.script(scores((1, 0.9)))
    result = await rerank(MODEL, "trains", TEXTS)
    assert [warning.code for warning in result.warnings] == ["unknown_model", "fewer_results"]


async def test_a_priced_model_has_its_cost(provider, monkeypatch):
    monkeypatch.setenv("REGOLO_AI_BASE_URL", provider.url)
    monkeypatch.setenv("REGOLO_API_KEY", KEY)
    provider.script(scores((0, 0.9), usage={"prompt_tokens": 1000}))
    result = await rerank("regolo-ai/qwen3-reranker-4b", "trains", TEXTS[:1], api_key=KEY, max_cost_usd=1)
    assert result.cost.total == Decimal("0.00012")


def test_sync_code_has_a_twin(provider):
    provider.script(scores((0, 0.9)))
    assert rerank_sync(MODEL, "trains", TEXTS[:1], top=1).documents == TEXTS[:1]


@pytest.mark.parametrize("found", [[], [(3, 0.5)]])
async def test_scores_of_other_documents_fail_the_try(provider, found):
    provider.script(scores(*found))
    with pytest.raises(ResponseError, match="no score at all|documents that it was not given"):
        await rerank(MODEL, "trains", TEXTS, max_retries=0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"query": ""}, "query= is empty"),
        ({"documents": "one"}, "documents= is a str: give a list of strings"),
        ({"documents": 5}, "documents= is a int"),
        ({"documents": []}, "documents= is empty"),
        ({"documents": ["a", 5]}, r"documents\[1\]= is a int"),
        ({"documents": ["a", ""]}, r"documents\[1\]= is empty"),
        ({"top": 0}, "top=0"),
        ({"top": True}, "top=True"),
    ],
)
async def test_arguments_that_cannot_be_read_are_errors(provider, arguments, said):
    with pytest.raises(InvalidInputError, match=said):
        await rerank(MODEL, **{"query": "trains", "documents": TEXTS, **arguments})
    assert provider.requests == []


async def test_models_of_other_kinds_are_refused_with_the_right_call():
    with pytest.raises(UnsupportedFeatureError, match=r"is no rerank model \(embedding\): call `embed` with it"):
        await rerank("openai/text-embedding-3-small", "trains", TEXTS)
