"""What parts of a request point to, fetched and put in place for providers that take no URLs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from msgspec import structs

from turnout.errors import InvalidInputError, TurnoutError
from turnout.media import read_media_limits
from turnout.messages import File, Media, Message

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from turnout.media import MediaLimits
    from turnout.messages import Part
    from turnout.requests import ModelRequest
    from turnout.routing.route import Route
    from turnout.transport.fetch import Fetched
    from turnout.transport.seam import Transport

_AT_ONCE = 4
_OWN_SCHEMES = {"bedrock_converse": "s3://"}
"""The only URLs that a wire format has a field for, where it takes no others."""

_MORE_SCHEMES = {"bedrock_converse": ("s3://",), "gemini": ("gs://",), "vertex_gemini": ("gs://",)}
"""What beside http and https a wire format's own servers read: the storage of their cloud."""


class FetchedMedia:
    """What one run has fetched, by URL: every step, try and candidate of it shares one, so that a URL is fetched once.

    A failure is kept as well: it is raised again for the next candidate that needs the URL.
    """

    __slots__ = ("_found", "_size", "limits")

    def __init__(self, limits: MediaLimits | Mapping[str, Any] | None = None) -> None:
        self.limits = read_media_limits(limits)
        self._found: dict[str, Fetched | TurnoutError] = {}
        self._size = 0

    async def load(self, urls: Sequence[str], transport: Transport) -> None:
        """Fetch those of `urls` that were not fetched before, four at a time; `find` tells how each one went."""
        new = [url for url in dict.fromkeys(urls) if url not in self._found]
        room = asyncio.Semaphore(_AT_ONCE)
        tasks = [asyncio.create_task(self._load_one(url, transport, room)) for url in new]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)  # nothing is under way when the call is over

    def find(self, url: str) -> Fetched:
        """Return what `url`, which was loaded, points to. Raises the error of its failure."""
        found = self._found[url]
        if isinstance(found, TurnoutError):
            raise found
        return found

    async def _load_one(self, url: str, transport: Transport, room: asyncio.Semaphore) -> None:
        from turnout.transport.fetch import fetch  # here: few calls fetch anything

        async with room:
            left = self.limits.max_total_bytes - self._size
            if left <= 0:
                most = f"{self.limits.max_total_bytes:,} bytes"
                self._found[url] = InvalidInputError(
                    f"the URLs of the messages hold over {most}: send fewer, or raise `max_total_bytes` in media="
                )
                return
            try:
                found = await fetch(url, transport, self.limits)
            except TurnoutError as error:
                self._found[url] = error.with_traceback(None)
            else:
                self._found[url] = found
                self._size += len(found.data)


async def inline_media(
    request: ModelRequest, route: Route, transport: Transport, fetched: FetchedMedia
) -> ModelRequest:
    """Return `request` with the bytes in the place of every URL that the provider of `route` does not take.

    The request itself where there is none. Raises `InvalidInputError`, which names the part and the URL, for what
    cannot be fetched.
    """
    remote = [
        (index, at, part)
        for index, message in enumerate(request.messages)
        if message.role != "assistant"  # its media are not sent back
        for at, part in enumerate(message.content)
        if isinstance(part, Media) and part.is_remote
    ]
    for index, at, part in remote:
        _check_scheme(part, f"messages[{index}].content[{at}]", route)
    wanted = [found for found in remote if not _takes_url(found[2], route)]
    if not wanted:
        return request
    await fetched.load([part.url or "" for _, _, part in wanted], transport)
    places: dict[int, dict[int, Part]] = {}
    for index, at, part in wanted:
        try:
            found = fetched.find(part.url or "")
        except TurnoutError as error:
            where = f"messages[{index}].content[{at}]"
            raise InvalidInputError(
                f"{where}: `{route.provider}` takes no {_kind(part)} by URL, and {error.message}", url=error.url
            ) from error
        places.setdefault(index, {})[at] = _place(part, found)
    messages = [_replace(message, places.get(index)) for index, message in enumerate(request.messages)]
    return structs.replace(request, messages=messages)


def _check_scheme(part: Media, where: str, route: Route) -> None:
    """Refuse a URL that names no file of the web: what a server makes of ``file:`` is its own affair."""
    url = part.url or ""
    own = _MORE_SCHEMES.get(route.protocol, ())
    if url[:8].lower().startswith(("http://", "https://")) or url.startswith(own):
        return
    name = type(part).__name__
    shown = url.partition(":")[0][:20] + ":" if ":" in url else "no scheme"
    raise InvalidInputError(
        f"{where}: the URL of the {name} has {shown}; give http, https or data: for a file of this machine"
        f" `{name}(path=…)`, for bytes `{name}(data=…)`"
    )


def _takes_url(part: Media, route: Route) -> bool:
    scheme = _OWN_SCHEMES.get(route.protocol)
    if scheme is not None:
        return (part.url or "").startswith(scheme)
    taken = route.quirks.takes_media_urls
    return _kind(part) in taken or ("pdf" in taken and isinstance(part, File) and _is_pdf(part))


def _is_pdf(part: File) -> bool:
    if part.media_type is not None:
        return part.media_type == "application/pdf"
    return (part.url or "").partition("#")[0].partition("?")[0].lower().endswith(".pdf")


def _kind(part: Media) -> str:
    return type(part).__name__.lower()


def _place(part: Media, found: Fetched) -> Part:
    changes = {"url": None, "data": found.data, "media_type": part.media_type or found.media_type}
    if isinstance(part, File) and part.name is None:
        name = (part.url or "").partition("#")[0].partition("?")[0].rpartition("/")[2]
        changes["name"] = name or None
    return structs.replace(part, **changes)  # pyright: ignore[reportReturnType] - a part of its own kind


def _replace(message: Message, parts: dict[int, Part] | None) -> Message:
    if not parts:
        return message
    return structs.replace(message, content=[parts.get(at, part) for at, part in enumerate(message.content)])


def name_largest(request: ModelRequest) -> str:
    """Return the place, kind and size of the largest media in `request`, for an error; nothing where there is none."""
    largest = max(
        (
            (size, f"messages[{index}].content[{at}]", part)
            for index, message in enumerate(request.messages)
            for at, part in enumerate(message.content)
            if isinstance(part, Media) and (size := len(part.data or b"") * 4 // 3 or _inline_size(part))
        ),
        key=lambda found: found[0],
        default=None,
    )
    if largest is None:
        return ""
    size, where, part = largest
    return f"the {type(part).__name__} of {where} alone is {size:,} bytes as base64"


def _inline_size(part: Media) -> int:
    return 0 if part.url is None or part.is_remote else len(part.url)
