"""The runtime that agents share: one transport for the process, made when the first call needs it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from turnout.call import Runtime
    from turnout.local import Endpoint
    from turnout.transport.seam import Transport


@cache
def default_runtime() -> Runtime:
    """Return the runtime of this process: an HTTP transport with a pool for each event loop, and the local launcher."""
    from turnout.transport.http import HTTPTransport

    return make_runtime(HTTPTransport())


def make_runtime(transport: Transport) -> Runtime:
    """Return a runtime of its own for calls over `transport`."""
    from turnout.call import Runtime

    return Runtime(transport, launch=_launch)


async def _launch(model: str) -> Endpoint:
    from turnout.local import launch

    return await launch(model)
