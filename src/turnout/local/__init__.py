"""The provider `local`: a model that runs on this machine, in a llama.cpp server of its own.

Needs the extra ``turnout[local]``. The id after ``local/`` is a model that turnout knows how to fetch
(``smollm2-135m-instruct``) or the path of any GGUF file (``local//path/to/model.gguf``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from turnout.local.endpoint import Endpoint
    from turnout.local.progress import Progress

__all__ = ["launch"]


async def launch(model: str, *, progress: Progress | None = None) -> Endpoint:
    """Return where `model` (the id without ``local/``) is served, after fetching and starting it if need be.

    One server runs for each model file and process; a running one is returned at once, a dead one replaced. It ends
    with this process. Cancelling the call ends a download or start under way. `progress` is told how a download goes;
    without it a bar is drawn on stderr.

    Raises `LocalModelError` where the model is unknown, cannot be fetched, verified or started.
    """
    from turnout.local.server import launch_server

    return await launch_server(model, progress=progress)
