"""The package as its user imports it: names, laziness, and what an import loads."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import turnout
from provider import Provider

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
    "turnout.agent.options",
    "turnout.agent.settings",
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


FIRST_ANSWER = """
import asyncio
from turnout import Agent
asyncio.run(Agent(model="ovhcloud/gpt-oss-120b").generate("Hi"))
"""


def test_the_first_answer_loads_nothing_that_it_does_not_need(provider: Provider) -> None:
    loaded = modules_after(FIRST_ANSWER)
    assert {"asyncio", "httptools", "msgspec"} <= loaded
    unneeded = {"typer", "rich", "xllamacpp", "dotenv", "difflib", "email", "http.client", "urllib.request", "tomllib"}
    assert not loaded & unneeded
    assert not {name for name in loaded if name.startswith(("turnout.cli", "turnout.local", "turnout.agent.sync"))}


def test_a_second_call_loads_nothing_more(provider: Provider) -> None:
    once, twice = modules_after(FIRST_ANSWER), modules_after(FIRST_ANSWER + FIRST_ANSWER)
    assert once == twice


def test_the_wheel_holds_what_it_must_and_works(tmp_path: Path) -> None:
    project = Path(__file__).resolve().parents[2]
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(project)]
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("turnout-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    data = "turnout/catalog/data"
    assert {"turnout/py.typed", "turnout/model_ids.pyi", f"{data}/catalog.bin", f"{data}/overrides.toml"} <= names
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"turnout", f"turnout-{turnout.__version__}.dist-info"}
    assert not [name for name in names if name.endswith(".pth")]
    folder = tmp_path / "installed"
    subprocess.run([*pip, "install", "--no-deps", "--no-compile", "--target", str(folder), str(wheel)], check=True)
    code = "import turnout; print(turnout.__file__, turnout.catalog.find('ovhcloud/gpt-oss-120b').context)"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    environment["PYTHONPATH"] = str(folder)
    shown = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert shown.stdout == f"{folder / 'turnout' / '__init__.py'} 131072\n"
