"""The watch over the suite sees what it is there for: each test below lets a key out, in a suite of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

TESTS = Path(__file__).resolve().parents[1]

HEAD = """
import asyncio, logging, os, socket, subprocess, sys
import pytest
from provider import KEY

OTHER = "sk-0123456789abcdef"
CHILD = [sys.executable, "-c", "print(%r + %r)" % (KEY[:5], KEY[5:])]

@pytest.fixture
def late():
    yield
    print(KEY)
"""

LEAKS = {
    "print": "print(KEY)",
    "stderr": "print(KEY, file=sys.stderr)",
    "descriptor": "os.write(1, KEY.encode())",
    "warning_log": "logging.getLogger('turnout').warning('%s', KEY)",
    "debug_log": "logging.getLogger('turnout').debug('%s', KEY)",
    "caught": "with pytest.raises(ValueError):\n        raise ValueError(KEY)",
    "cause": "with pytest.raises(ValueError):\n        raise ValueError('no') from KeyError(KEY)",
    "file": "(tmp_path / 'it').write_text(KEY)",
    "file_name": "(tmp_path / KEY).write_text('')",
    "child": "subprocess.run(CHILD, capture_output=True)",
    "inherited": "subprocess.run(CHILD)",
    "variable": "monkeypatch.setenv('ACME_API_KEY', OTHER)\n    print(OTHER)",
    "bearer": "monkeypatch.setenv('AWS_BEARER_TOKEN_BEDROCK', OTHER)\n    print(OTHER)",
    "item": "monkeypatch.setitem(os.environ, 'ACME_API_KEY', OTHER)\n    print(OTHER)",
    "connection": "with pytest.raises(OSError):\n        socket.create_connection(('192.0.2.1', 80))",
    "connect_ex": "with pytest.raises(OSError), socket.socket() as it:\n        it.connect_ex(('192.0.2.1', 80))",
    "datagram": "with pytest.raises(OSError), socket.socket(type=socket.SOCK_DGRAM) as it:\n"
    "        it.sendto(b'x', ('192.0.2.1', 53))",
    "look_up": "with pytest.raises(OSError):\n        socket.getaddrinfo('a-host-of-nobody.org', 80)",
}
FINE = {
    "nothing": "pass",
    "input": "(tmp_path / '.env').write_text(KEY)",
    "id": "monkeypatch.setenv('AWS_ACCESS_KEY_ID', OTHER)\n    print(OTHER)",
    "here": "with socket.create_server(('127.0.0.1', 0)) as it:\n"
    "        socket.create_connection(it.getsockname()).close()",
}
LATER = """
def test_late(late): pass

async def test_child_later():
    child = await asyncio.create_subprocess_exec(*CHILD, stdout=subprocess.PIPE)
    await child.communicate()
"""


@pytest.fixture(scope="module")
def endings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bool]:
    """Return whether each test of such a suite has passed, by its name."""
    folder = tmp_path_factory.mktemp("leaks")
    bodies = [f"def test_{name}(monkeypatch, tmp_path):\n    {body}\n" for name, body in {**LEAKS, **FINE}.items()]
    (folder / "test_leaks.py").write_text("\n".join([HEAD, *bodies, LATER]), encoding="utf-8")
    report = folder / "report.xml"
    options = ["-p", "conftest", "-p", "no:cacheprovider", "-p", "no:turnout", "-o", "asyncio_mode=auto"]
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            *options,
            f"--junitxml={report}",
            f"--basetemp={folder / 'temp'}",
            folder,
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    cases = ElementTree.parse(report).iter("testcase")
    passed: dict[str, bool] = {}
    for case in cases:
        is_good = case.find("failure") is None and case.find("error") is None
        name = str(case.get("name")).removeprefix("test_")
        passed[name] = passed.get(name, True) and is_good
    return passed


@pytest.mark.parametrize("name", [*LEAKS, "late", "child_later"])
def test_a_leak_fails_its_test(endings: dict[str, bool], name: str) -> None:
    assert endings[name] is False


@pytest.mark.parametrize("name", FINE)
def test_what_is_no_leak_does_not(endings: dict[str, bool], name: str) -> None:
    assert endings[name] is True
