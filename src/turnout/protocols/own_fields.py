"""What one wire format puts beside a request, message or part: kept so that it goes out on it and on no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from turnout.requests import merge_options
from turnout.routing.route import find_provider_name

if TYPE_CHECKING:
    from turnout.requests import OptionsHolder


class OwnFields(Struct, frozen=True):
    """The fields that only `wire` has, in `provider_options`: ``OwnFields("gemini").keep(fields, route.maker)``.

    Under the name of the wire stands what holds whoever speaks it (clients of the wire say such things), under
    ``"wire@maker"`` what that maker said, which goes back to it alone.
    """

    wire: str

    def keep(self, fields: dict[str, Any], maker: str | None = None) -> dict[str, dict[str, Any]]:
        """Return the `provider_options` that hold `fields`: for `maker`, or for whoever speaks this wire."""
        return {self._key(maker) if maker else self.wire: fields} if fields else {}

    def read_kept(self, holder: OptionsHolder, maker: str) -> dict[str, Any]:
        """Return the fields that `keep` put beside `holder`, as far as they may go to `maker`."""
        return merge_options(holder, self.wire, self._key(maker))

    def read(self, holder: OptionsHolder, maker: str) -> dict[str, Any]:
        """Return these, and what the caller says to the provider or to all; the more telling key wins."""
        return merge_options(holder, "*", self.wire, self._key(maker), find_provider_name(maker))

    def _key(self, maker: str) -> str:
        return f"{self.wire}@{maker}"
