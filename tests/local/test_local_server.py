"""The embedded model for real: a server that starts, answers, is shared, and ends with its parent."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from turnout.local import launch, server
from turnout.local.embedded import SMOLLM2
from turnout.local.model_file import ensure_model_file, model_path

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from turnout.local.endpoint import Endpoint
    from turnout.local.running_server import RunningServer

pytestmark = pytest.mark.local_model
pytest.importorskip("xllamacpp")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

MODEL = "smollm2-135m-instruct"
START = f"""
import sys, time
from turnout.local.server import ensure_server, _slots
endpoint = ensure_server({MODEL!r})
(slot,) = _slots.values()
print(slot.server.process.pid, endpoint.base_url, flush=True)
"""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    yield server.ensure_server(MODEL)
    server.stop_servers()


def running() -> RunningServer:
    """Return this process's server of the embedded model."""
    found = server._slots[model_path(SMOLLM2)].server
    assert found is not None
    return found


def send(endpoint: Endpoint, path: str, body: dict[str, Any] | None = None, *, key: str | None = None) -> Any:
    """Send one request and return status, content type and body."""
    url = urlsplit(endpoint.base_url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=60)
    headers = {"Authorization": f"Bearer {key or endpoint.api_key}", "Content-Type": "application/json"}
    connection.request("POST" if body else "GET", path, json.dumps(body) if body else None, headers)
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    return response.status, response.headers["Content-Type"], answer


def ask(endpoint: Endpoint, prompt: str, **settings: Any) -> Any:
    """Send one chat completion."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": prompt}], "max_tokens": 16, **settings}
    return send(endpoint, "/v1/chat/completions", body)


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for_end(pid: int) -> bool:
    """Wait up to five seconds for the end of a process."""
    limit = time.monotonic() + 5
    while is_alive(pid) and time.monotonic() < limit:
        time.sleep(0.02)
    return not is_alive(pid)


def test_it_is_healthy_and_on_loopback_only(endpoint: Endpoint) -> None:
    assert urlsplit(endpoint.base_url).hostname == "127.0.0.1"
    assert endpoint.base_url.endswith("/v1")
    assert send(endpoint, "/health")[0] == 200
    assert endpoint.model == MODEL


def test_it_answers(endpoint: Endpoint) -> None:
    status, content_type, body = ask(endpoint, "What is the capital of France?", temperature=0)
    answer = json.loads(body)
    assert (status, content_type) == (200, "application/json; charset=utf-8")
    assert answer["choices"][0]["message"]["content"]
    assert answer["model"] == MODEL
    assert answer["usage"]["completion_tokens"] > 0


def test_it_streams(endpoint: Endpoint) -> None:
    status, content_type, body = ask(endpoint, "Say hello.", stream=True, stream_options={"include_usage": True})
    assert (status, content_type) == (200, "text/event-stream")
    events = [line.removeprefix(b"data: ") for line in body.split(b"\n\n") if line.startswith(b"data: ")]
    assert events[-1] == b"[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    assert any(choice["delta"].get("content") for chunk in chunks for choice in chunk["choices"])
    assert chunks[-1]["usage"]["completion_tokens"] > 0


def test_the_same_seed_gives_the_same_answer(endpoint: Endpoint) -> None:
    first, second = (ask(endpoint, "Tell me a story.", seed=7, temperature=0.8, cache_prompt=False)[2] for _ in "12")
    assert json.loads(first)["choices"] == json.loads(second)["choices"]


def test_a_schema_is_held(endpoint: Endpoint) -> None:
    schema = {"type": "object", "properties": {"name": {"enum": ["fox", "owl"]}}, "required": ["name"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "animal", "schema": schema}}
    body = ask(endpoint, "Name an animal.", response_format=wanted, max_tokens=48)[2]
    assert json.loads(json.loads(body)["choices"][0]["message"]["content"])["name"] in {"fox", "owl"}


def test_eight_at_once_are_all_answered(endpoint: Endpoint) -> None:
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda i=i: answers.append(ask(endpoint, f"Count to {i}."))) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer[0] for answer in answers] == [200] * 8
    assert all(json.loads(answer[2])["choices"][0]["message"]["content"] for answer in answers)


def test_a_prompt_over_the_context_is_refused_and_harms_nobody(endpoint: Endpoint) -> None:
    status, _, body = ask(endpoint, "word " * 3000)
    assert status == 400
    assert json.loads(body)["error"]["type"] == "exceed_context_size_error"


@on_linux
def test_others_on_the_machine_have_no_key(endpoint: Endpoint) -> None:
    body = {"messages": [{"role": "user", "content": "hi"}]}
    assert send(endpoint, "/v1/chat/completions", body, key="wrong")[0] == 401
    command = Path(f"/proc/{running().process.pid}/cmdline").read_text()
    environment = Path(f"/proc/{running().process.pid}/environ").read_text(errors="replace")
    assert endpoint.api_key not in command + environment


async def test_threads_and_loops_share_one_server(endpoint: Endpoint) -> None:
    found: list[Endpoint] = [await launch(MODEL), await launch(MODEL), await launch(str(model_path(SMOLLM2)))]
    threads = [
        threading.Thread(target=lambda: found.append(asyncio.run(launch(MODEL)))),
        threading.Thread(target=lambda: found.append(server.ensure_server(MODEL))),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert all(other is endpoint for other in found)


async def test_a_dead_server_is_replaced_once_and_the_loop_runs_meanwhile(endpoint: Endpoint) -> None:
    old = running()
    os.kill(old.process.pid, signal.SIGKILL)
    old.process.wait()
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    first, second = await asyncio.gather(launch(MODEL), launch(MODEL))
    ticking.cancel()
    assert first is second
    assert first != endpoint
    assert ticks > 3
    assert running().process.pid != old.process.pid
    assert ask(first, "hi")[0] == 200


async def test_cancelling_a_start_ends_it_and_the_next_call_starts_anew(endpoint: Endpoint) -> None:
    server.stop_servers()
    starting = asyncio.create_task(launch(MODEL))
    await asyncio.sleep(0.1)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert ask(await launch(MODEL), "hi")[0] == 200


@on_linux
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_ends_with_its_parent(number: int, run_python: Callable[..., subprocess.Popen[str]]) -> None:
    parent = run_python(START + "time.sleep(60)")
    assert parent.stdout is not None
    pid = int(parent.stdout.readline().split()[0])
    assert is_alive(pid)
    parent.send_signal(number)
    parent.wait(5)
    assert wait_for_end(pid)


@on_linux
def test_a_server_that_still_loads_ends_with_its_parent(run_python: Callable[..., subprocess.Popen[str]]) -> None:
    program = "import os\nfrom turnout.local import running_server as module\nreal = module._exchange\n"
    program += "def show(process, config):\n    print(process.pid, flush=True)\n    return real(process, config)\n"
    parent = run_python(program + "module._exchange = show\n" + START)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait(5)
    assert wait_for_end(pid)


@on_linux
def test_a_program_that_ends_leaves_no_server_and_no_warning(run_python: Callable[..., subprocess.Popen[str]]) -> None:
    program = "import warnings; warnings.simplefilter('always')\n" + START
    output, errors = run_python(program).communicate(timeout=30)
    assert errors == ""
    assert wait_for_end(int(output.split()[0]))


@on_linux
def test_a_forked_child_neither_shares_nor_holds_nor_ends_the_server(
    run_python: Callable[..., subprocess.Popen[str]],
) -> None:
    program = """
import os, warnings; warnings.simplefilter("always")
child = os.fork()
if child == 0:
    print("forgotten" if not _slots else "shared", flush=True)
    sys.stdin.read()
    sys.exit()
os.kill(os.getpid(), 9)
"""
    parent = run_python(START + program)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline().split()[0])
    assert parent.stdout.readline().strip() == "forgotten"
    assert wait_for_end(pid)


@on_linux
def test_ctrl_c_reaches_the_parent_only(run_python: Callable[..., subprocess.Popen[str]]) -> None:
    parent = run_python(START + "sys.stdin.read()", start_new_session=True)
    assert parent.stdout is not None
    pid, url = parent.stdout.readline().split()
    assert os.getpgid(int(pid)) != os.getpgid(parent.pid)
    os.kill(int(pid), signal.SIGINT)
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(url).port, timeout=5)
    connection.request("GET", "/health")
    assert connection.getresponse().status == 200
    connection.close()
    os.kill(int(pid), signal.SIGTERM)
    assert wait_for_end(int(pid))


def test_any_gguf_file_is_served_under_its_own_name(endpoint: Endpoint, tmp_path: Path) -> None:
    copy = tmp_path / "My Model.gguf"
    copy.write_bytes(ensure_model_file(MODEL).read_bytes())
    other = server.ensure_server(str(copy))
    assert other.base_url != endpoint.base_url
    assert json.loads(ask(other, "hi")[2])["model"] == "My Model"
    server._slots.pop(copy).server.stop()


def test_a_larger_context_can_be_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_LOCAL_CONTEXT", "4096")
    copy = tmp_path / "other.gguf"
    copy.write_bytes(ensure_model_file(MODEL).read_bytes())
    other = server.ensure_server(str(copy))
    facts = json.loads(send(other, "/props")[2])
    assert facts["default_generation_settings"]["n_ctx"] == 4096
    server._slots.pop(copy).server.stop()
