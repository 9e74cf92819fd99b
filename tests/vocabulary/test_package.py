"""The package as its user imports it: names, laziness, and what an import loads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import turnout

HTTP_CLI_AND_DATA = (
    "asyncio",
    "ssl",
    "socket",
    "httptools",
    "typer",
    "rich",
    "dotenv",
    "difflib",
    "urllib.request",
    "xllamacpp",
)


def modules_after(code: str) -> set[str]:
    """Return the modules that a bare Python loads for `code`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    shown = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"],
        env=environment, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return set(shown.split("\n"))


def test_all_names_are_there_and_documented() -> None:
    assert len(turnout.__all__) <= 40
    assert list(turnout.__all__) == sorted(turnout.__all__)
    for name in turnout.__all__:
        value = getattr(turnout, name)
        assert getattr(value, "__doc__", None), name
    assert set(dir(turnout)) == set(turnout.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Agnet'"):
        turnout.Agnet  # noqa: B018


def test_import_turnout_loads_nothing_of_its_own_but_itself() -> None:
    loaded = {name for name in modules_after("import turnout") if name.startswith("turnout")}
    assert loaded == {"turnout"}


def test_import_agent_loads_no_http_no_cli_and_no_catalog_data() -> None:
    loaded = modules_after("from turnout import Agent")
    assert not loaded & set(HTTP_CLI_AND_DATA)
    assert sorted(name for name in loaded if name.startswith("turnout")) == AGENT_MODULES


AGENT_MODULES = [
    "turnout",
    "turnout.agent",
    "turnout.agent.agent",
    "turnout.agent.inputs",
    "turnout.agent.options",
    "turnout.context",
    "turnout.errors",
    "turnout.messages",
    "turnout.requests",
    "turnout.routing",
    "turnout.routing.model",
]


def test_importing_opens_no_catalog_and_makes_no_thread() -> None:
    code = (
        "import sys, threading\nopened = []\n"
        "sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == 'open' else None)\n"
        "from turnout import Agent, catalog, routing\nAgent(model='ovhcloud/gpt-oss-120b')\n"
        "assert not [name for name in opened if 'catalog.bin' in name or name.endswith(('.env', '.toml'))], opened\n"
        "assert threading.active_count() == 1\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(turnout.__file__).parent / "py.typed").exists()
