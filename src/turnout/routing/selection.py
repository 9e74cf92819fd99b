"""A model chosen by its facts when it is called: ``select(provider="ovhcloud", tools=True, sort="price")``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast, get_args

from msgspec import Struct, structs

from turnout import catalog
from turnout.catalog.queries import Query, sort_models
from turnout.errors import InvalidInputError, InvalidModelError, MissingKeyError, UnknownProviderError
from turnout.routing.environment import list_variables
from turnout.routing.model import Candidate
from turnout.routing.reach import has_key, is_reachable, is_spoken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from decimal import Decimal

    from turnout.catalog.queries import Sort
    from turnout.catalog.store import View
    from turnout.catalog.types import Model, ModelKind, Provider  # noqa: TC004 # fields of a Struct, never resolved
    from turnout.routing.measured import Estimate, Measured  # noqa: TC004

SelectionSort = Literal["price", "context", "release_date", "latency", "throughput"]
"""Cheapest, largest context, newest, or (as measured in this process) quickest or most tokens a second first."""

_MEASURED = ("latency", "throughput")


class Match(Struct, frozen=True, kw_only=True):
    """A model that fits, and how fast it was here; `estimate` is `None` where it was not measured."""

    model: Model
    estimate: Estimate | None = None


class Exclusion(Struct, frozen=True, kw_only=True):
    """A model that does not fit, and the conditions that it fails, such as ``"tools=True"``."""

    model: Model
    conditions: tuple[str, ...]


class Ranking(Struct, frozen=True, kw_only=True):
    """What a selection comes to now: what fits, in the order in which it is tried, and what does not, nearest first.

    `without_key` are providers that were asked for and left out, because no key of theirs is set.
    """

    matches: list[Match]
    excluded: list[Exclusion]
    without_key: tuple[str, ...] = ()


class Selection:
    """Models chosen by their facts, made by `select`: the `model` of an agent, or an entry of a list of fallbacks.

    Nothing is looked up before a call. Then the matches are tried in order, `limit` of them at most. What was found is
    kept until the catalog or the set of usable providers changes; measurements are read at each call.
    """

    __slots__ = ("_cache", "limit", "providers", "query", "reachable", "sort")

    def __init__(
        self, query: Query, providers: tuple[str, ...] | None, sort: SelectionSort, limit: int, *, reachable: bool
    ) -> None:
        self.query = query
        self.providers = providers
        self.sort: SelectionSort = sort
        self.limit = limit
        self.reachable = reachable
        self._cache: tuple[View, tuple[str, ...], list[Model]] | None = None

    def __repr__(self) -> str:
        facts = structs.asdict(self.query)
        given = {"provider": "|".join(self.providers) if self.providers else None, **facts, "sort": self.sort}
        usual = {"retired": False, "kind": "chat"}
        told = [f"{name}={value}" for name, value in given.items() if value is not None and usual.get(name) != value]
        return f"select({', '.join(told)})"

    def as_candidate(self) -> Candidate:
        """Return the entry of a fallback list that stands for this selection until the call; see `expand`."""
        return Candidate(model=repr(self), selection=self)

    def choose(self, measured: Measured | None = None) -> tuple[Candidate, ...]:
        """Return the candidates to try now, best first. Raises `InvalidModelError` where no model fits.

        The error says how many each condition excluded, and names the model that is nearest. `MissingKeyError`: no
        key is set for any of the providers; `UnknownProviderError`: there is no such provider.
        """
        view = catalog.current().view()
        rows = self._find(view)
        if self.sort in _MEASURED and measured is not None and not measured.is_empty:
            rows = [match.model for match in self._order(rows, measured)]
        if not rows:
            raise self._explain(view)
        return tuple([Candidate(model=row.id) for row in rows[: self.limit]])

    def rank(self, measured: Measured | None = None) -> Ranking:
        """Return everything that `choose` goes by: all that fits in order, and what does not, with the reasons."""
        view = catalog.current().view()
        providers = self._list_providers(view)
        tests = _name_tests(self.query, view)
        excluded = [
            Exclusion(model=row, conditions=failed)
            for row in self._order_plainly(row for provider in providers for row in view.models(provider).values())
            if (failed := tuple([name for name, test in tests if not test(row)]))
        ]
        excluded.sort(key=lambda item: len(item.conditions))
        rows = self._find(view)
        matches = [Match(model=row) for row in rows] if measured is None else self._order(rows, measured)
        left_out = tuple(name for name in self.providers or () if name not in providers)
        return Ranking(matches=matches, excluded=excluded, without_key=left_out)

    def _find(self, view: View) -> list[Model]:
        """Return all models that fit, by what the catalog says: the order of unmeasured ones."""
        providers = self._list_providers(view)
        cache = self._cache
        if cache is not None and cache[0] is view and cache[1] == providers:
            return cache[2]
        tests = [test for _, test in _name_tests(self.query, view)]
        rows = [row for provider in providers for row in view.models(provider).values()]
        found = self._order_plainly(row for row in rows if all(test(row) for test in tests))
        self._cache = (view, providers, found)
        return found

    def _order_plainly(self, rows: Iterable[Model]) -> list[Model]:
        return sort_models(rows, "price" if self.sort in _MEASURED else cast("Sort", self.sort))

    def _order(self, rows: Sequence[Model], measured: Measured) -> list[Match]:
        """Return `rows` with their measurements; where the sort goes by these, measured models are first."""
        matches = [Match(model=row, estimate=measured.find(row.id)) for row in rows]
        if self.sort == "latency":
            matches.sort(key=_latency)
        elif self.sort == "throughput":
            matches.sort(key=_slowness)
        return matches

    def _list_providers(self, view: View) -> tuple[str, ...]:
        """Return the ids of the providers to look at: one that is named alone is taken with its key or without."""
        if self.providers is not None and (len(self.providers) == 1 or not self.reachable):
            return tuple([_find_provider(view, name).id for name in self.providers])
        if not self.reachable:
            return tuple(view.provider_ids)
        variables = list_variables()
        if self.providers is None:
            return tuple([row.id for row in view.every_provider() if is_reachable(row, variables)])
        rows = [_find_provider(view, name) for name in self.providers]
        usable = tuple([row.id for row in rows if has_key(row, variables)])
        if not usable:
            wanted = " or ".join(f"`{name}`" for row in rows for name in row.api_key_env[:1])
            raise MissingKeyError(f"`{self!r}` needs an API key: set {wanted}, or pass reachable=False")
        return usable

    def _explain(self, view: View) -> InvalidModelError:
        """Return the error for a selection that nothing fits."""
        excluded = self.rank().excluded
        if not excluded:
            where = "of a provider whose key is set" if self.providers is None else f"of {' and '.join(self.providers)}"
            return InvalidModelError(f"`{self!r}` finds nothing: the catalog lists no model {where}")
        counts: dict[str, int] = {}
        for item in excluded:
            for condition in item.conditions:
                counts[condition] = counts.get(condition, 0) + 1
        told = ", ".join(f"{name} excludes {count:,}" for name, count in sorted(counts.items(), key=lambda it: -it[1]))
        nearest = excluded[0]
        return InvalidModelError(
            f"`{self!r}` fits none of {len(excluded):,} models: {told}; the nearest is `{nearest.model.id}`,"
            f" which fails {' and '.join(nearest.conditions)}: ask for less, or add a provider"
        )


def select(
    *,
    provider: str | Sequence[str] | None = None,
    tools: bool | None = None,
    reasoning: bool | None = None,
    structured_output: bool | None = None,
    input: str | None = None,
    output: str | None = None,
    min_context: int | None = None,
    max_input_price: Decimal | float | str | None = None,
    max_output_price: Decimal | float | str | None = None,
    retired: bool | None = False,
    free: bool | None = None,
    kind: ModelKind = "chat",
    sort: SelectionSort = "price",
    limit: int = 5,
    reachable: bool = True,
) -> Selection:
    """Return a model that is chosen from the catalog when it is called: ``Agent(model=select(provider="ovhcloud"))``.

    The filters are those of `catalog.models`; a fact that is unknown fits none. `provider` is an id, a list of them, or
    `None` for all that can be called: their key is set, or they are hosts that ask for none (never the embedded model
    or another server on this machine, unless it is named). Of a list, providers without a key are left out;
    `reachable=False` keeps them, and all. Retired models are left out unless `retired` is `None` or `True`.

    `sort`: ``"price"`` (input and output added, cheapest first), ``"context"``, ``"release_date"``, or ``"latency"``
    and ``"throughput"`` as measured in this process: measured models come first, all others follow by price, so the
    cheapest is tried where nothing is measured yet. The first of `limit` matches is called, the others are its
    fallbacks. Raises `InvalidInputError` for arguments that cannot be read.
    """
    if sort not in get_args(SelectionSort):
        raise InvalidInputError(f"sort={sort!r} is not known: take one of {', '.join(get_args(SelectionSort))}")
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidInputError(f"limit={limit!r}: give a whole number of 1 or more")
    names = (provider,) if isinstance(provider, str) else None if provider is None else tuple(provider)
    if names is not None and (not names or not all(isinstance(name, str) and name for name in names)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidInputError("provider= names nobody: give the id of a provider, a list of them, or None for all")
    query = Query(
        tools=tools, reasoning=reasoning, structured_output=structured_output, input=input, output=output,
        min_context=min_context, max_input_price=max_input_price, max_output_price=max_output_price,
        retired=retired, free=free, kind=kind,
    )  # fmt: skip
    query.tests()  # a price that is no number is told here
    return Selection(query, names, sort, limit, reachable=reachable)


def expand(candidates: tuple[Candidate, ...], measured: Measured | None = None) -> tuple[Candidate, ...]:
    """Return `candidates` with each selection replaced by its choices, which keep the settings of its entry.

    A selection that fits nothing stays where there are others, and fails in its turn; alone, its error is raised.
    """
    for candidate in candidates:
        if candidate.selection is not None:
            break
    else:
        return candidates
    expanded: list[Candidate] = []
    for candidate in candidates:
        if candidate.selection is None:
            expanded.append(candidate)
            continue
        try:
            chosen = cast("Selection", candidate.selection).choose(measured)
        except (InvalidModelError, MissingKeyError, UnknownProviderError):
            if len(candidates) == 1:
                raise
            expanded.append(candidate)
            continue
        expanded += [structs.replace(candidate, model=item.model, selection=None) for item in chosen]
    return tuple(expanded)


def _name_tests(query: Query, view: View) -> list[tuple[str, Callable[[Model], bool]]]:
    """Return the conditions with their names; to those of the query, that turnout can call the model is added."""

    def speaks(model: Model) -> bool:
        provider = view.provider(model.provider)
        return provider is not None and is_spoken(model, provider)

    return [*query.tests(), ("wire format", speaks)]


def _find_provider(view: View, name: str) -> Provider:
    provider = view.provider(name.lower())
    if provider is None:
        near = " or ".join(f"`{found}`" for found in catalog.suggest(name) if "/" not in found)
        question = f"did you mean {near}?" if near else "`turnout models` lists them"
        raise UnknownProviderError(f"no provider is called `{name}`: {question}", provider=name)
    return provider


def _latency(match: Match) -> float:
    seconds = match.estimate.latency_s if match.estimate else None
    return float("inf") if seconds is None else seconds


def _slowness(match: Match) -> float:
    rate = match.estimate.tokens_per_s if match.estimate else None
    return float("inf") if rate is None else -rate
