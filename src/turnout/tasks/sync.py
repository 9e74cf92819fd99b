"""The sync twins of the calls of tasks, each with the arguments of its own."""

from __future__ import annotations

from functools import update_wrapper
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_P = ParamSpec("_P")
_T = TypeVar("_T")


def make_sync(call: Callable[_P, Coroutine[Any, Any, _T]]) -> Callable[_P, _T]:
    """Return the sync twin of `call`, named ``…_sync``; works in scripts, threads and beside a running event loop."""

    def run(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        from turnout.agent.threads import find_loop  # here: the import of a task loads no wire

        return find_loop().run(call(*args, **kwargs))

    update_wrapper(run, call)
    run.__name__ = run.__qualname__ = f"{call.__name__}_sync"
    run.__doc__ = f"Do as `{call.__name__}`, from sync code; works in scripts, threads and beside a running event loop."
    return run
