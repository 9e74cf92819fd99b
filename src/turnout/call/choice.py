"""The candidates of a call, where some of them are chosen by their facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

if TYPE_CHECKING:
    from turnout.call.spec import Call, Runtime


def choose_candidates(call: Call, runtime: Runtime) -> Call:
    """Return `call` with every selection replaced by its choices of now; a call without one comes back as it is.

    Raises the error of a selection that fits nothing, where it is the only candidate.
    """
    for candidate in call.candidates:
        if candidate.selection is not None:
            from turnout.routing.selection import expand  # here: most calls name their models

            return structs.replace(call, candidates=expand(call.candidates, runtime.measured))
    return call
