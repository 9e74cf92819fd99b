"""The wire format of reranking that Cohere began and Jina, vLLM and others speak; Voyage's answers are read too.

Source: https://docs.cohere.com/reference/rerank, `POST /rerank`: a query and documents, and back the index and the
relevance of the best of them. It has no other name than that of its path.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from turnout.errors import InvalidInputError
from turnout.messages import Message, Text
from turnout.protocols.answer_bodies import refuse
from turnout.protocols.errors import decode_error
from turnout.protocols.json_reading import as_count, as_text, is_array, is_object, objects, try_read_json
from turnout.protocols.task_answers import raise_foreign, read_input_usage
from turnout.protocols.task_fields import TaskFields
from turnout.requests import RerankRequest
from turnout.responses import RerankResponse

if TYPE_CHECKING:
    from turnout.protocols import EncodedRequest
    from turnout.requests import ModelRequest
    from turnout.routing.route import Route
    from turnout.usage import Usage

__all__ = ["decode", "decode_error", "encode"]


def encode(request: ModelRequest, route: Route, dropped: frozenset[str] = frozenset()) -> EncodedRequest:
    """Return a `RerankRequest` as the bytes to send: model, query, documents, and `top_n` where `top` was given.

    Raises `InvalidInputError` for any other request, and for what JSON cannot hold.
    """
    if not isinstance(request, RerankRequest):
        raise InvalidInputError(f"`{route.asked}` is at an endpoint for reranking: call `rerank` with it")
    query, *documents = [
        part.text for message in request.messages for part in message.content if isinstance(part, Text)
    ]
    fields = TaskFields(route, dropped)
    fields.put("query", query)
    fields.put("documents", documents)
    fields.put_setting("top", request.top, "top_n")
    return fields.encode_json(request)


def decode(body: bytes, route: Route) -> RerankResponse:
    """Return the scores in the `body` of a 200, the best first.

    Raises `ResponseError` for a body that is no answer, and for an error inside it the `APIStatusError` that its code
    stands for.
    """
    value = try_read_json(body)
    if is_array(value):  # text-embeddings-inference
        value = {"results": value}
    listed = value.get("results", value.get("data")) if is_object(value) else None
    if not is_object(value) or not is_array(listed) or value.get("error") or len(objects(listed)) != len(listed):
        raise_foreign(body, route, "scores", "reranking")
    scores = [_read_score(item, body, route) for item in objects(listed)]
    if len({index for index, _ in scores}) != len(scores):
        raise refuse("one document twice", body, route)
    scores.sort(key=lambda score: -score[1])
    usage, units = _read_usage(value)
    return RerankResponse(
        message=Message("assistant", []),
        finish_reason="stop",
        raw=body,
        usage=usage,
        id=as_text(value.get("id")),
        model=as_text(value.get("model")),
        scores=scores,
        search_units=units,
    )


def _read_score(item: dict[str, Any], body: bytes, route: Route) -> tuple[int, float]:
    index = as_count(item.get("index"))
    score = item.get("relevance_score", item.get("score"))
    if index is None or isinstance(score, bool) or not isinstance(score, (int, float)) or not _is_finite(score):
        raise refuse("a result without index or score", body, route)
    return index, float(score)


def _is_finite(score: float) -> bool:
    try:
        return isfinite(score)
    except OverflowError:  # a whole number of more than 308 digits
        return False


def _read_usage(value: dict[str, Any]) -> tuple[Usage, float | None]:
    """Return the tokens, and the search units where those are billed in their place."""
    meta: Any = value.get("meta")
    billed: Any = meta.get("billed_units") if is_object(meta) else None
    units = billed.get("search_units") if is_object(billed) else None
    if isinstance(units, bool) or not isinstance(units, (int, float)):
        units = None
    told = value.get("usage") or (meta.get("tokens") if is_object(meta) and units is None else None)
    return read_input_usage(told), units
