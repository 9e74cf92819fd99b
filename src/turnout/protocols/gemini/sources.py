"""What an answer rests on: search results, pages that were read, texts that were repeated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.protocols.json_reading import is_array, is_object, objects

if TYPE_CHECKING:
    from collections.abc import Mapping

_RECORDS = ("groundingMetadata", "urlContextMetadata")


class Sources:
    """The metadata of one candidate; in a stream, the last that says anything counts."""

    __slots__ = ("_citations", "records")

    def __init__(self) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        """`groundingMetadata` and `urlContextMetadata`, as they came."""
        self._citations: list[dict[str, Any]] = []

    def add(self, candidate: Mapping[str, Any]) -> None:
        """Take in what one event says of its sources."""
        for name in _RECORDS:
            record = candidate.get(name)
            if is_object(record) and record:
                self.records[name] = record
        cited = candidate.get("citationMetadata")
        if is_object(cited):  # `citations` is Vertex AI's name
            self._citations = (
                objects(cited.get("citationSources")) or objects(cited.get("citations")) or self._citations
            )

    def count_uses(self) -> dict[str, int]:
        """Return how often Google's search and maps were asked, which costs by the request or by the query."""
        grounding = self.records.get("groundingMetadata", {})
        maps = any("maps" in chunk for chunk in objects(grounding.get("groundingChunks")))
        searches = len(_array(grounding.get("webSearchQueries"))) + len(_array(grounding.get("imageSearchQueries")))
        return {"googleSearch": searches, "googleMaps": int(maps)}

    def read_citations(self) -> list[dict[str, Any]]:
        """Return the citations of the answer's text.

        Each is a `groundingSupports` entry with the chunks that its indices name beside them, in `groundingChunks`; or
        chunks that no entry names; or an entry of `citationMetadata`.
        """
        grounding = self.records.get("groundingMetadata", {})
        chunks = _array(grounding.get("groundingChunks"))
        named: set[int] = set()
        found: list[dict[str, Any]] = []
        for support in objects(grounding.get("groundingSupports")):
            places = [place for place in _array(support.get("groundingChunkIndices")) if _is_place(place, chunks)]
            named.update(places)
            found.append({**support, "groundingChunks": [chunks[place] for place in places]})
        found += [{"groundingChunks": [chunk]} for place, chunk in enumerate(chunks) if place not in named]
        return found + self._citations


def _array(value: object) -> list[Any]:
    return value if is_array(value) else []


def _is_place(index: object, chunks: list[Any]) -> bool:
    return isinstance(index, int) and 0 <= index < len(chunks)
