"""`embed` and `embed_sync`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Unpack, cast

from turnout.embedding.result import Embeddings, VectorTable
from turnout.errors import InvalidInputError
from turnout.tasks.options import SharedOptions
from turnout.usage import Cost, Usage

if TYPE_CHECKING:
    from turnout.embedding.run import Plan
    from turnout.routing.model import ModelSpec


class EmbedOptions(SharedOptions, total=False):
    """What `embed` takes beside the model and the texts: the options of `SharedOptions`, and its own.

    `dimensions` asks for shorter vectors; `batch_size` is how many texts one request holds at most (what the provider
    takes, where it is not given), `concurrency` how many requests are under way at once. With ``on_error="keep"`` a
    request that fails does not end the call: its texts are in `failed` of the result.
    """

    dimensions: int | None
    batch_size: int | None
    concurrency: int
    on_error: Literal["raise", "keep"]


_NAMES = frozenset(EmbedOptions.__annotations__)


async def embed(
    model: ModelSpec | list[ModelSpec], texts: str | Iterable[str], **options: Unpack[EmbedOptions]
) -> Embeddings:
    """Return `texts` as vectors: ``(await embed("ovhcloud/bge-m3", ["one", "two"])).vectors``.

    `texts` is one string or any iterable of them. They are sent in batches, a few at a time, and come back in order.
    Of a list of models, one embeds all texts: vectors of two models cannot be compared. No text is a table of no rows,
    and no request. The options are those of `EmbedOptions`.

    Raises `InvalidInputError` for what is no text or an empty one, `UnsupportedFeatureError` for a model that the
    catalog lists for another task, and what a call of a model raises. What was embedded before an error is in its
    `partial`, an `Embeddings`.
    """
    if unknown := options.keys() - _NAMES:
        raise TypeError(f"embed() takes no option {sorted(unknown)[0]!r}: the options are {', '.join(sorted(_NAMES))}")
    listed = read_texts(texts)
    from turnout.embedding.planning import make_plan  # here, as below: the import of turnout loads no wire

    plan, warnings = make_plan(model, listed, options)
    if not listed:
        return _make_empty(plan)
    from turnout.embedding.run import EmbeddingRun

    result = await EmbeddingRun(plan).run()
    result.warnings[:0] = warnings
    return result


def embed_sync(
    model: ModelSpec | list[ModelSpec], texts: str | Iterable[str], **options: Unpack[EmbedOptions]
) -> Embeddings:
    """Do as `embed`, from sync code; works in scripts, threads and beside a running event loop."""
    from turnout.agent.threads import find_loop

    return find_loop().run(embed(model, texts, **options))


def read_texts(texts: object) -> list[str]:
    """Return the texts to embed as a list. Raises `InvalidInputError`, which names the one that is none."""
    if isinstance(texts, str):
        listed: list[Any] = [texts]
    elif isinstance(texts, Iterable) and not isinstance(texts, (bytes, bytearray, Mapping)):
        listed = list(cast("Iterable[Any]", texts))
    else:
        raise InvalidInputError(
            f"texts= is a {type(cast('object', texts)).__name__}: give a string or a list of strings"
        )
    for index, text in enumerate(listed):
        if not isinstance(text, str):
            raise InvalidInputError(f"texts[{index}] is a {type(text).__name__}: give strings")
        if not text:
            raise InvalidInputError(f"texts[{index}] is empty: leave it out, for no model embeds nothing")
    return listed


def _make_empty(plan: Plan) -> Embeddings:
    from decimal import Decimal

    nothing = Decimal(0)
    return Embeddings(
        vectors=VectorTable(0).finish(),
        model=plan.model,
        provider=plan.provider,
        usage=Usage(input_tokens=0, output_tokens=0, total_tokens=0),
        cost=Cost(total=nothing, input=nothing, output=nothing, cache_read=nothing, cache_write=nothing),
    )
