"""Filtering and sorting models."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from turnout.catalog.types import Model, ModelKind
from turnout.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Sort: TypeAlias = Literal["id", "price", "context", "release_date"]
"""By id; cheapest, largest context or newest first. A model that lacks the fact comes last."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What a model must be; `None` asks for nothing. A fact that is unknown fits neither True nor False nor a bound."""

    tools: bool | None = None
    reasoning: bool | None = None
    structured_output: bool | None = None
    input: str | None = None
    output: str | None = None
    min_context: int | None = None
    max_input_price: Decimal | float | str | None = None
    max_output_price: Decimal | float | str | None = None
    retired: bool | None = None
    free: bool | None = None
    kind: ModelKind | None = None

    def select(self, models: Iterable[Model], sort: Sort = "id") -> list[Model]:
        """Return those of `models` that fit, sorted."""
        tests = [test for _, test in self.tests()]
        return sort_models([model for model in models if all(test(model) for test in tests)], sort)

    def tests(self) -> list[tuple[str, Callable[[Model], bool]]]:
        """Return each condition as it was asked for (``"tools=True"``) with its test.

        Raises `InvalidInputError` for a price that is no number.
        """
        makers: dict[str, Callable[[Any], Callable[[Model], bool]]] = {
            "tools": partial(_equals, "supports_tools"),
            "reasoning": partial(_equals, "supports_reasoning"),
            "structured_output": partial(_equals, "supports_structured_output"),
            "retired": partial(_equals, "is_retired"),
            "kind": partial(_equals, "kind"),
            "input": partial(_holds, "input_modalities"),
            "output": partial(_holds, "output_modalities"),
            "max_input_price": partial(_at_most, "input_price"),
            "max_output_price": partial(_at_most, "output_price"),
            "min_context": partial(_at_least, "context"),
            "free": lambda is_free: _is_free if is_free else _is_paid,
        }
        asked = {name: getattr(self, name) for name in makers}
        return [(f"{name}={wanted}", makers[name](wanted)) for name, wanted in asked.items() if wanted is not None]


def sort_models(models: Iterable[Model], sort: Sort) -> list[Model]:
    """Return `models` in the order of `sort`. Raises `InvalidInputError` for an unknown one."""
    if sort not in _SORT_KEYS:
        raise InvalidInputError(f"sort={sort!r} is not known: take one of {', '.join(_SORT_KEYS)}")
    return sorted(models, key=_SORT_KEYS[sort])


def _equals(field: str, wanted: object) -> Callable[[Model], bool]:
    return lambda model: getattr(model, field) == wanted


def _holds(field: str, wanted: str) -> Callable[[Model], bool]:
    return lambda model: wanted in getattr(model, field)


def _at_most(field: str, price: Decimal | float | str) -> Callable[[Model], bool]:
    try:
        bound = Decimal(str(price))
    except InvalidOperation:
        raise InvalidInputError(f"max_{field}={price!r} is no number: give USD per 1M tokens, such as 0.5") from None
    return lambda model: (value := getattr(model, field)) is not None and value <= bound


def _at_least(field: str, bound: int) -> Callable[[Model], bool]:
    return lambda model: (value := getattr(model, field)) is not None and value >= bound


def _is_free(model: Model) -> bool:
    return model.is_free


def _is_paid(model: Model) -> bool:
    return bool(model.input_price or model.output_price)


def _by_price(model: Model) -> tuple[Any, ...]:
    prices = (model.input_price, model.output_price)
    total = sum((price for price in prices if price is not None), Decimal(0))
    return (None in prices, total, model.id)


def _by_context(model: Model) -> tuple[Any, ...]:
    return (-(model.context or 0), model.id)


def _by_release(model: Model) -> tuple[Any, ...]:
    digits = (model.release_date or "").replace("-", "").ljust(8, "0")
    return (-int(digits) if digits.isdecimal() else 0, model.id)


def _by_id(model: Model) -> tuple[Any, ...]:
    return (model.id,)


_SORT_KEYS: dict[str, Callable[[Model], tuple[Any, ...]]] = {
    "id": _by_id,
    "price": _by_price,
    "context": _by_context,
    "release_date": _by_release,
}
