"""What the documentation names exists, and what exists is named."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import shlex

import pytest
from pages import DOCS, PROVIDER_PAGES, ROOT, SHELL, WRITTEN, Block, name_of, read_blocks

from turnout import catalog, errors
from turnout.agent.options import CallOptions
from turnout.catalog.store import read_packaged
from turnout.chunks import Chunk
from turnout.cli import COMMANDS
from turnout.requests import ModelSettings, Timeouts
from turnout.routing.model import ModelConfig

PACKAGE = ROOT / "src" / "turnout"
ARCHITECTURE = DOCS / "architecture.md"


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def modules() -> set[str]:
    """Return the names of all modules and packages, without ``turnout.``."""
    paths = [path.relative_to(PACKAGE).with_suffix("") for path in PACKAGE.rglob("*.py")]
    names = {".".join(path.parts).removesuffix(".__init__") for path in paths}
    return names - {"__init__", "__main__"}


def test_every_module_that_the_architecture_names_exists() -> None:
    known = modules()
    packages = {name.partition(".")[0] for name in known}
    named = re.findall(r"`([a-z_]+(?:\.[a-zA-Z_]+)+)`", ARCHITECTURE.read_text(encoding="utf-8"))
    inside = [name for name in named if name.partition(".")[0] in packages]

    assert len(inside) > 30
    missing = [name for name in inside if not is_module_or_member(name, known)]
    assert missing == []


def is_module_or_member(name: str, known: set[str]) -> bool:
    if name in known:
        return True
    home, _, member = name.rpartition(".")
    if home not in known:
        home, _, cls = home.rpartition(".")
        if home not in known:
            return False
        return hasattr(getattr(importlib.import_module(f"turnout.{home}"), cls, None), member)
    return hasattr(importlib.import_module(f"turnout.{home}"), member)


def test_every_package_and_module_of_the_top_floor_is_named_by_the_architecture() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8")
    missing = [name for name in sorted(modules()) if name.count(".") == 0 and f"`{name}`" not in text]
    assert missing == []


def test_every_module_of_a_package_is_named_by_the_architecture() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8")
    two = [name for name in sorted(modules()) if name.count(".") == 1]
    assert [name for name in two if f"`{name}`" not in text] == []


def test_every_folder_of_tests_is_named_by_the_architecture_and_exists() -> None:
    named = set(re.findall(r"`tests/(\w+)`", ARCHITECTURE.read_text(encoding="utf-8")))
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and list(path.glob("test_*.py"))}
    assert folders - named == set()
    assert [name for name in named if not (ROOT / "tests" / name).is_dir()] == []


def test_every_path_in_code_font_exists() -> None:
    roots = ("src/", "scripts/", "docs/", "tests/", "requirements/")
    for path in WRITTEN:
        for name in re.findall(r"`([\w./-]+)`", path.read_text(encoding="utf-8")):
            if name.startswith(roots) and "NNNN" not in name:
                assert (ROOT / name).exists(), f"{name_of(path)} names {name}"


def test_every_error_has_a_cure_on_its_page() -> None:
    names = {name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, Exception)}
    table = read("guide/errors.md").partition("## What to do")[2].partition("## Catching")[0]
    assert {name for name in names if f"`{name}`" not in table} == set()
    assert set(re.findall(r"`(\w+Error)`", read("guide/errors.md"))) - names - {"TypeError"} == set()


def test_every_code_of_a_warning_is_on_the_page_about_results() -> None:
    codes: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="Warning"), args=[ast.Constant(value=str() as code), *_]):
                    codes.add(code)
                case ast.Call(func=ast.Attribute(attr="_end"), args=[ast.Constant(value=str() as code), _]):
                    codes.add(code)  # a run that ends early: its finish reason is the code
                case ast.Call(func=ast.Attribute(attr="_warn"), args=[ast.Constant(value=str() as code), _]):
                    codes.add(code)  # a writer of messages
                case _:
                    pass
    rows = set(re.findall(r"^\| `(\w+)` \|", read("guide/results.md").partition("## Warnings")[2], re.MULTILINE))
    assert codes
    assert rows == codes


def test_every_chunk_is_on_the_page_about_streaming() -> None:
    types = {kind.type for kind in Chunk.__args__} - {"error"}  # raised, never yielded
    assert {name for name in types if f"`{name}`" not in read("guide/streaming.md")} == set()


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("guide/inputs-and-settings.md", ModelSettings.__struct_fields__),
        ("guide/models-and-routing.md", ModelConfig.__struct_fields__),
        ("guide/models-and-routing.md", tuple(CallOptions.__annotations__)),
        ("guide/streaming.md", Timeouts.__struct_fields__),
    ],
    ids=["settings", "config", "options", "timeouts"],
)
def test_every_option_is_on_its_page(page: str, names: tuple[str, ...]) -> None:
    text = read(page)
    assert [name for name in names if not re.search(rf"\b{name}\b", text)] == []


def test_the_numbers_of_the_readme_are_those_of_the_catalog() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    archive = read_packaged()
    callable_count = read("providers/index.md").count("| yes |")

    counts = f"{len(archive.provider_ids)} providers and {archive.model_count:,} models"
    assert counts in text
    assert counts in read("decisions/0007-catalog-file.md")
    assert f"{callable_count} of the providers can be called" in text


def test_every_provider_has_a_page_that_lists_its_models() -> None:
    archive = read_packaged()
    assert {path.stem for path in PROVIDER_PAGES} == {*archive.provider_ids, "index"}
    for provider_id in archive.provider_ids:
        text = read(f"providers/{provider_id}.md")
        missing = [model_id for model_id in archive.models(provider_id) if f"`{model_id}`" not in text]
        assert missing == []


def test_the_page_of_a_retired_model_names_its_successor() -> None:
    model = catalog.find("ovhcloud/deepseek-r1-distill-llama-70b")
    assert model is not None
    assert f"`{model.id}` (retired {model.retired}, use {model.successor}) | 131K |" in read("providers/ovhcloud.md")


def shell_lines() -> list[tuple[str, str]]:
    blocks: list[Block] = [block for path in [*WRITTEN, ROOT / "CONTRIBUTING.md"] for block in read_blocks(path)]
    return [
        (f"{name_of(block.path)}:{block.line}", line.removeprefix("$ "))
        for block in blocks
        if block.language in SHELL
        for line in block.text.splitlines()
    ]


def test_every_make_target_in_a_shell_block_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = [(place, match[1]) for place, line in shell_lines() if (match := re.match(r"make ([a-z-]+)", line))]
    assert len(named) >= 3
    assert [found for found in named if found[1] not in targets] == []


def test_every_turnout_command_in_a_shell_block_exists() -> None:
    help_text = read("guide/command-line.md").partition("## Every command")[2]
    sections = dict(re.findall(r"### turnout (\w+)\n\n```text\n(.*?)```", help_text, re.DOTALL))
    calls = [
        (place, match[1]) for place, line in shell_lines() if (match := re.search(r"(?:^|[|] )turnout (.*)", line))
    ]
    assert len(calls) >= 5
    for place, line in calls:
        command, *words = shlex.split(line, comments=True)
        assert command in COMMANDS, f"{place}: turnout {command}"
        options = [word for word in words if re.match(r"--?[a-z]", word)]
        assert [option for option in options if option not in sections[command]] == [], place
