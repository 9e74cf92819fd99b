"""Budgets: what a call may cost is reserved before it is sent, and what it did cost is settled after."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from decimal import Decimal, InvalidOperation
from functools import cache
from threading import Lock, RLock
from typing import TYPE_CHECKING

from turnout.errors import BudgetError, InvalidInputError
from turnout.routing.environment import get_variable

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from turnout.usage import Cost

PROCESS_VARIABLE = "TURNOUT_MAX_COST_USD"
"""The environment variable that limits the cost of all calls of the process, in USD."""

_NOTHING = Decimal(0)
_MOST_USD = Decimal(10) ** 15


class Budget:
    """The most that calls may cost together: ``Budget(0.50)`` for half a dollar.

    `max_cost_usd` is in USD; floats are read as they are written (0.1 is ten cents). A call is reserved at its
    estimated worst case and settled at its cost, so that calls that run at once, in tasks or threads, do not pass the
    limit together. A copy of a budget is the budget itself; one that was pickled is another, with what was spent by
    then. A call whose price is unknown raises `BudgetError`, unless `allows_unknown_prices` lets it pass
    uncounted. `name` says in errors whose budget it is. Raises `InvalidInputError` for a limit that is no number of 0
    or more.
    """

    def __init__(
        self, max_cost_usd: float | Decimal | str, *, name: str = "run", allows_unknown_prices: bool = False
    ) -> None:
        self.max_cost_usd = read_limit(max_cost_usd)
        self.name = name
        self.allows_unknown_prices = allows_unknown_prices
        self._lock = RLock()  # a stream that the garbage collector finds may be booked in the middle of this
        self._spent = _NOTHING
        self._estimated = _NOTHING
        self._reserved = _NOTHING

    @property
    def spent_usd(self) -> Decimal:
        """What its calls have cost so far, in USD, estimates included."""
        return self._spent

    @property
    def estimated_usd(self) -> Decimal:
        """The part of `spent_usd` that is estimated: streams that were left early, answers without usage."""
        return self._estimated

    @property
    def reserved_usd(self) -> Decimal:
        """What is held back for calls that are under way, in USD."""
        return self._reserved

    @property
    def left_usd(self) -> Decimal:
        """What the next call may cost at most, in USD; never below 0."""
        return max(self.max_cost_usd - self._spent - self._reserved, _NOTHING)

    def __copy__(self) -> Budget:
        return self  # two that count apart would let twice as much pass

    def __deepcopy__(self, memo: object) -> Budget:
        return self

    def __reduce__(self) -> tuple[Callable[..., Budget], tuple[object, ...]]:
        with self._lock:
            facts = (self.max_cost_usd, self.name, self.allows_unknown_prices, self._spent, self._estimated)
        return _unpickle, facts

    def __repr__(self) -> str:
        return f"Budget({self.name}: {_show(self._spent)} of {_show(self.max_cost_usd)} spent)"

    def _refusal(self, amount: Decimal | None, model: str) -> str | None:
        """Say why `amount` cannot be reserved; `None` when it can. The lock is held."""
        if amount is None:
            if self.allows_unknown_prices:
                return None
            return (
                f"the price of `{model}` is unknown and the {self.name} has a budget of {_show(self.max_cost_usd)}:"
                " put its prices into turnout.toml, or allow it with"
                " max_cost_usd=Budget(…, allows_unknown_prices=True)"
            )
        if self._spent + self._reserved + amount <= self.max_cost_usd:
            return None
        reserved = f" and {_show(self._reserved)} is reserved for calls under way" if self._reserved else ""
        return (
            f"the call of `{model}` may cost {_show(amount)}, and of the {self.name}'s {_show(self.max_cost_usd)}"
            f" {_show(self._spent)} is spent{reserved}: raise max_cost_usd, lower max_output_tokens,"
            " or take a cheaper model"
        )

    def _book(self, reserved: Decimal, spent: Decimal, *, is_estimate: bool) -> None:
        with self._lock:
            self._reserved -= reserved
            self._spent += spent
            if is_estimate:
                self._estimated += spent


def _unpickle(limit: Decimal, name: str, allows_unknown_prices: bool, spent: Decimal, estimated: Decimal) -> Budget:
    budget = Budget(limit, name=name, allows_unknown_prices=allows_unknown_prices)
    budget._spent, budget._estimated = spent, estimated  # pyright: ignore[reportPrivateUsage] - one thing
    return budget


class Reservation:
    """What is held back in some budgets for one call. Exactly one of its methods takes effect: the first."""

    __slots__ = ("_amount", "_budgets", "_is_open", "_lock")

    def __init__(self, budgets: Sequence[Budget], amount: Decimal) -> None:
        self._budgets = budgets
        self._amount = amount
        self._is_open = True
        self._lock = RLock()

    @property
    def amount_usd(self) -> Decimal:
        """What was reserved, in USD."""
        return self._amount

    @property
    def is_open(self) -> bool:
        """Whether nothing was booked yet."""
        return self._is_open

    def settle(self, cost: Cost) -> None:
        """Book what the call did cost; where that is unknown, what was reserved, as an estimate."""
        if cost.total is None:
            self.settle_estimate(self._amount)
        else:
            self._close(cost.total, is_estimate=False)

    def settle_estimate(self, amount_usd: Decimal) -> None:
        """Book `amount_usd` as an estimate."""
        self._close(amount_usd, is_estimate=True)

    def release(self) -> None:
        """Give back what was reserved: the call came to nothing."""
        self._close(_NOTHING, is_estimate=False)

    def _close(self, spent: Decimal, *, is_estimate: bool) -> None:
        with self._lock:
            if not self._is_open:
                return
            self._is_open = False
        for budget in self._budgets:
            budget._book(self._amount, spent, is_estimate=is_estimate)  # pyright: ignore[reportPrivateUsage] - one thing


def reserve(budgets: Sequence[Budget], amount_usd: Decimal | None, model: str) -> Reservation:
    """Hold back `amount_usd` in all of `budgets`, or in none: ``reserve([run, process], estimate, "groq/…")``.

    `None` is an unknown price. Raises `BudgetError`, which names the first budget that it does not fit into.
    """
    if amount_usd is not None:
        amount_usd = max(amount_usd, _NOTHING)  # a negative one would make room that nobody has paid for
    distinct = list({id(budget): budget for budget in budgets}.values())
    with ExitStack() as held:
        for budget in sorted(distinct, key=id):  # always in one order, so that two calls never wait for each other
            held.enter_context(budget._lock)  # pyright: ignore[reportPrivateUsage] - one thing
        for budget in distinct:
            refusal = budget._refusal(amount_usd, model)  # pyright: ignore[reportPrivateUsage]
            if refusal is not None:
                raise BudgetError(refusal)
        amount = _NOTHING if amount_usd is None else amount_usd
        for budget in distinct:
            budget._reserved += amount  # pyright: ignore[reportPrivateUsage]
    return Reservation(distinct, amount)


def read_budget(value: object, name: str = "run") -> Budget:
    """Read what ``max_cost_usd=`` takes: ``read_budget(0.5)``, or a `Budget`, which may be shared, as it is.

    `name` says in errors whose budget a new one is. Raises `InvalidInputError` for anything but a `Budget` or a finite
    number of 0 or more.
    """
    return value if isinstance(value, Budget) else Budget(read_limit(value), name=name)


def read_limit(value: object) -> Decimal:
    """Read a limit in USD. Raises `InvalidInputError` for anything but a finite number of 0 or more."""
    limit = None
    if isinstance(value, (int, float, Decimal, str)) and not isinstance(value, bool):
        with suppress(InvalidOperation):
            limit = Decimal(str(value).strip())
    if limit is None or not limit.is_finite() or not 0 <= limit < _MOST_USD:
        raise InvalidInputError(f"max_cost_usd={value!r}: give US dollars, a number of 0 or more, or a Budget")
    return limit


_shared: ContextVar[tuple[Budget, ...]] = ContextVar("turnout_budgets", default=())


@contextmanager
def share_budgets(budgets: Sequence[Budget]) -> Generator[None]:
    """Let all calls inside of the block (of agents that a tool runs, say) be reserved in `budgets` too."""
    token = _shared.set((*_shared.get(), *budgets))
    try:
        yield
    finally:
        _shared.reset(token)


def find_budgets(own: Sequence[Budget]) -> Sequence[Budget]:
    """Return all budgets of a call: its `own`, those that are shared with it, and that of the process."""
    everywhere, shared = process_budget(), _shared.get()
    if everywhere is None and not shared:
        return own
    return [*own, *shared, *([] if everywhere is None else [everywhere])]


class _ProcessLimit:
    """The budget of the process: set by `limit_process`, else by the environment."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.given: Budget | None = None
        self.from_environment: Budget | None = None
        self.text: str | None = None


@cache
def _process_limit() -> _ProcessLimit:
    return _ProcessLimit()


def limit_process(max_cost_usd: float | Decimal | str | None, *, allows_unknown_prices: bool = False) -> Budget | None:
    """Limit what all further calls of this process may cost together, in USD; `None` takes the limit away.

    Wins over the environment variable ``TURNOUT_MAX_COST_USD``. What was spent before does not count.
    """
    limit = _process_limit()
    budget = None
    if max_cost_usd is not None:
        budget = Budget(max_cost_usd, name="process", allows_unknown_prices=allows_unknown_prices)
    with limit.lock:
        limit.given = budget
    return budget


def process_budget() -> Budget | None:
    """Return the budget of this process; `None` where neither `limit_process` nor the environment sets one.

    Another value of ``TURNOUT_MAX_COST_USD`` moves the limit and keeps what is spent.
    """
    text = get_variable(PROCESS_VARIABLE)
    limit = _process_limit()
    if limit.given is not None:
        return limit.given
    if not text:
        return None
    with limit.lock:
        if limit.from_environment is None or limit.text != text:
            try:
                maximum = read_limit(text)
            except InvalidInputError as error:
                raise InvalidInputError(f"{PROCESS_VARIABLE}: {error}") from None
            if limit.from_environment is None:
                limit.from_environment = Budget(maximum, name="process")
            limit.from_environment.max_cost_usd, limit.text = maximum, text
        return limit.from_environment


def _show(amount: Decimal) -> str:
    return f"${amount.normalize():f}"
