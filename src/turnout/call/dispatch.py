"""The candidates of one call: which is tried, how often, what is learned on the way, and the record of it all."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, TypeVar

from msgspec import structs

from turnout.call.budget import find_budgets
from turnout.call.exchange import Clock, build_request, encode, is_recorded, open_account, plays_records, post
from turnout.call.preparation import fit, prepare
from turnout.call.spec import choose_candidates, shares_key
from turnout.errors import (
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BudgetError,
    NotFoundError,
    TurnoutError,
    redact_url,
)
from turnout.fallback import summarise_failures
from turnout.protocols import find_protocol
from turnout.responses import Attempt, Warning
from turnout.routing.memo import find_route
from turnout.routing.resolution import retired_message
from turnout.routing.route import is_secret_header

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from turnout.call.exchange import Exchange
    from turnout.call.spec import Call, Runtime
    from turnout.errors import CallError, MissingKeyError
    from turnout.protocols import EncodedRequest, WireProtocol
    from turnout.requests import ModelRequest
    from turnout.routing.model import Candidate
    from turnout.routing.route import Route

_T = TypeVar("_T")


class Dispatch:
    """Works through the candidates of one call until one of them answers."""

    __slots__ = ("_failures", "_queue", "_turn", "attempts", "budgets", "call", "runtime", "started", "warnings")

    def __init__(self, call: Call, runtime: Runtime) -> None:
        self.call = call = choose_candidates(call, runtime)
        self.runtime = runtime
        self.started = time.monotonic()
        self.attempts: list[Attempt] = []
        self.warnings: list[Warning] = []
        self.budgets = find_budgets(call.budgets)  # once for all tries: those of the environment take a look there
        self._queue = runtime.cooldowns.order(call.candidates)
        self._failures: list[tuple[Candidate, TurnoutError]] = []
        self._turn: _Turn | None = None
        if self._queue[0] is not call.candidates[0]:
            first = call.candidates[0].label
            self.warnings.append(Warning("cooldown", f"`{first}` failed several times in a row and is tried last"))

    @property
    def can_restart(self) -> bool:
        """Whether a stream that breaks is to start again with a candidate that is left."""
        return self.call.does_restart and bool(self._queue)

    async def next_answer(self, receive: Callable[[Exchange], Awaitable[_T]]) -> _T:
        """Try the candidates in turn; return what `receive` makes of the first good answer.

        Raises the candidate's error when there is one candidate, `AllCandidatesFailedError` when several failed.
        """
        while self._queue:
            candidate = self._queue.pop(0)
            try:
                answer = await self._try_candidate(candidate, receive)
            except TurnoutError as error:
                self._fail(candidate, error)
                if self._queue:
                    error.__traceback__ = None
            else:
                self.runtime.cooldowns.note_success(candidate)
                return answer
        raise self._summarise()

    def end(self) -> None:
        """Let go of the last try, which holds this: what an answered call has made is freed at once."""
        self._turn = None

    def _summarise(self) -> TurnoutError:
        last = self._failures[-1][1]
        if isinstance(last, BudgetError) and all(isinstance(error, BudgetError) for _, error in self._failures):
            last.attempts = tuple(self.attempts)
            return last
        return summarise_failures(self._failures, self.attempts)

    def note_stream_failure(self, error: CallError) -> None:
        """Note that the answer that had begun broke: its attempt failed after all."""
        if self._turn is not None:
            self._turn.explain(error)
            self.attempts[-1] = structs.replace(self.attempts[-1], error=error)
            self._fail(self._turn.candidate, error)

    def _fail(self, candidate: Candidate, error: TurnoutError) -> None:
        self._failures.append((candidate, error))
        self.runtime.cooldowns.note_failure(candidate, error)

    async def _try_candidate(self, candidate: Candidate, receive: Callable[[Exchange], Awaitable[_T]]) -> _T:
        turn = self._turn = await self._begin(candidate)
        while True:
            try:
                return await turn.run_once(receive)
            except TurnoutError as error:
                wait_s = turn.react(error)
                if wait_s is None:
                    raise
                error.__traceback__ = None  # it stays in the attempts, and must not keep the frames of this try alive
            await asyncio.sleep(wait_s)

    async def _begin(self, candidate: Candidate) -> _Turn:
        """Find the route of `candidate`; a try that never leaves is an attempt as well."""
        try:
            route, missing = await self._find_route(candidate)
            protocol = find_protocol(route.protocol)
            request, warnings = await prepare(self.call, candidate, route, self.runtime)
            route.warnings += warnings
            return _Turn(self, candidate, route, protocol, request, missing)
        except TurnoutError as error:
            error.locate(model=candidate.label)
            self.attempts.append(Attempt(model=candidate.label, provider=error.provider, url=error.url, error=error))
            raise

    async def _find_route(self, candidate: Candidate) -> tuple[Route, MissingKeyError | None]:
        """Return the route, and the error of a key that it lacks where a recording may answer without one."""
        call = self.call
        api_key, headers = call.api_key, call.headers
        if not shares_key(candidate, call.candidates[0]):
            api_key = None
            headers = {name: value for name, value in headers.items() if not is_secret_header(name)}
        route, missing = find_route(candidate, api_key=api_key, headers=headers, task=call.request.task)
        if missing and not plays_records(candidate.transport or self.runtime.transport):
            raise missing
        await self.launch(route)
        return route, missing

    async def launch(self, route: Route) -> None:
        """Start the server of a route that turnout serves itself, unless it runs."""
        if route.is_launched and self.runtime.launch is not None:
            endpoint = await self.runtime.launch(route.model)
            route.send_to(endpoint.base_url, endpoint.api_key)


_NONE: frozenset[str] = frozenset()
_MOST_MENDED = 2
"""How many refused fields one call leaves out before it gives up: each costs a request."""


class _Turn:
    """The tries of one candidate."""

    __slots__ = (
        *("_account", "_dispatch", "_dropped", "_encoded", "_failures", "_has_other_name", "_lessons", "_mended"),
        *("_missing", "_policy", "_protocol", "_request", "_route", "_slot", "_spelling", "_waited_s"),
        *("_was_renewed", "candidate"),
    )

    def __init__(  # noqa: PLR0917 - what was found out of the candidate
        self,
        dispatch: Dispatch,
        candidate: Candidate,
        route: Route,
        protocol: WireProtocol,
        request: ModelRequest,
        missing: MissingKeyError | None,
    ) -> None:
        self._dispatch = dispatch
        self.candidate = candidate
        self._route = route
        self._protocol = protocol
        self._lessons = dispatch.runtime.lessons
        self._spelling = self._lessons.recall(route).model or route.model
        self._encoded: EncodedRequest | None = None
        self._dropped = _NONE
        self._mended = 0
        self._has_other_name = False
        self._was_renewed = False
        self._failures = 0
        self._waited_s = 0.0
        self._account = None
        self._slot = None
        call = dispatch.call
        self._request = request
        self._missing = missing
        retries = call.max_retries if candidate.max_retries is None else candidate.max_retries
        policy = call.retry_policy
        self._policy = policy if retries is None else structs.replace(policy, max_retries=retries)

    async def run_once(self, receive: Callable[[Exchange], Awaitable[_T]]) -> _T:
        """Make one try and record it."""
        dispatch, route = self._dispatch, self._route
        if self._failures:
            await dispatch.launch(route)
        clock = Clock(dispatch.call.timeouts, is_stream=self._request.stream)
        transport = self.candidate.transport or dispatch.runtime.transport
        self._encoded = None
        exchange: Exchange | None = None
        self._account = None
        try:
            if route.grant is not None or self._missing is not None:
                await self._authorise(route, clock)
            if self._spelling != route.model:
                route = structs.replace(route, model=self._spelling)
            dropped = self._lessons.recall(self._route).dropped | self._dropped
            adapted = fit(self._request, route, dropped)
            self._encoded = encode(self._protocol, adapted.request, route, dropped)
            if dispatch.call.does_pace:
                await self._pace(route, clock)
            self._account = open_account(
                dispatch.call.watch, dispatch.budgets, adapted.request, route, len(dispatch.attempts) + 1
            )
            exchange = await post(transport, route, self._protocol, self._encoded, clock)
            exchange.account = self._account
            if self._account is not None:
                self._account.note_head()
            if self._slot is not None:
                self._slot.close(exchange.http.status, exchange.http.headers)
            exchange.rewriter, exchange.is_output_pending = adapted.rewriter, adapted.is_output_pending
            answer = await receive(exchange)
        except TurnoutError as error:
            (exchange or clock).explain(error)
            self.explain(error)
            self._record(clock, error.status, error)
            self._close_books(error, error.status)
            raise
        except BaseException as error:
            self._close_books(error)
            raise
        self._record(clock, exchange.http.status, None)
        dispatch.warnings += [*route.warnings, *adapted.warnings, *self._encoded.warnings]
        self._encoded = None  # nothing of it is needed while the answer comes, and a history is large
        if exchange.http.queued_s:
            message = (
                f"the call waited {exchange.http.queued_s:.2f} s for a free connection: raise max_connections_per_host"
            )
            dispatch.warnings.append(Warning("queued", message))
        if self._spelling != self._lessons.recall(self._route).model and self._has_other_name:
            self._lessons.rename_model(self._route, self._spelling)
        for field in self._dropped:
            self._lessons.drop_field(self._route, field)
        return answer

    async def _authorise(self, route: Route, clock: Clock) -> None:
        """Let the route carry a token, unless a recording answers the request: that needs neither token nor key."""
        transport = self.candidate.transport or self._dispatch.runtime.transport
        if plays_records(transport):
            adapted = fit(self._request, route, frozenset())
            encoded = encode(self._protocol, adapted.request, route, frozenset())
            if is_recorded(transport, build_request(route, encoded, clock)):
                return
        if self._missing is not None:
            raise self._missing
        await self._dispatch.runtime.credentials.authorise(route, transport, clock.until_sent()[0])

    async def _pace(self, route: Route, clock: Clock) -> None:
        """Wait until the rate limit has room. Raises `RateLimitError` where the call's own limits do not allow that."""
        dispatch = self._dispatch
        limit_s, kind = clock.until_sent()
        self._slot = slot = await dispatch.runtime.pacer.wait(route, limit_s, f"{kind}_s")
        if slot.waited_s > 0:
            clock.start_again()
            self._waited_s += slot.waited_s
            message = (
                f"the call waited {slot.waited_s:.1f} s before it was sent, to stay within the rate limit of"
                f" `{route.provider}` ({slot.reason})"
            )
            dispatch.warnings.append(Warning("paced", message))

    def _close_books(self, error: BaseException, status: int | None = None) -> None:
        if self._account is not None:
            self._account.failed(error, status)
        if self._slot is not None:
            self._slot.close(status, getattr(error, "headers", None))

    def react(self, error: TurnoutError) -> float | None:
        """Return the seconds to wait before the next try, or `None` when the candidate has failed."""
        if self._mend(error):
            self._waited_s = 0.0
            return 0.0
        self._failures += 1
        if not _may_retry(error):
            return None
        wait_s = self._policy.delay_s(self._failures, getattr(error, "retry_after_s", None), random.random)
        self._waited_s = wait_s or 0.0
        return wait_s

    def _mend(self, error: TurnoutError) -> bool:
        """Change the request by what the server has just said; it becomes a lesson when the next try succeeds."""
        exact = self._route.exact_model
        if self._has_fresh_token(error):
            return True
        if isinstance(error, NotFoundError) and exact and not self._has_other_name:
            self._has_other_name = True
            self._spelling = self._route.model if self._spelling == exact else exact
            return True
        if self._encoded is None or not isinstance(error, APIStatusError) or self._mended >= _MOST_MENDED:
            return False
        lessons = self._encoded.find_lessons(error)
        if lessons <= self._lessons.recall(self._route).dropped | self._dropped:  # nothing new: it would be in vain
            return False
        self._mended += 1
        self._dropped |= lessons
        return True

    def _has_fresh_token(self, error: TurnoutError) -> bool:
        """Whether a token that was kept is refused now, so that another one is worth a try; once a turn."""
        if self._was_renewed or self._encoded is None or self._route.grant is None:
            return False
        if not isinstance(error, AuthenticationError):  # a 401, and of AWS a 403 as well
            return False
        self._was_renewed = True
        return self._dispatch.runtime.credentials.forget(self._route)

    def explain(self, error: TurnoutError) -> None:
        """Complete `error` with where the call went, without any secret."""
        route = self._route
        error.locate(provider=route.provider, model=route.model, url=route.url)
        error.redact(route.secrets)
        if isinstance(error, NotFoundError) and route.facts and route.facts.retired:
            error.args = (f"{error.message}: {retired_message(route.facts)}",)

    def _record(self, clock: Clock, status: int | None, error: TurnoutError | None) -> None:
        route = self._route
        attempt = Attempt(
            model=self.candidate.label,
            provider=route.provider,
            url=redact_url(route.url),
            status=status,
            error=error,
            duration_s=time.monotonic() - clock.started,
            waited_s=self._waited_s,
        )
        self._dispatch.attempts.append(attempt)


def _may_retry(error: TurnoutError) -> bool:
    """Whether the same request is sent again by itself: never after a clock ran out on a server that may be at work."""
    if isinstance(error, APITimeoutError):
        return error.kind == "connect"
    return error.is_retryable
