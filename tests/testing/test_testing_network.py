"""block_network: what may pass, what may not, in every thread, and what is there afterwards; and the pytest plugin."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from provider import Provider
from turnout.agent.runtime import make_runtime
from turnout.call import Call, send
from turnout.errors import TurnoutError
from turnout.messages import Message
from turnout.requests import ModelRequest
from turnout.routing import read_model
from turnout.testing import NetworkBlockedError, block_network
from turnout.testing.network import is_loopback
from turnout.transport.http import HTTPTransport

SOURCE = str(Path(__file__).resolve().parents[2] / "src")


def call(model: object) -> Call:
    return Call(request=ModelRequest(messages=[Message.user("Hi")]), candidates=read_model(model))


@pytest.mark.parametrize("url", ["http://192.0.2.1/v1", "https://example.com/v1", "http://[2001:db8::1]:8080/v1"])
async def test_a_call_is_blocked_and_not_retried(url: str) -> None:
    with block_network(), pytest.raises(NetworkBlockedError, match="was tried while the network is blocked") as caught:
        await send(call({"url": url, "id": "m"}), make_runtime(HTTPTransport()))
    assert len(caught.value.attempts) == 1
    assert isinstance(caught.value, TurnoutError)


async def test_this_machine_is_reached(provider: Provider) -> None:
    with block_network():
        await send(call("ovhcloud/gpt-oss-120b"), make_runtime(HTTPTransport()))
    assert len(provider.requests) == 1


def test_sockets_of_every_kind_and_thread() -> None:
    caught: list[BaseException] = []

    def connect() -> None:
        with socket.socket() as stream:
            try:
                stream.connect(("192.0.2.1", 80))
            except NetworkBlockedError as error:
                caught.append(error)

    with block_network():
        thread = threading.Thread(target=connect)
        thread.start()
        thread.join(10)
        assert len(caught) == 1
        with socket.socket() as stream, pytest.raises(NetworkBlockedError):
            stream.connect_ex(("192.0.2.1", 80))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
            with pytest.raises(NetworkBlockedError):
                datagram.sendto(b"x", ("192.0.2.1", 53))
            with pytest.raises(NetworkBlockedError):
                datagram.sendto(b"x", 0, ("192.0.2.1", 53))
            with pytest.raises(NetworkBlockedError):
                datagram.sendmsg([b"x"], [], 0, ("192.0.2.1", 53))
            datagram.sendto(b"x", ("127.0.0.1", 9))
            datagram.sendmsg([b"x"], [], 0, ("127.0.0.1", 9))
        with pytest.raises(NetworkBlockedError, match="example.com"):
            socket.getaddrinfo(b"example.com", 80)
        assert socket.getaddrinfo(None, 80)
        assert socket.getaddrinfo("localhost", 80)


def test_unix_sockets_pass(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client, block_network():
        server.bind(path)
        server.listen()
        client.connect(path)
        client.sendall(b"x")
        with server.accept()[0] as served:
            assert served.recv(1) == b"x"


def test_what_was_there_is_there_afterwards_also_after_nesting_and_errors() -> None:
    before, look_up = dict(vars(socket.socket)), socket.getaddrinfo
    outer, inner = block_network(), block_network()
    outer.__enter__()
    inner.__enter__()
    outer.__exit__(None, None, None)  # they may overlap, as two tests in threads do
    with socket.socket() as stream, pytest.raises(NetworkBlockedError):
        stream.connect(("192.0.2.1", 80))
    inner.__exit__(None, None, None)
    with pytest.raises(ZeroDivisionError), block_network():
        raise ZeroDivisionError
    assert dict(vars(socket.socket)) == before
    assert socket.getaddrinfo is look_up


def test_what_another_tool_replaced_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def mine(self: socket.socket, address: object) -> None: ...

    monkeypatch.setattr(socket.socket, "connect", mine)
    with block_network():
        assert socket.socket.connect is not mine
    assert socket.socket.connect is mine


def test_hosts_that_are_allowed_pass_by_name_and_address(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    reached: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: reached.append(address))
    with block_network(allow=["db.example", "192.0.2.9"]), socket.socket() as stream:
        socket.getaddrinfo("db.example", 80)
        stream.connect(("192.0.2.7", 80))
        stream.connect(("192.0.2.9", 80))
        with pytest.raises(NetworkBlockedError):
            stream.connect(("192.0.2.8", 80))
    assert len(reached) == 2


@block_network()
def test_as_a_decorator() -> None:
    with socket.socket() as stream, pytest.raises(NetworkBlockedError):
        stream.connect(("192.0.2.1", 80))


LOOPBACK = ["127.0.0.1", "127.9.9.9", "localhost", "a.localhost", "::1", "0.0.0.0", "::", "", "LOCALHOST."]


@pytest.mark.parametrize("host", [*LOOPBACK, "::ffff:127.0.0.1"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["10.0.0.1", "localhost.example.com", "fe80::1%eth0", "::ffff:10.0.0.1"])
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


USER_TESTS = """
import sys
import pytest

def test_scripted(scripted_model):
    import asyncio
    from turnout.agent.runtime import make_runtime
    from turnout.call import Call, send
    from turnout.messages import Message
    from turnout.requests import ModelRequest
    from turnout.routing import read_model
    from turnout.transport.http import HTTPTransport
    call = Call(request=ModelRequest(messages=[Message.user("Hi")]), candidates=read_model(scripted_model(["Yes"])))
    assert asyncio.run(send(call, make_runtime(HTTPTransport()))).response.text == "Yes"

def test_blocked(block_network):
    import socket
    with pytest.raises(Exception, match="network is blocked"):
        socket.create_connection(("192.0.2.1", 80))

seen = set()

@pytest.mark.parametrize("name", ["a/b c", "a b/c", "a_b_c", "simple"])
def test_tape(turnout_cassette, name, request):
    assert turnout_cassette.path.parent == request.path.parent / "cassettes"
    assert turnout_cassette.path.name.startswith("test_user.test_tape_" + name[:1])
    seen.add(turnout_cassette.path.name)

def test_tapes_have_files_of_their_own(turnout_cassette):
    assert len(seen) == 4
    assert turnout_cassette.path.name == "test_user.test_tapes_have_files_of_their_own.jsonl"
"""


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=100, env={**os.environ, "PYTHONPATH": SOURCE}
    )


def test_the_fixtures_in_a_project_of_a_user(tmp_path: Path) -> None:
    (tmp_path / "test_user.py").write_text(USER_TESTS)
    done = run_pytest(tmp_path)
    assert "7 passed" in done.stdout, done.stdout + done.stderr


def test_the_mode_of_cassettes_is_an_option(tmp_path: Path) -> None:
    (tmp_path / "test_user.py").write_text("def test_tape(turnout_cassette): pass\n")
    done = run_pytest(tmp_path, "--turnout-cassettes=replay")
    assert "record the calls first" in done.stdout
    assert run_pytest(tmp_path, "--turnout-cassettes=play").returncode == 4


def test_the_plugin_costs_those_who_do_not_use_it_nothing() -> None:
    code = (
        "import pytest, sys; before = set(sys.modules); import turnout.testing.plugin;"
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": SOURCE},
    )
    assert done.stdout.strip() == "['turnout', 'turnout.testing', 'turnout.testing.plugin']"
