"""The pytest plugin: fixtures for scripted models, recorded calls and a blocked network.

Its entry point loads it wherever turnout is installed, so it imports nothing of turnout before a fixture is used.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from turnout.testing.recording import Mode
    from turnout.testing.scripted import ScriptedModel
    from turnout.transport.seam import Transport

_MODE = "--turnout-cassettes"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that says what `turnout_cassette` does."""
    group = parser.getgroup("turnout", "turnout: recorded model calls")
    group.addoption(
        _MODE,
        choices=("auto", "record", "replay"),
        default="auto",
        help="what turnout_cassette does: play what is known and record what is new, record anew, or only play",
    )


@pytest.fixture
def scripted_model() -> Callable[..., ScriptedModel]:
    """Return `turnout.testing.ScriptedModel`: ``Agent(model=scripted_model(["Hello"]))``."""
    from turnout.testing import ScriptedModel

    return ScriptedModel


@pytest.fixture
def block_network() -> Iterator[None]:
    """Let nothing that the test does reach another machine."""
    from turnout.testing import block_network

    with block_network():
        yield


@pytest.fixture
def turnout_cassette(request: pytest.FixtureRequest) -> Transport:
    """Return a transport that records and plays the calls of this test: ``Agent(model=…, transport=turnout_cassette)``.

    The file is ``cassettes/<module>.<test>.jsonl`` beside the test, with a hash in its name where the name of
    the test holds what a file name should not. ``--turnout-cassettes=replay`` (for CI) only plays,
    ``=record`` records anew.
    """
    from turnout.testing import cassette

    own = f"{request.path.stem}.{request.node.name}"
    name = re.sub(r"[^\w.-]+", "_", own).strip("_")
    if name != own:  # two tests whose names differ in what was replaced have two files
        name = f"{name[:150]}.{sha256(own.encode('utf-8', 'replace')).hexdigest()[:8]}"
    return cassette(request.path.parent / "cassettes" / f"{name}.jsonl", cast("Mode", request.config.getoption(_MODE)))
