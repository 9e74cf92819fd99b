"""Who wants to know of one try: the budgets that it is reserved in, and the observers that watch it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from turnout.call.budget import reserve
from turnout.call.estimate import estimate_cost, estimate_partial_cost
from turnout.chunks import ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta, UsageChunk
from turnout.errors import redact_url
from turnout.hooks import ErrorEvent, RawEvent, RequestEvent, ResponseEvent
from turnout.tokens import estimate_request_tokens
from turnout.usage import compute_cost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.call.answer import Answer
    from turnout.call.budget import Budget, Reservation
    from turnout.chunks import Chunk
    from turnout.hooks import Watch
    from turnout.requests import ModelRequest
    from turnout.routing.route import Route
    from turnout.transport.sse import Event
    from turnout.usage import Usage

_CHARACTERS_A_TOKEN = 4


class Account:
    """The books of one try. Of `answered`, `failed` and `leave`, the first that is called counts."""

    __slots__ = (
        "_characters",
        "_event",
        "_first_chunk_s",
        "_has_begun",
        "_input_tokens",
        "_is_open",
        "_is_stream",
        "_requests",
        "_reservation",
        "_route",
        "_started",
        "_usage",
        "_wants_events",
        "_watch",
    )

    def __init__(
        self,
        route: Route,
        watch: Watch | None,
        reservation: Reservation | None,
        *,
        input_tokens: int = 0,
        is_stream: bool = True,
    ) -> None:
        self._route = route
        self._watch = watch
        self._wants_events = watch is not None and watch.wants_events
        self._reservation = reservation
        self._input_tokens = input_tokens
        self._is_stream = is_stream
        self._has_begun = False
        self._started = time.monotonic()
        self._event: RequestEvent | None = None
        self._requests: list[object] = []
        self._first_chunk_s: float | None = None
        self._characters = 0
        self._usage: Usage | None = None
        self._is_open = True

    @classmethod
    def open(
        cls, watch: Watch | None, budgets: Sequence[Budget], request: ModelRequest, route: Route, attempt: int
    ) -> Account:
        """Reserve a try in all of `budgets` and announce it. Raises `BudgetError` when it does not fit into one."""
        reservation, input_tokens = None, 0
        if budgets:
            input_tokens = estimate_request_tokens(request)
            reservation = reserve(budgets, estimate_cost(request, route, input_tokens), route.asked)
        account = cls(route, watch, reservation, input_tokens=input_tokens, is_stream=request.stream)
        try:
            account.announce(request, attempt)
        except BaseException as error:  # an interrupt in the middle of a hook: the request is never sent
            account.failed(error)
            raise
        return account

    def announce(self, request: ModelRequest, attempt: int) -> None:
        """Tell the observers that the request is about to be sent."""
        if self._watch is None:
            return
        route = self._route
        event = RequestEvent(
            id=self._watch.next_id(),
            attempt=attempt,
            asked=route.asked,
            provider=route.provider,
            model=route.model,
            protocol=route.protocol,
            url=redact_url(route.url),
            is_stream=request.stream,
            request=request,
        )
        self._requests = self._watch.start_request(event)
        self._event = event

    def note_head(self) -> None:
        """Take note that the head of a good answer is there: from now on, what fails has to be paid for."""
        self._has_begun = True

    def note_whole(self) -> None:
        """Take note that the answer seems to come whole, though a stream was asked for."""
        self._is_stream = False

    def note_events(self, events: Sequence[Event]) -> None:
        """Tell the observers who want them of events of a stream, before they are decoded."""
        if self._wants_events and self._watch is not None and self._event is not None:
            for event in events:
                self._watch.note_event(RawEvent(id=self._event.id, name=event.event, data=event.data))

    def note_chunks(self, chunks: Sequence[Chunk]) -> None:
        """Take note of a batch of a streamed answer."""
        if self._first_chunk_s is None and chunks:
            self._first_chunk_s = time.monotonic() - self._started
        if self._reservation is not None:
            for chunk in chunks:
                if isinstance(chunk, (TextDelta, ReasoningDelta, ToolCallDelta, RefusalDelta)):
                    self._characters += len(chunk.text)
                elif isinstance(chunk, UsageChunk):
                    self._usage = chunk.usage
        if self._watch is not None and self._event is not None and chunks:
            self._watch.note_chunks(self._requests, self._event, chunks)

    def answered(self, answer: Answer, status: int) -> None:
        """Book what the answer cost."""
        if not self._close():
            return
        if self._reservation is not None:
            self._reservation.settle(answer.cost)
        if self._watch is not None and self._event is not None:
            event = ResponseEvent(
                request=self._event,
                status=status,
                response=answer.response,
                cost=answer.cost,
                first_chunk_s=self._first_chunk_s,
                duration_s=time.monotonic() - self._started,
            )
            self._watch.end_request(self._requests, event)
            answer.warnings += self._watch.take_warnings()

    def failed(self, error: BaseException, status: int | None = None) -> None:
        """Book what had come before `error`; where not even the head of an answer had, give back what was reserved."""
        if not self._close():
            return
        self._book_part()
        if self._watch is not None and self._event is not None:
            duration_s = time.monotonic() - self._started
            event = ErrorEvent(request=self._event, error=error, status=status, duration_s=duration_s)
            self._watch.end_request(self._requests, event)

    def leave(self, status: int | None = None) -> None:
        """Book what had come of a stream that nobody reads on."""
        if not self._close():
            return
        self._has_begun = True
        self._book_part()
        if self._watch is not None and self._event is not None:
            event = ResponseEvent(
                request=self._event,
                status=status,
                first_chunk_s=self._first_chunk_s,
                duration_s=time.monotonic() - self._started,
            )
            self._watch.end_request(self._requests, event)

    def __del__(self) -> None:
        self.leave()  # a stream that was dropped without a word

    def _close(self) -> bool:
        was_open, self._is_open = self._is_open, False
        return was_open

    def _book_part(self) -> None:
        """Book the usage that the provider told, else an estimate; nothing where no answer had begun.

        Of a stream that is the input and what came of the answer. Of a whole answer nobody knows how much was made of
        it: all that was reserved, so that calls which fail late cannot pass the limit.
        """
        if self._reservation is None:
            return
        facts, usage = self._route.facts, self._usage
        if usage is not None and facts is not None:
            cost = compute_cost(usage, facts.tier_for(usage.input_tokens or 0))
            if cost.total is not None:
                self._reservation.settle(cost)
                return
        if not self._has_begun:
            self._reservation.release()
            return
        amount = None
        if self._is_stream or self._first_chunk_s is not None:
            output_tokens = -(-self._characters // _CHARACTERS_A_TOKEN)
            amount = estimate_partial_cost(facts, self._input_tokens, output_tokens)
        self._reservation.settle_estimate(self._reservation.amount_usd if amount is None else amount)
