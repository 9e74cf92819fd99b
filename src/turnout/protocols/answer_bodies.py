"""Bodies of a 2xx that are no answer: cut, a web page, or what another kind of server sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from msgspec import Struct

from turnout.errors import ResponseError
from turnout.protocols.error_bodies import is_web_page
from turnout.protocols.json_reading import UnreadableJSONError, quote, read_json

if TYPE_CHECKING:
    from turnout.routing.route import Route


class ExpectedBody(Struct, frozen=True):
    """What a wire format answers with: ``ExpectedBody("chat completion", "/chat/completions", "often in `/v1`")``.

    `kind` is what such a body is called, `path` what follows the base URL, `home` where that usually is.
    """

    kind: str
    path: str
    home: str = ""

    def read(self, body: bytes, route: Route) -> Any:
        """Return the JSON in `body`. Raises `ResponseError`; for a body that breaks off it is retryable."""
        try:
            return read_json(body)
        except UnreadableJSONError as error:
            if error.is_cut:
                what = "a body that breaks off" if body.strip() else "an empty body"
                raise refuse(what, body, route, "try again") from None
            self.raise_foreign(body, route)

    def raise_foreign(self, body: bytes, route: Route) -> NoReturn:
        """Raise the `ResponseError` for a body that some other kind of server sent."""
        what = "a web page" if is_web_page(quote(body, route.secrets)) else f"a body that is no {self.kind}"
        cure = f"check the base URL: it should end where `{self.path}` begins{f' ({self.home})' if self.home else ''}"
        raise refuse(what, body, route, cure, is_retryable=False)


def refuse(
    what: str, body: bytes, route: Route, cure: str = "try again, or name another model", *, is_retryable: bool = True
) -> ResponseError:
    """Return the error that says what was wrong with the `body` of a 2xx, and quotes its beginning.

    Whoever has the head of the answer adds which status it was.
    """
    error = ResponseError(f"the provider answered with {what}: {quote(body, route.secrets)!r}: {cure}", body=body)
    error.is_retryable = is_retryable
    return error
