"""The sync twins: in a script, in threads, inside a running loop, and over several event loops."""

from __future__ import annotations

import asyncio
import gc
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

import turnout
from provider import Provider, error, event, events, reply, silence, stream
from turnout import Agent
from turnout.errors import AuthenticationError, StreamClosedError

MODEL = "ovhcloud/gpt-oss-120b"
STORY = "Once upon a time there was a switch."
AGENT = Agent(model=MODEL, max_retries=0)


def test_a_script_generates_and_streams(provider: Provider) -> None:
    provider.script(reply(), stream())
    assert AGENT.generate_sync("Hi").text == "Hello there, friend."
    running = AGENT.stream_sync("Hi")
    assert "".join(chunk.text for chunk in running if chunk.type == "text_delta") == STORY
    assert (running.text, running.finish_reason, running.usage.total_tokens) == (STORY, "stop", 18)
    assert running.cost.total is not None
    assert running.result().text == STORY


def test_connections_are_kept_between_sync_calls(provider: Provider) -> None:
    for _ in range(5):
        AGENT.generate_sync("Hi")
    assert provider.connections == 1


def test_calls_without_an_agent(provider: Provider) -> None:
    provider.script(reply(), stream(), reply(), stream())
    assert turnout.generate_sync(MODEL, "Hi").text == "Hello there, friend."
    assert "".join(turnout.stream_sync(MODEL, "Hi").text_stream) == STORY

    async def main() -> None:
        assert (await turnout.generate(MODEL, "Hi")).text == "Hello there, friend."
        assert [piece async for piece in turnout.stream(MODEL, "Hi").text_stream][0] == "Once"

    asyncio.run(main())


def test_threads_at_once(provider: Provider) -> None:
    provider.script(reply())
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda n: AGENT.generate_sync(f"Hi {n}").text, range(64)))
    assert texts == ["Hello there, friend."] * 64


def test_a_thread_that_ends_closes_its_loop(provider: Provider) -> None:
    before = threading.active_count()
    for _ in range(10):
        thread = threading.Thread(target=lambda: AGENT.generate_sync("Hi"))
        thread.start()
        thread.join()
    gc.collect()
    assert threading.active_count() == before


async def test_inside_a_running_loop_as_in_a_notebook(provider: Provider) -> None:
    provider.script(reply(), reply(), stream())
    assert AGENT.generate_sync("Hi").text == "Hello there, friend."
    assert (await AGENT.generate("Hi")).text == "Hello there, friend."
    assert "".join(AGENT.stream_sync("Hi").text_stream) == STORY


def test_several_event_loops_with_one_agent(provider: Provider) -> None:
    provider.script(reply())
    for _ in range(5):
        assert asyncio.run(AGENT.generate("Hi")).text == "Hello there, friend."
        assert AGENT.generate_sync("Hi").text == "Hello there, friend."


def wait_until(fact: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 60  # of a failure alone
    while not fact():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


def wait_for_close(provider: Provider) -> None:
    wait_until(lambda: provider.closes, "the connection was never closed")


def test_leaving_a_sync_loop_closes_the_connection_at_once(provider: Provider) -> None:
    provider.script(stream(events()[:5], hold=True))
    running = AGENT.stream_sync("Hi")
    for _ in running:
        break
    wait_for_close(provider)
    with pytest.raises(StreamClosedError):
        running.result()


async def test_leaving_beside_a_running_loop_closes_it_too(provider: Provider) -> None:
    provider.script(stream(events()[:5], hold=True))
    with AGENT.stream_sync("Hi") as running:
        for _ in running:
            break
    wait_for_close(provider)  # this loop stands still meanwhile: it is not the one that closes
    assert running.text.startswith("Once")


def test_errors_come_at_the_call(provider: Provider) -> None:
    provider.script(error(401))
    with pytest.raises(AuthenticationError):
        AGENT.generate_sync("Hi")
    with pytest.raises(AuthenticationError):
        AGENT.stream_sync("Hi")


INTERRUPTED = """
import signal
from turnout import Agent
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job begins deaf to it
try:
    Agent(model="ovhcloud/gpt-oss-120b").generate_sync("Hi")
except KeyboardInterrupt:
    print("interrupted")
"""


def interrupt(program: str, provider: Provider) -> tuple[str, str, int]:
    """Run `program`, press Ctrl-C once its request has come, and return what it printed and how it ended."""
    provider.script(silence())
    command = [sys.executable, "-W", "error", "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_until(lambda: provider.requests or process.poll() is not None, "no request came")
            process.send_signal(signal.SIGINT)
            out, problem = process.communicate(timeout=60)
        finally:
            process.kill()
    return out, problem, process.returncode


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C goes to a whole console there")
def test_ctrl_c_cancels_the_call_and_closes_the_connection(provider: Provider) -> None:
    assert interrupt(INTERRUPTED, provider) == ("interrupted\n", "", 0)
    wait_for_close(provider)


MANY_LOOPS = """
import asyncio, gc
from turnout import Agent
agent = Agent(model="ovhcloud/gpt-oss-120b")
for _ in range(3):
    asyncio.run(agent.generate("Hi"))
    agent.generate_sync("Hi")
async def leave():
    async for _ in agent.stream("Hi"):
        break
    agent.generate_sync("Hi")
asyncio.run(leave())
gc.collect()
"""


def test_a_script_ends_without_a_warning(provider: Provider) -> None:
    command = [sys.executable, "-W", "error", "-c", MANY_LOOPS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (done.stderr, done.returncode) == ("", 0)


FORKED = """
import asyncio, gc, os
from turnout import Agent
agent = Agent(model="ovhcloud/gpt-oss-120b")
agent.generate_sync("Hi")
child = os.fork()
agent.generate_sync("Hi")
gc.collect()
if child:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    from turnout.agent.threads import find_loop
    async def wake(): return await asyncio.wait_for(asyncio.to_thread(os.getpid), 5)
    assert find_loop().run(wake()) == os.getpid()
    agent.generate_sync("Hi")
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork here")
def test_a_forked_child_makes_its_own_connections(provider: Provider) -> None:
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=20)
    assert (done.stderr, done.returncode) == ("", 0)
    assert provider.connections == 2
    assert len(provider.requests) == 4


INTERRUPTED_LOOP = """
import asyncio, signal
from turnout import Agent
signal.signal(signal.SIGINT, signal.default_int_handler)
async def main():
    Agent(model="ovhcloud/gpt-oss-120b").generate_sync("Hi")
loop = asyncio.new_event_loop()
try:
    loop.run_until_complete(main())
except KeyboardInterrupt:
    print("interrupted")
loop.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C goes to a whole console there")
def test_ctrl_c_beside_a_running_loop_cancels_the_call(provider: Provider) -> None:
    assert interrupt(INTERRUPTED_LOOP, provider) == ("interrupted\n", "", 0)
    wait_for_close(provider)


def test_a_sync_stream_shows_itself(provider: Provider) -> None:
    provider.script(stream([event({"reasoning": "hm"}), *events()]))
    running = AGENT.stream_sync("Hi")
    assert repr(running).startswith("SyncStream(open")
    assert running.result().text == STORY
    assert running.reasoning == "hm"
    running.close()


def test_a_model_function_may_ask_another_agent(provider: Provider) -> None:
    """Nested to any depth, in a script and beside a running loop: each waits on a loop of its own."""
    agent = AGENT
    for _ in range(3):
        agent = Agent(model=lambda context, inner=agent: (inner.generate_sync("which?"), MODEL)[1])
    assert agent.generate_sync("Hi").text == "Hello there, friend."

    async def notebook() -> str:
        return agent.generate_sync("Hi").text

    assert asyncio.run(asyncio.wait_for(notebook(), 20)) == "Hello there, friend."
    assert len(provider.requests) == 8


def test_what_stops_the_loop_does_not_end_the_call(provider: Provider) -> None:
    def stop_the_loop(context: object) -> str:
        asyncio.get_running_loop().stop()
        return MODEL

    agent = Agent(model=stop_the_loop)
    assert [agent.generate_sync("Hi").text for _ in range(2)] == ["Hello there, friend."] * 2
