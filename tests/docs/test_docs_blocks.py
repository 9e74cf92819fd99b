"""Every Python block of the documentation runs as it is written, and prints what it says."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import os
import tomllib
import types
from collections.abc import Iterable
from pathlib import Path

import pytest
from pages import DOCS, PROVIDER_PAGES, ROOT, WRITTEN, Block, name_of, read_blocks
from vendor_answers import find_reply

from provider import Provider
from turnout import catalog

SAMPLES = [DOCS / "providers" / f"{provider}.md" for provider in ("ovhcloud", "mistral", "groq")]
"""Generated pages are alike: these run, all others compile."""

OF_VENDORS = DOCS / "guide" / "provider-features.md"
"""The page that calls vendors at APIs of their own."""

OF_ONE = [path for path in WRITTEN if path != OF_VENDORS]
"""The pages that call providers of chat completions alone."""


def runnable(path: Path, *, is_local: bool) -> list[Block]:
    """Return the blocks that run: Python, and the `turnout.toml` that it is run with."""
    return [block for block in read_blocks(path) if block.language in {"python", "toml"} and block.is_local is is_local]


def compile_block(block: Block) -> types.CodeType:
    """Compile a block at its own line, so that a traceback names the page; `await` may stand at top level."""
    source = "\n" * block.line + block.text
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    return compile(source, name_of(block.path), "exec", flags=flags, dont_inherit=True)


def run_blocks(blocks: Iterable[Block]) -> None:
    """Run blocks one after another in one namespace; those with `await` in one event loop, others in none."""
    namespace: dict[str, object] = {"__name__": "__page__"}
    with asyncio.Runner() as runner:
        for block in blocks:
            if block.language == "toml":
                Path("turnout.toml").write_text(block.text, encoding="utf-8")
                catalog.current().expire()  # an edit shows within a second
                continue
            code = compile_block(block)
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                if code.co_flags & inspect.CO_COROUTINE:
                    runner.run(types.FunctionType(code, namespace)())
                else:
                    exec(code, namespace)
            if block.expected_output:
                tail = "" if printed.getvalue().endswith("\n") else "\n"
                assert printed.getvalue() + tail == block.expected_output, f"{name_of(block.path)}:{block.line}"


@pytest.fixture
def fresh_catalog(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterable[None]:
    """Look-ups without the user's refreshed catalog, and nothing that a page registers left behind."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    catalog.current.cache_clear()
    yield
    catalog.current.cache_clear()


def pages_with(paths: list[Path], *, is_local: bool) -> list[Path]:
    return [path for path in paths if runnable(path, is_local=is_local)]


@pytest.mark.usefixtures("fresh_catalog")
@pytest.mark.parametrize("path", pages_with([*OF_ONE, *SAMPLES], is_local=False), ids=name_of)
def test_every_python_block_runs_against_the_scripted_provider(path: Path, world: Provider) -> None:
    run_blocks(runnable(path, is_local=False))

    tasks = ("images/generations", "images/edits", "audio/speech", "audio/transcriptions", "rerank")
    paths = {("POST", f"/v1/{path}") for path in ("chat/completions", "embeddings", *tasks)}
    assert {(request.method, request.path) for request in world.requests} <= paths


@pytest.mark.usefixtures("fresh_catalog")
def test_every_block_on_vendors_runs_against_their_stand_ins(vendors: Provider) -> None:
    run_blocks(runnable(OF_VENDORS, is_local=False))

    others = {request.path for request in vendors.requests if find_reply(request.path) is None}
    assert others == {"/v1/chat/completions"}
    assert len({find_reply(request.path) for request in vendors.requests}) == 6


@pytest.mark.local_model
@pytest.mark.parametrize("path", pages_with(WRITTEN, is_local=True), ids=name_of)
def test_every_block_on_local_models_runs_for_real(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", os.environ.get("TURNOUT_TEST_CACHE") or str(ROOT / ".cache"))
    monkeypatch.setenv("TURNOUT_LOCAL_THREADS", "1")

    run_blocks(runnable(path, is_local=True))


def test_every_python_block_of_the_provider_pages_compiles() -> None:
    blocks = [block for path in PROVIDER_PAGES for block in read_blocks(path) if block.language == "python"]
    assert len(blocks) > len(PROVIDER_PAGES)
    for block in blocks:
        compile_block(block)


def test_every_toml_block_can_be_read() -> None:
    for path in WRITTEN:
        for block in read_blocks(path):
            if block.language == "toml":
                tomllib.loads(block.text)


@pytest.mark.usefixtures("fresh_catalog")
def test_the_readme_calls_a_model_in_every_form(world: Provider) -> None:
    run_blocks(runnable(ROOT / "README.md", is_local=False))

    bodies = [request.json for request in world.requests]
    assert any(body.get("stream") is True for body in bodies)
    assert any("stream" not in body for body in bodies)
    assert any(request.headers.get("x-custom-header") == "value" for request in world.requests)
    assert {body["model"] for body in bodies} >= {"gpt-oss-120b", "qwen3-coder-30b-a3b-instruct", "qwen3.5-9b"}


def test_the_output_of_a_block_is_compared(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nprint(1)\n#> 2\n```\n", encoding="utf-8")
    (block,) = read_blocks(page)

    with pytest.raises(AssertionError):
        run_blocks([block._replace(path=ROOT / "README.md")])
