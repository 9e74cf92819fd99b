"""Real calls recorded to a file, without secrets, and played back from it: transports for `Agent(transport=…)`."""

from __future__ import annotations

import difflib
from collections import deque
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Literal

import msgspec

from turnout.errors import APIConnectionError, ConfigurationError
from turnout.routing.route import is_secret_header
from turnout.testing.tape import Taped, read_tape, taped_request, write_answer
from turnout.transport.seam import Headers

if TYPE_CHECKING:
    from turnout.errors import TimeoutKind
    from turnout.testing.tape import TapedAnswer, TapedRequest
    from turnout.transport.seam import HTTPRequest, HTTPResponse, Transport

Mode = Literal["auto", "record", "replay"]
"""What a cassette does: play what it knows and record what is new, record everything anew, or only play."""

_SHOWN_LINES = 40


class RecordingError(ConfigurationError):
    """A recording cannot be read or written, or holds no answer to a request."""


class Recorder:
    """Sends over `transport` and keeps every exchange in a file: ``Agent(transport=Recorder("calls.jsonl"))``.

    A line of JSON is added for each answer when it has been read (or was left: then it says so). Request headers, and
    answer headers that may hold a secret, are left out; keys are replaced in URLs and bodies, also where a provider
    repeats them. The pieces of a stream are kept as they came. `transport` is the HTTP client where it is not given.
    Raises `RecordingError` from the call whose exchange cannot be written. A connection that failed is not recorded.
    """

    def __init__(self, path: str | Path, transport: Transport | None = None) -> None:
        self.path = Path(path)
        self._transport = transport
        self._lock = Lock()

    @property
    def secret_transport(self) -> Transport:
        """The transport below, for what is all secrets and belongs into no file: tokens that a key is exchanged for."""
        if self._transport is None:
            from turnout.transport.http import HTTPTransport

            self._transport = HTTPTransport()
        return self._transport

    async def send(self, request: HTTPRequest) -> HTTPResponse:
        """Send `request`, and keep the answer as it is read (it is a `transport.seam.Transport`)."""
        http = await self.secret_transport.send(request)
        return _RecordedResponse(http, request, self)

    def keep(self, request: HTTPRequest, http: HTTPResponse, pieces: list[bytes], *, is_whole: bool) -> None:
        """Add one exchange to the file."""
        secrets = find_secrets(request)
        answer = write_answer(http.status, http.headers, pieces, secrets, is_whole=is_whole)
        line = msgspec.json.encode(Taped(request=taped_request(request, secrets), answer=answer))
        try:
            with self._lock:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                _append_line(self.path, line)
        except OSError as error:
            raise RecordingError(
                f"{self.path} cannot be written ({error.strerror}): make room, or record elsewhere"
            ) from error


class _RecordedResponse:
    """An answer that is kept piece by piece while it is read."""

    def __init__(self, http: HTTPResponse, request: HTTPRequest, recorder: Recorder) -> None:
        self._http = http
        self._request = request
        self._recorder = recorder
        self._pieces: list[bytes] = []
        self._is_kept = False
        self.status = http.status
        self.headers = http.headers
        self.queued_s = http.queued_s

    async def receive(self, timeout_s: float | None = None, kind: TimeoutKind = "idle") -> bytes:
        piece = await self._http.receive(timeout_s, kind)
        if piece:
            self._pieces.append(piece)
        else:
            self._keep(is_whole=True)
        return piece

    async def read(self, timeout_s: float | None = None, kind: TimeoutKind = "total") -> bytes:
        body = await self._http.read(timeout_s, kind)
        if body:
            self._pieces.append(body)
        self._keep(is_whole=True)
        return body

    def close(self) -> None:
        self._http.close()
        self._keep(is_whole=False)

    def _keep(self, *, is_whole: bool) -> None:
        if not self._is_kept:
            self._is_kept = True
            self._recorder.keep(self._request, self._http, self._pieces, is_whole=is_whole)


class Replayer:
    """Answers from the file of a `Recorder`, and reaches no network: ``Agent(transport=Replayer("calls.jsonl"))``.

    An exchange is found by method, URL and body (JSON is compared by its values, not its spelling; keys are equal). Of
    several answers to the same request the first comes first. Raises `RecordingError` for a request that was not
    recorded, with its difference from the nearest one that was, and for a file that is missing or damaged.
    """

    is_offline = True  # what is fetched for a message (`transport.fetch`) is on the tape as well: no name is looked up

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._waiting: dict[str, deque[TapedAnswer]] = {}
        self._known: dict[str, int] = {}
        self._requests: list[TapedRequest] = []
        self._lock = Lock()
        for taped in _read(self.path):
            key = taped.request.key()
            self._waiting.setdefault(key, deque()).append(taped.answer)
            self._known[key] = self._known.get(key, 0) + 1
            self._requests.append(taped.request)

    async def send(self, request: HTTPRequest) -> HTTPResponse:
        """Return the recorded answer to `request` (it is a `transport.seam.Transport`)."""
        answer = self.find(request)
        if answer is None:
            raise RecordingError(self._explain(taped_request(request, find_secrets(request))))
        return _ReplayedResponse(answer)

    def find(self, request: HTTPRequest) -> TapedAnswer | None:
        """Take the next recorded answer to `request`; `None` where there is none left."""
        with self._lock:
            waiting = self._find_waiting(request)
            return waiting.popleft() if waiting else None

    def knows(self, request: HTTPRequest) -> bool:
        """Whether `request` is answered from here: every one is, if only by an error."""
        return True

    def has(self, request: HTTPRequest) -> bool:
        """Whether an answer to `request` is left."""
        with self._lock:
            return bool(self._find_waiting(request))

    def _find_waiting(self, request: HTTPRequest) -> deque[TapedAnswer] | None:
        """Return the answers that are left; one without a token may have been recorded where its token sent it."""
        secrets = find_secrets(request)
        asked = taped_request(request, secrets)
        if (waiting := self._waiting.get(asked.key())) or secrets:
            return waiting
        moved = (self._waiting[known.key()] for known in self._requests if asked.is_moved(known))
        return next((waiting for waiting in moved if waiting), None)

    def _explain(self, asked: TapedRequest) -> str:
        cure = "record it with cassette(…, mode='auto') or a Recorder"
        count = self._known.get(asked.key())
        if count:
            times = "once" if count == 1 else f"{count} times"
            return f"{self.path} has this request {times}, and it is made once more: {cure}"
        if not self._requests:
            return f"{self.path} has no calls: {cure}"
        mine = asked.lines()
        near = max(self._requests, key=lambda known: _likeness(known.lines(), mine))
        difference = list(difflib.unified_diff(near.lines(), mine, "recorded", "asked", lineterm="", n=1))
        shown = "\n".join(difference[:_SHOWN_LINES])
        return f"{self.path} has no such request: {cure}; the nearest one differs in:\n{shown}"


class _ReplayedResponse:
    """A recorded answer that is read again."""

    queued_s = 0.0

    def __init__(self, answer: TapedAnswer) -> None:
        self.status = answer.status
        self.headers = Headers(answer.headers)
        self._pieces = deque(answer.pieces())
        self._is_whole = answer.is_whole
        self._is_closed = False

    async def receive(self, timeout_s: float | None = None, kind: TimeoutKind = "idle") -> bytes:
        if self._is_closed:
            raise APIConnectionError("the answer was closed before its end: read it whole")
        if self._pieces:
            return self._pieces.popleft()
        if not self._is_whole:
            raise APIConnectionError("the recording ends here, as its reader left: record the call again")
        return b""

    async def read(self, timeout_s: float | None = None, kind: TimeoutKind = "total") -> bytes:
        body = b""
        while piece := await self.receive(timeout_s, kind):
            body += piece
        return body

    def close(self) -> None:
        self._is_closed = True


class _Cassette:
    """Plays what the file knows, and records what it does not."""

    def __init__(self, replayer: Replayer, recorder: Recorder) -> None:
        self._replayer = replayer
        self._recorder = recorder
        self.secret_transport = recorder.secret_transport

    def knows(self, request: HTTPRequest) -> bool:
        return self._replayer.has(request)

    async def send(self, request: HTTPRequest) -> HTTPResponse:
        answer = self._replayer.find(request)
        return await self._recorder.send(request) if answer is None else _ReplayedResponse(answer)


def cassette(path: str | Path, mode: Mode = "auto", transport: Transport | None = None) -> Transport:
    """Return a transport over the file `path`: ``Agent(model=…, transport=cassette("calls.jsonl"))``.

    ``"auto"`` plays what the file knows and records what is new over `transport` (the HTTP client where it is not
    given), ``"replay"`` only plays (a `Replayer`), ``"record"`` empties the file and records (a `Recorder`). Raises
    `RecordingError` for a file that cannot be read or written.
    """
    place = Path(path)
    if mode == "replay":
        return Replayer(place)
    if mode == "record":
        try:
            place.unlink(missing_ok=True)
        except OSError as error:
            raise RecordingError(f"{place} cannot be emptied ({error.strerror}): record elsewhere") from error
        return Recorder(place, transport)
    if mode != "auto":
        raise RecordingError(f"mode={mode!r}: give 'auto', 'record' or 'replay'")
    if not place.exists():
        return Recorder(place, transport)
    return _Cassette(Replayer(place), Recorder(place, transport))


def find_secrets(request: HTTPRequest) -> list[str]:
    """Return what in `request` must not be shown: the values of headers that carry keys."""
    return [value.split(" ")[-1] for name, value in request.headers.items() if is_secret_header(name)]


def _append_line(path: Path, line: bytes) -> None:
    with path.open("ab+") as file:
        if file.tell():
            file.seek(-1, 2)
            if file.read(1) != b"\n":  # the last writer was killed in the middle of a line
                line = b"\n" + line
        file.write(line + b"\n")


def _read(path: Path) -> list[Taped]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecordingError(f"{path} cannot be read ({error.strerror}): record the calls first") from error
    try:
        return read_tape(data)
    except ValueError as error:
        raise RecordingError(f"{path} is damaged ({error}): record the calls again") from error


def _likeness(known: list[str], mine: list[str]) -> float:
    return difflib.SequenceMatcher(None, known, mine).quick_ratio()
