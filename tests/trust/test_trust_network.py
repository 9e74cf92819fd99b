"""A call reaches the provider that was asked for, and nobody else; every socket and look-up of a process is listed."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import provider as scripted
from provider import Provider

LISTEN = """
import json, sys
seen = []
def listen(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        seen.append([event, str(arguments[1])])
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "subprocess.Popen", "os.exec"):
        seen.append([event, str(arguments[0])])
sys.addaudithook(listen)
"""
RUN = """
import asyncio
from turnout import Agent, catalog

def add(a: int, b: int) -> int:
    "Add two numbers."
    return a + b

async def main():
    agent = Agent(model="ovhcloud/gpt-oss-120b", tools=[add])
    result = await agent.generate("What is 1 + 2?")
    async for chunk in agent.stream("Again."):
        pass
    catalog.find("gpt")
    print(json.dumps([result.text, str(result.cost), seen]))

asyncio.run(main())
"""


def test_a_run_connects_to_its_provider_alone(provider: Provider) -> None:
    call: Any = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1, "b": 2}'}}
    provider.script(
        scripted.reply(scripted.answer("", tool_calls=[call])), scripted.reply(scripted.answer("3")), scripted.stream()
    )
    done = subprocess.run([sys.executable, "-c", LISTEN + RUN], capture_output=True, text=True)
    assert done.stdout, done.stderr
    text, cost, seen = json.loads(done.stdout)
    assert text == "3"
    assert cost != "None"
    assert {place for event, place in seen if event == "socket.connect"} == {str(("127.0.0.1", provider.port))}
    assert [event for event, _ in seen if event not in {"socket.connect", "socket.getaddrinfo"}] == []
    assert {place for event, place in seen if event == "socket.getaddrinfo"} <= {"127.0.0.1"}
    assert len(provider.requests) == 3


def test_importing_connects_to_nothing() -> None:
    code = LISTEN + "import turnout\nfor name in turnout.__all__: getattr(turnout, name)\nprint(json.dumps(seen))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert json.loads(done.stdout) == [], done.stderr
