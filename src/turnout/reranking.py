"""Documents put in order by a model: `rerank` and `rerank_sync`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Unpack, cast

from msgspec import Struct

from turnout.errors import InvalidInputError, ResponseError
from turnout.messages import Message
from turnout.requests import RerankRequest, read_provider_options
from turnout.responses import Warning
from turnout.tasks.options import TaskOptions, check_names, read_text
from turnout.tasks.result import TaskResult
from turnout.tasks.sync import make_sync

if TYPE_CHECKING:
    from turnout.responses import ModelResponse, RerankResponse
    from turnout.routing.model import ModelSpec

__all__ = ["Ranked", "Ranking", "rerank", "rerank_sync"]


class Ranked(Struct, frozen=True):
    """One document of a ranking: its index among those that were given, its score, and its text.

    A higher score is a closer document; its scale is the model's own.
    """

    index: int
    score: float
    document: str


class Ranking(TaskResult, kw_only=True):
    """Documents in order, the best first: ``(await rerank("ovhcloud/ranker", "trains", texts)).results``.

    `search_units` is what some providers bill in place of tokens, `None` where they tell none.
    """

    results: list[Ranked]
    search_units: float | None = None

    def __len__(self) -> int:
        return len(self.results)

    def __getitem__(self, index: int) -> Ranked:
        return self.results[index]

    @property
    def documents(self) -> list[str]:
        """The documents in order."""
        return [result.document for result in self.results]

    def __repr__(self) -> str:
        return f"Ranking({len(self.results)}, {self.provider}/{self.model}, {self.usage})"


async def rerank(
    model: ModelSpec | list[ModelSpec],
    query: str,
    documents: Iterable[str],
    *,
    top: int | None = None,
    **options: Unpack[TaskOptions],
) -> Ranking:
    """Return `documents` in the order of their relevance to `query`, all of them or the `top` so many.

    ``(await rerank("ovhcloud/ranker", "trains", texts, top=3)).documents``. The options are those of
    `TaskOptions`; of a list of models the first that answers counts.

    Raises `InvalidInputError` for what is no text or an empty one, `UnsupportedFeatureError` for a model that the
    catalog lists for another task, and what a call of a model raises.
    """
    check_names("rerank", options)
    listed = _read_documents(documents)
    if top is not None and (isinstance(top, bool) or not isinstance(top, int) or top < 1):  # pyright: ignore[reportUnnecessaryIsInstance] - from anybody
        raise InvalidInputError(f"top={top!r}: give a whole number of 1 or more, or None")
    request = RerankRequest(
        messages=[Message.user(read_text("query", query), *listed)],
        top=None if top is None else min(top, len(listed)),
        provider_options=read_provider_options(options.get("provider_options")),
    )
    from turnout.tasks.planning import prepare_call  # here: the import loads no wire
    from turnout.tasks.sending import describe, send_prepared

    def check(response: ModelResponse) -> None:
        scores = cast("RerankResponse", response).scores
        if not scores or any(index >= len(listed) for index, _ in scores):
            told = "scores of documents that it was not given" if scores else "no score at all"
            raise ResponseError(f"the provider sent {told}: try again, or name another model")

    answer = await send_prepared(prepare_call(model, request, options), check=check)
    response = cast("RerankResponse", answer.response)
    ranked = [Ranked(index, score, listed[index]) for index, score in response.scores[:top]]
    wanted = request.top or len(listed)
    if len(ranked) < wanted:
        what = f"the provider ranked {len(ranked)} of {wanted} documents: raise its own limit with provider_options="
        answer.warnings.append(Warning("fewer_results", what))
    return Ranking(results=ranked, search_units=response.search_units, **describe(answer))


rerank_sync = make_sync(rerank)
"""Do as `rerank`, from sync code."""


def _read_documents(documents: object) -> list[str]:
    """Return the documents as a list. Raises `InvalidInputError`, which names the one that is none."""
    if isinstance(documents, (str, bytes, bytearray, Mapping)) or not isinstance(documents, Iterable):
        raise InvalidInputError(f"documents= is a {type(cast('object', documents)).__name__}: give a list of strings")
    listed = list(cast("Iterable[Any]", documents))
    if not listed:
        raise InvalidInputError("documents= is empty: there is nothing to put in order")
    return [read_text(f"documents[{index}]", document) for index, document in enumerate(listed)]
