"""What a call is made of: the request, the candidates, the limits, and the runtime that calls share."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from turnout.fallback import Cooldowns
from turnout.requests import ModelRequest, ModelSettings, Timeouts, merge_deep, merge_settings
from turnout.routing.capabilities import Check
from turnout.routing.learned import Lessons
from turnout.routing.measured import Measured
from turnout.routing.model import Candidate
from turnout.transport.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from turnout.call.budget import Budget  # noqa: TC004 # fields of a Struct, never resolved
    from turnout.call.credentials import Credentials
    from turnout.call.media import FetchedMedia  # noqa: TC004
    from turnout.call.pacing import Pacer
    from turnout.hooks import Watch  # noqa: TC004
    from turnout.local.endpoint import Endpoint
    from turnout.transport.seam import Transport


class Runtime:
    """What calls share: the transport, the launcher of local models, and what the process has learned."""

    def __init__(self, transport: Transport, launch: Callable[[str], Awaitable[Endpoint]] | None = None) -> None:
        self.transport = transport
        self.launch = launch
        self.cooldowns = Cooldowns()
        self.lessons = Lessons()
        self.measured = Measured()
        self.resumed: dict[str, None] = {}  # the pending runs that went on, the oldest first
        self._lock = Lock()
        self._pacer: Pacer | None = None
        self._credentials: Credentials | None = None

    @property
    def credentials(self) -> Credentials:
        """What exchanges secrets for tokens; made when the first call asks for it."""
        if self._credentials is None:
            from turnout.call.credentials import Credentials

            with self._lock:
                self._credentials = self._credentials or Credentials()
        return self._credentials

    @property
    def pacer(self) -> Pacer:
        """What holds calls back for rate limits; made when the first call asks for it."""
        if self._pacer is None:
            from turnout.call.pacing import Pacer

            with self._lock:
                self._pacer = self._pacer or Pacer()
        return self._pacer


class Call(Struct, kw_only=True):
    """One model call: the request, and everything about how it is to be made.

    `settings` and `provider_options` of a candidate win over those of the request. `does_restart` lets a stream that
    breaks after its first chunk start again with the next candidate, with a `fallback` chunk in between. Each try is
    reserved in all of `budgets` before it is sent, and reported to the observers of `watch`. `does_pace` lets it wait
    until the provider's rate limit has room. `check` says what becomes of a request that the catalog says the model
    cannot take; `fetched` is what the run has fetched of the URLs in its messages.
    """

    request: ModelRequest
    candidates: tuple[Candidate, ...]
    api_key: str | None = None
    headers: dict[str, str] = {}
    timeouts: Timeouts = Timeouts()
    max_retries: int | None = None
    retry_policy: RetryPolicy = RetryPolicy()
    does_restart: bool = False
    budgets: tuple[Budget, ...] = ()
    watch: Watch | None = None
    does_pace: bool = False
    check: Check = "raise"
    fetched: FetchedMedia | None = None

    def __repr__(self) -> str:
        return f"Call({' or '.join(candidate.label for candidate in self.candidates)})"


_NO_SETTINGS = ModelSettings()


def merge_request(request: ModelRequest, candidate: Candidate) -> ModelRequest:
    """Return `request` with the candidate's own settings and provider options merged over it."""
    if candidate.settings == _NO_SETTINGS and not candidate.provider_options:
        return request
    return structs.replace(
        request,
        settings=merge_settings(request.settings, candidate.settings),
        provider_options=merge_deep(request.provider_options, candidate.provider_options),
    )


def choose_candidates(call: Call, runtime: Runtime) -> Call:
    """Return `call` with every selection replaced by its choices of now; a call without one comes back as it is.

    Raises the error of a selection that fits nothing, where it is the only candidate.
    """
    for candidate in call.candidates:
        if candidate.selection is not None:
            from turnout.routing.selection import expand  # here: most calls name their models

            return structs.replace(call, candidates=expand(call.candidates, runtime.measured))
    return call


def shares_key(candidate: Candidate, first: Candidate) -> bool:
    """Whether the key and the secret headers of a call, which are meant for its `first` candidate, are this one's too.

    Only catalog ids of one provider share them: a key must not go to another provider because the first one failed.
    """
    if candidate is first:
        return True
    ids = [item.model.partition("/")[0].lower() for item in (candidate, first) if isinstance(item.model, str)]
    return len(ids) == 2 and ids[0] == ids[1]
