"""The pages of the documentation, and what is in them: code blocks, links and headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PROVIDER_PAGES = sorted((DOCS / "providers").glob("*.md"))
WRITTEN = sorted(path for path in [ROOT / "README.md", *DOCS.rglob("*.md")] if path not in set(PROVIDER_PAGES))
"""Every page that is not a provider's."""

SHELL = {"bash", "sh", "console", "shell"}

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^(?P=indent)```\s*$", re.DOTALL | re.MULTILINE
)
_LINK = re.compile(r"(?<!!)\[[^\]\n]+\]\(([^)\s]+)\)")


class Block(NamedTuple):
    """One fenced block: where it begins, its language and its text."""

    path: Path
    line: int
    language: str
    text: str

    @property
    def is_local(self) -> bool:
        """Whether it runs the embedded model."""
        return "local/" in self.text

    @property
    def expected_output(self) -> str:
        """What the block says that it prints: its lines that begin with ``#>``."""
        return "".join(f"{line[3:]}\n" for line in self.text.splitlines() if line.startswith("#> "))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def read_blocks(path: Path) -> Iterator[Block]:
    text = path.read_text(encoding="utf-8")
    for match in _FENCE.finditer(text):
        yield Block(path, text.count("\n", 0, match.start()) + 1, match["language"], match["text"])


def read_prose(path: Path) -> str:
    """Return the page without its fenced blocks and code spans."""
    return re.sub(r"`[^`\n]*`", "", _FENCE.sub("", path.read_text(encoding="utf-8")))


def read_links(path: Path) -> list[str]:
    text = _FENCE.sub("", path.read_text(encoding="utf-8"))
    return _LINK.findall(text)


def read_anchors(path: Path) -> set[str]:
    """Return the anchors that GitHub makes of the headings."""
    text = _FENCE.sub("", path.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ +(.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
