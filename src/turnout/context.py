"""The request context: what a program tells about one request, for functions that choose models or instructions."""

from __future__ import annotations

from typing import Any


class RequestContext(dict[str, Any]):
    """Facts about one request, readable as ``context["task"]``, ``context.get("task")`` and ``context.task``.

    An attribute that the context lacks reads as `None`, so that a selection function also works where no context was
    given; ``context["task"]`` raises `KeyError`. A key that is also the name of a dict method (``items``, ``get`` …)
    is reached by item only. `repr` shows the keys, not the values.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # protocols such as copy and pickle probe for these
            raise AttributeError(name)
        return self.get(name)

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __repr__(self) -> str:
        return f"RequestContext({', '.join(map(str, self))})"
