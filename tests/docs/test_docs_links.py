"""Links inside the documentation lead somewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages import DOCS, PROVIDER_PAGES, ROOT, WRITTEN, name_of, read_anchors, read_links

TOP_PAGES = [ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]


def find_dead_links(path: Path) -> list[str]:
    """Return the links of a page to files or headings that do not exist; other hosts are not asked."""
    dead: list[str] = []
    for link in read_links(path):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists() or (anchor and anchor not in read_anchors(target)):
            dead.append(link)
    return dead


@pytest.mark.parametrize("path", [*WRITTEN, *TOP_PAGES], ids=name_of)
def test_every_relative_link_has_its_target(path: Path) -> None:
    assert find_dead_links(path) == []


def test_every_relative_link_of_the_provider_pages_has_its_target() -> None:
    assert {path.name: dead for path in PROVIDER_PAGES if (dead := find_dead_links(path))} == {}


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A heading\n\n[a](#a-heading) [b](#another) [c](page.md) [d](none.md#x)\n", encoding="utf-8")

    assert find_dead_links(page) == ["#another", "none.md#x"]


def test_every_page_is_reached_from_the_table_of_contents() -> None:
    reached: set[Path] = set()
    waiting = [DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        links = [link.partition("#")[0] for link in read_links(page) if "://" not in link]
        waiting += [(page.parent / link).resolve() for link in links if link.endswith(".md")]

    assert set(DOCS.rglob("*.md")) - reached == set()
