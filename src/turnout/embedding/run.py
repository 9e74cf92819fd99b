"""One call of `embed` at work: its batches, a few at a time, all of one model."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from typing import TYPE_CHECKING, cast

from msgspec import Struct, structs

from turnout.call.dispatch import Dispatch
from turnout.embedding.batches import split_texts
from turnout.embedding.result import Embeddings, FailedTexts, VectorTable
from turnout.errors import BadRequestError, ContextLengthError, ResponseError, TurnoutError
from turnout.messages import Message
from turnout.responses import Attempt, Warning
from turnout.tasks.sending import send_dispatch
from turnout.usage import Cost, Usage

if TYPE_CHECKING:
    from turnout.call import Answer
    from turnout.call.spec import Call, Runtime  # noqa: TC004 # fields of a Struct, never resolved
    from turnout.embedding.batches import BatchLimits  # noqa: TC004
    from turnout.responses import EmbeddingResponse, ModelResponse
    from turnout.routing.model import Candidate

_TOO_MANY = re.compile(
    r"batch|too (?:many|large|big|long)|at most|maximum|exceed|limit|\$\.input' is invalid", re.IGNORECASE
)
"""How servers say in prose alone that a request holds too many texts; a wrong guess costs some smaller requests.

Seen from Mistral and Azure ("Too many inputs"), Alibaba and SiliconFlow ("batch size …"), DeepInfra ("at most 1024
items") and OpenAI ("'$.input' is invalid"): https://github.com/embeddings-benchmark/mteb/issues/1200,
https://github.com/memodb-io/memobase/issues/142, https://github.com/langchain-ai/langchain/issues/21188."""


class Plan(Struct, kw_only=True):
    """What to embed and how: `call` holds all but the texts of each request.

    `provider` and `model` are those of the first candidate, for a result that no answer speaks for.
    """

    call: Call
    runtime: Runtime
    texts: list[str]
    limits: BatchLimits
    concurrency: int = 4
    keeps_going: bool = False
    provider: str = ""
    model: str = ""


class EmbeddingRun:
    """Works through the batches; where the model that answers fails later, begins again with the next candidate.

    Vectors of two models have nothing in common, so that a fallback never fills the gaps of another model's answer.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._queue: deque[range] = deque()
        self._table = VectorTable(0)
        self._failed: list[FailedTexts] = []
        self._most = plan.limits.texts
        self._answer: Answer | None = None
        self._usage: Usage | None = None
        self._cost: Cost | None = None
        self._warnings: dict[Warning, None] = {}
        self._attempts: list[Attempt] = []

    async def run(self) -> Embeddings:
        """Return all vectors. Raises the error of the first batch that failed, with what was done as its `partial`."""
        candidates = self._plan.call.candidates
        while True:
            left = await self._embed_all(candidates)
            if not self._failed or not left:
                break
            failed, error = candidates[0].label if self._answer is None else self._answer.asked, self._failed[0].error
            self._warnings[
                Warning("broken_answer", f"`{failed}` failed and all was embedded again: {error.message}")
            ] = None
            candidates = left
        if self._failed and (self._table.is_empty or not self._plan.keeps_going):
            raise self._explain(min(self._failed, key=lambda each: each.start).error)
        return self._finish()

    async def _embed_all(self, candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """Embed all texts with the first of `candidates` that answers; return those after it."""
        plan = self._plan
        self._queue = deque(split_texts(plan.texts, plan.limits))
        self._table, self._failed, self._answer = VectorTable(len(plan.texts)), [], None
        left: tuple[Candidate, ...] = ()
        if len(candidates) > 1:
            await self._embed_next(candidates)
            if self._answer is None:
                return ()
            at = [candidate.label for candidate in candidates].index(self._answer.asked)
            candidates, left = candidates[at : at + 1], candidates[at + 1 :]
        tasks = [asyncio.create_task(self._work(candidates)) for _ in range(min(plan.concurrency, len(self._queue)))]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)  # nothing is under way when the call is over
        return left

    async def _work(self, candidates: tuple[Candidate, ...]) -> None:
        """Take one batch after the other; what is under way when another fails is paid for, and is kept."""
        while self._queue and (self._plan.keeps_going or not self._failed):
            await self._embed_next(candidates)

    async def _embed_next(self, candidates: tuple[Candidate, ...]) -> None:
        batch = self._queue.popleft()
        if len(batch) > self._most:
            self._queue.appendleft(batch[self._most :])
            batch = batch[: self._most]
        try:
            answer = await self._send(batch, candidates)
            self._table.put(batch, cast("EmbeddingResponse", answer.response).vectors)
        except TurnoutError as error:
            if len(batch) > 1 and _is_too_much(error):
                self._most = max(1, min(self._most, len(batch) // 2))
                self._queue.appendleft(batch)
            else:
                self._failed.append(FailedTexts(batch.start, batch.stop, error))

    async def _send(self, batch: range, candidates: tuple[Candidate, ...]) -> Answer:
        call = self._plan.call
        texts = self._plan.texts[batch.start : batch.stop]
        request = structs.replace(call.request, messages=[Message.user(*texts)])
        dispatch = Dispatch(structs.replace(call, request=request, candidates=candidates), self._plan.runtime)

        def check(response: ModelResponse) -> None:
            vectors = cast("EmbeddingResponse", response).vectors
            if len(vectors) != len(batch):
                raise ResponseError(
                    f"the provider sent {len(vectors)} vectors for {len(batch)} texts: try again, or name another model"
                )

        try:
            answer = self._answer = await send_dispatch(dispatch, check)
        finally:
            self._attempts += dispatch.attempts
        usage = answer.response.usage
        self._usage = usage if self._usage is None else self._usage + usage
        self._cost = answer.cost if self._cost is None else self._cost + answer.cost
        self._warnings.update(dict.fromkeys(answer.warnings))
        return answer

    def _finish(self) -> Embeddings:
        answer, asked = self._answer, self._plan.call.request
        vectors = self._table.finish()
        result = Embeddings(
            vectors=vectors,
            model=(answer.response.model if answer else None) or self._plan.model,
            provider=answer.provider if answer else self._plan.provider,
            usage=self._usage or Usage(),
            cost=self._cost or Cost(),
            warnings=list(self._warnings),
            attempts=self._attempts,
            failed=sorted(self._failed, key=lambda each: each.start),
        )
        wanted = getattr(asked, "dimensions", None)
        if wanted is not None and result.dimensions not in (0, wanted):
            what = f"vectors of {wanted} numbers were asked for, and those of the model have {result.dimensions}"
            result.warnings.append(Warning("dimensions", what))
        return result

    def _explain(self, error: TurnoutError) -> TurnoutError:
        """Hand what is done to the error, so that it is not paid for in vain."""
        if self._table.is_empty:
            return error
        begun = [*self._failed, *[FailedTexts(batch.start, batch.stop, error) for batch in self._queue]]
        self._failed = begun
        error.partial = self._finish()
        total = len(self._plan.texts)
        done = total - sum(each.stop - each.start for each in begun)
        error.args = (
            f"{error.message}; {done:,} of {total:,} texts were embedded, and are in `.partial` of this error",
        )
        return error


def _is_too_much(error: TurnoutError) -> bool:
    """Whether a request that was refused may be taken in two halves."""
    if error.status == 413:
        return True
    is_refused = isinstance(error, BadRequestError) and not isinstance(error, ContextLengthError)
    return is_refused and _TOO_MANY.search(error.message) is not None
