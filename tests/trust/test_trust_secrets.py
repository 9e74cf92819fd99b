"""Keys in the places where nobody looks: the variables of tracebacks, live objects, child processes, `.env`."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import provider as scripted
from provider import KEY, Provider
from turnout import Agent, AgentStream, embed
from turnout.errors import TurnoutError
from turnout.images import generate_image

MODEL = "ovhcloud/gpt-oss-120b"
OWN_FRAMES = str(Path(sys.modules["turnout"].__file__ or "").parent)

FAULTS: dict[str, scripted.Reply] = {
    "the key is refused and echoed": scripted.error(401, f"no such key: {KEY}"),
    "a status": scripted.error(503),
    "a lost connection": scripted.reset,
    "no JSON": scripted.reply(b"<html>"),
    "half a stream": scripted.stream(scripted.events()[:3]),
    "a cut stream": scripted.cut(scripted.events()[:3]),
    "an answer of another kind": scripted.reply({"data": []}),
}


async def ask(agent: Agent) -> None:
    await agent.generate("Hello!")


async def read(agent: Agent) -> None:
    stream: AgentStream = agent.stream("Hello!")
    async for _ in stream:
        pass


async def embed_text(_: Agent) -> None:
    await embed("ovhcloud/bge-m3", "Hello!", max_retries=0)


async def paint(_: Agent) -> None:
    await generate_image("ovhcloud/stable-diffusion-xl-base-v10", "a switch", max_retries=0)


def variables_of_our_frames(error: BaseException) -> str:
    """Return what a reporter of errors that shows variables would show of turnout's frames."""
    shown: list[str] = []
    seen: set[int] = set()
    errors = [error]
    while errors:
        current = errors.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        errors += [other for other in (current.__cause__, current.__context__) if other is not None]
        for frame in traceback.TracebackException.from_exception(current, capture_locals=True).stack:
            if frame.filename.startswith(OWN_FRAMES):
                shown += [
                    f"{frame.filename}:{frame.lineno} {name}={value}" for name, value in (frame.locals or {}).items()
                ]
    return "\n".join(shown)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", [ask, read, embed_text, paint], ids=lambda call: call.__name__)
async def test_no_variable_of_a_traceback_shows_the_key(
    call: Callable[[Agent], Awaitable[None]], fault: str, provider: Provider
) -> None:
    provider.script(FAULTS[fault])
    with pytest.raises(TurnoutError) as caught:
        await call(Agent(model=MODEL, max_retries=0))
        pytest.skip("this call takes that answer")  # a body without choices is one of the kinds of answers
    shown = variables_of_our_frames(caught.value)
    assert "transport/http.py" in shown or "protocols" in shown or "call/" in shown
    assert KEY not in shown


@pytest.mark.parametrize("name", ["x-secret", "x-api-key"])
@pytest.mark.parametrize("broken", ["\r\nx: y", "\0", "é€"])
async def test_no_variable_shows_the_value_of_a_header_that_cannot_be_sent(
    name: str, broken: str, provider: Provider
) -> None:
    agent = Agent(model={"url": provider.url, "id": "acme/m", "api_key": KEY, "headers": {name: KEY + broken}})
    with pytest.raises(TurnoutError) as caught:
        await agent.generate("Hello!")
    assert KEY not in variables_of_our_frames(caught.value)
    assert provider.requests == []


async def test_no_live_object_shows_the_key(provider: Provider) -> None:
    """All that is alive in the middle of a run with tools, a hook and a fallback is shown by `repr`."""
    shown: dict[str, str] = {}

    def look_around(place: str) -> str:
        """Look at every object of turnout that is alive."""
        for thing in gc.get_objects():
            if str(type(thing).__module__).startswith("turnout."):
                try:
                    told = repr(thing)
                except Exception as error:
                    told = f"{type(thing).__name__}: repr fails with {error!r}"
                shown[type(thing).__name__] = shown.get(type(thing).__name__, "") + told
        return place

    arguments = json.dumps({"place": "here"})
    call: Any = {"id": "call_1", "type": "function", "function": {"name": "look_around", "arguments": arguments}}
    provider.script(
        scripted.error(500),
        scripted.reply(scripted.answer("", tool_calls=[call])),
        scripted.reply(scripted.answer("Seen.")),
    )
    model = {"url": provider.url, "id": "acme/m", "api_key": KEY, "headers": {"x-secret": KEY}}
    agent = Agent(model=[MODEL, model], tools=[look_around], max_retries=0)
    assert (await agent.generate("Look around.")).text == "Seen."
    assert {"Agent", "Route", "Provider", "SecretHeaders", "Attempt"} <= set(shown)
    assert [text for text in shown.values() if "repr fails" in text] == []
    assert [name for name, text in shown.items() if KEY in text] == []


def test_a_key_of_the_env_file_is_not_given_to_child_processes(provider: Provider, monkeypatch: Any) -> None:
    """It reaches the provider, and neither the environment of this process nor of a tool's child, nor any argv."""
    monkeypatch.delenv("OVHCLOUD_API_KEY")
    Path(".env").write_text(f"OVHCLOUD_API_KEY={KEY}\n", encoding="utf-8")
    program = "\n".join(
        [
            "import os, subprocess, sys",
            "from pathlib import Path",
            "from turnout import Agent",
            "def child() -> str:",
            "    'Look at the environment and the arguments of a child.'",
            "    code = 'import os, sys; print(sorted(os.environ.items()), sys.argv)'",
            "    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)",
            "    return done.stdout",
            f"agent = Agent(model={MODEL!r}, tools=[child])",
            "result = agent.generate_sync('Look.')",
            "own = [Path('/proc/self', name).read_text() for name in ('cmdline', 'environ', 'comm')]",
            "print(result.text, os.environ, own, result.messages)",
        ]
    )
    call: Any = {"id": "call_1", "type": "function", "function": {"name": "child", "arguments": "{}"}}
    provider.script(scripted.reply(scripted.answer("", tool_calls=[call])), scripted.reply(scripted.answer("Seen.")))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "Seen." in done.stdout, done.stderr
    assert "OVHCLOUD_BASE_URL" in done.stdout  # so the child's environment is in it
    assert KEY not in done.stdout + done.stderr
    assert all(request.headers["authorization"] == f"Bearer {KEY}" for request in provider.requests)
    assert KEY not in provider.requests[1].body.decode()
