"""The fields of a request that is no chat, for all wire formats of such: as JSON, or as a form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols import EncodedRequest
from turnout.protocols.json_values import check_value, write_body
from turnout.protocols.multipart import FormFile, encode_form
from turnout.requests import merge_deep, read_options
from turnout.responses import Warning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.requests import ModelRequest
    from turnout.routing.route import Route


class TaskFields:
    """The fields of one body, in their order. Those that the server refuses are left out, with a warning."""

    def __init__(self, route: Route, dropped: frozenset[str]) -> None:
        self._route = route
        self._refused = dropped.union(route.quirks.rejected_fields)
        self._values: dict[str, Any] = {"model": route.model}
        self._added: set[str] = set()
        self._translated: set[str] = set()
        self._warnings: list[Warning] = []

    def put(self, name: str, value: object) -> None:
        """Put in a field that no request goes without."""
        self._values[name] = value

    def put_added(self, name: str, value: object) -> None:
        """Put in a field of turnout's own choice; a server that refuses it gets the request without it."""
        if name not in self._refused:
            self._values[name] = value
            self._added.add(name)

    def put_setting(self, setting: str, value: object, name: str = "") -> None:
        """Put in a setting of the caller as the field `name`; `None` and an empty one were not given."""
        name = name or setting
        if value in (None, (), ""):
            return
        if name in self._refused:
            what = f"`{setting}` was left out, because the provider refuses its field `{name}`"
            self._warnings.append(Warning("dropped_setting", what))
            return
        self._values[name] = value
        if name != setting:
            self._translated.add(name)

    def encode_json(self, request: ModelRequest, accept: str = "application/json") -> EncodedRequest:
        """Return the fields as JSON, the provider options merged in last. Raises `InvalidInputError` with the place."""
        return self._finish(request, write_body(self.merge(request)), "application/json", accept)

    def encode_form(
        self, request: ModelRequest, files: Sequence[tuple[str, FormFile]], url: str | None = None
    ) -> EncodedRequest:
        """Return the fields as a form with `files`, the provider options merged in last."""
        body, content_type = encode_form(self.merge(request), files)
        return self._finish(request, body, content_type, "application/json", url)

    def merge(self, request: ModelRequest) -> dict[str, Any]:
        """Return the fields with the provider options of `request` merged in. Raises `InvalidInputError`."""
        options = read_options(request, self._route.provider)
        if options:
            check_value(options, f"provider_options[{self._route.provider!r}]")
        return merge_deep(self._values, options)

    def _finish(
        self, request: ModelRequest, body: bytes, content_type: str, accept: str, url: str | None = None
    ) -> EncodedRequest:
        chosen = read_options(request, self._route.provider).keys()
        return EncodedRequest(
            body=body,
            headers={"content-type": content_type, "accept": accept},
            added=frozenset(self._added - chosen),
            translated=frozenset(self._translated - chosen),
            warnings=tuple(self._warnings),
            url=url,
        )
