"""Exchanges of secrets for tokens under load and abuse: at once, cancelled, refused, garbage, clocks, loops, forks."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from provider import Exchange, Provider, Reply, answer, error, reply, silence
from turnout import Agent
from turnout.agent.runtime import default_runtime
from turnout.call import credentials as credentials_module
from turnout.call import token_exchanges
from turnout.call.credentials import Credentials
from turnout.call.pacing import Pacer
from turnout.call.token_exchanges import Token
from turnout.errors import (
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    TurnoutError,
)
from turnout.routing import resolve
from turnout.routing.route import Route
from turnout.transport.http import HTTPTransport

SECRET = "planted-secret-0003"
COPILOT = "github-copilot/gpt-5.4"
BEDROCK = "amazon-bedrock/amazon.nova-pro-v1:0"
VERTEX = "google-vertex/gemini-2.5-flash"


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """The server of the exchanges."""
    default_runtime.cache_clear()
    with Provider() as server:
        monkeypatch.setenv("GITHUB_TOKEN", SECRET)
        monkeypatch.setenv("GITHUB_COPILOT_TOKEN_URL", server.url)
        yield server


@pytest.fixture
def calls(desk: Provider, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Provider:
    monkeypatch.setenv("GITHUB_COPILOT_BASE_URL", provider.url)
    return provider


def token(value: str, **facts: Any) -> Reply:
    return reply({"token": value, **facts})


def gated(play: Reply, gate: asyncio.Event, loop: asyncio.AbstractEventLoop) -> Reply:
    """Play only once `gate` is open."""

    async def wait(exchange: Exchange) -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(gate.wait(), loop))
        await play(exchange)

    return wait


def wait_for(there: Callable[[], object]) -> None:
    """Wait until something is there, five seconds at most."""
    end = time.monotonic() + 5
    while not there() and time.monotonic() < end:
        time.sleep(0.001)


def write_dotenv(text: str) -> None:
    Path(".env").write_text(text, "utf-8")


async def authorise(held: Credentials, model: Any = COPILOT, limit_s: float | None = None) -> Route:
    route = resolve(model)
    await held.authorise(route, HTTPTransport(), limit_s)
    return route


async def test_a_thousand_calls_share_one_exchange(desk: Provider) -> None:
    desk.script(token("one"))
    held, transport = Credentials(), HTTPTransport()
    routes = [resolve(COPILOT) for _ in range(1000)]
    await asyncio.gather(*(held.authorise(route, transport) for route in routes))
    assert len(desk.requests) == 1
    assert {route.headers["authorization"] for route in routes} == {"Bearer one"}


async def test_the_cancel_of_one_leaves_the_exchange_to_the_others(desk: Provider) -> None:
    gate = asyncio.Event()
    desk.script(gated(token("late"), gate, asyncio.get_running_loop()))
    held = Credentials()
    first, second = (asyncio.create_task(authorise(held)) for _ in range(2))
    await asyncio.to_thread(wait_for, lambda: desk.requests)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    gate.set()
    assert (await second).headers["authorization"] == "Bearer late"
    assert len(desk.requests) == 1


async def test_an_exchange_that_nobody_waits_for_any_more_is_kept(desk: Provider) -> None:
    gate = asyncio.Event()
    desk.script(gated(token("kept"), gate, asyncio.get_running_loop()))
    held = Credentials()
    with pytest.raises(APITimeoutError, match="no token came in time"):
        await authorise(held, limit_s=0.05)
    gate.set()
    assert (await authorise(held)).headers["authorization"] == "Bearer kept"
    assert len(desk.requests) == 1


async def test_a_failed_exchange_gives_each_call_an_error_of_its_own(desk: Provider) -> None:
    desk.script(error(401, f"no {SECRET}"))
    held = Credentials()
    told = await asyncio.gather(*(authorise(held) for _ in range(5)), return_exceptions=True)
    assert len(desk.requests) == 1
    assert all(isinstance(one, AuthenticationError) for one in told)
    assert len({id(one) for one in told}) == 5
    assert SECRET not in repr(told)
    desk.script(token("well"))
    assert (await authorise(held)).headers["authorization"] == "Bearer well"


async def test_a_silent_exchange_ends(desk: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials_module, "_EXCHANGE_S", 0.05)
    desk.script(silence())
    with pytest.raises(APIConnectionError, match=r"no token came within 0.05 s"):
        await authorise(Credentials())


async def test_calls_that_are_refused_at_once_lead_to_one_exchange(desk: Provider, calls: Provider) -> None:
    stale: list[str] = []
    all_are_there = asyncio.Event()

    async def judge(exchange: Exchange) -> None:
        if exchange.request.headers["authorization"] == "Bearer stale":
            stale.append("")
            if len(stale) == 20:  # all of them are refused before one is tried again
                all_are_there.set()
            await all_are_there.wait()
            await error(401, "revoked")(exchange)
        else:
            await reply(answer())(exchange)

    desk.script(token("stale"), token("fresh"), token("one too many"))
    calls.script(judge)
    agent = Agent(model=COPILOT, max_retries=0)
    results = await asyncio.gather(*(agent.generate("Hi") for _ in range(20)))
    assert all(result.text for result in results)
    assert len(desk.requests) == 2


async def test_a_late_refusal_of_an_old_token_leaves_the_new_one(desk: Provider) -> None:
    desk.script(token("old"), token("new"))
    held = Credentials()
    early, late = await authorise(held), await authorise(held)
    assert held.forget(early)
    assert (await authorise(held)).headers["authorization"] == "Bearer new"
    assert held.forget(late)
    assert (await authorise(held)).headers["authorization"] == "Bearer new"
    assert len(desk.requests) == 2


def test_without_a_grant_there_is_nothing_to_forget(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not Credentials().forget(resolve("ovhcloud/gpt-oss-120b"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert not Credentials().forget(resolve(BEDROCK))


async def test_a_call_without_a_grant_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    route = resolve("ovhcloud/gpt-oss-120b")
    before = dict(route.headers)
    await Credentials().authorise(route, HTTPTransport())
    assert route.headers == before


@pytest.mark.parametrize(
    ("facts", "date", "exchanges"),
    [
        ({"expires_in": 3600}, None, 1),
        ({"expires_in": "3600"}, None, 1),
        ({"expires_in": 30}, None, 2),  # it ends while the call is on its way
        ({"expires_in": -5}, None, 2),
        ({"expires_in": 10**400}, None, 1),
        ({"expires_in": "nan"}, None, 1),  # no number: the usual time
        ({"expires_in": True}, None, 1),
        ({"expires_in": [1], "expires_at": {}}, None, 1),
        ({"expires_at": 1_000_001_800}, 1_000_000_000, 1),  # this machine's clock is years ahead of the server's
        ({"expires_at": 4_000_000_010}, 4_000_000_000, 2),  # and years behind
        ({"expiration": 1_000_000_010}, 1_000_000_000, 2),
        ({"expires_at": 1_000_000_000}, "no date", 2),
        ({"expires_at": "2026-01-01T00:00:00Z"}, None, 1),
    ],
)
async def test_when_a_token_ends(facts: dict[str, Any], date: object, exchanges: int, desk: Provider) -> None:
    body = json.dumps({"token": "t", **facts}).encode()
    if date is None:
        desk.script(reply(body))
    else:
        desk.script(reply(body, date=formatdate(date) if isinstance(date, int) else str(date)))
    held = Credentials()
    await authorise(held)
    await authorise(held)
    assert len(desk.requests) == exchanges


@pytest.mark.parametrize(
    ("play", "kind", "told"),
    [
        (reply(b"\xff\xfe"), ServerError, "no JSON object"),
        (reply(b"[" * 100_000), ServerError, "no JSON object"),
        (reply(b""), ServerError, "no JSON object"),
        (reply(b'{"token": "' + b"x" * (1 << 20) + b'"}'), APIConnectionError, "over 1 MB"),
        (reply({"token": "t\u00e9"}), ServerError, "without a token"),
        (reply({"token": ""}), ServerError, "without a token"),
        (reply({}, 307, location="https://elsewhere.example/"), AuthenticationError, "follows no redirect"),
        (error(404), AuthenticationError, "check that URL"),
        (error(400), AuthenticationError, "check the secret"),
        (error(408), ServerError, "try again later"),
        (error(429, retry_after="7"), RateLimitError, "wait and try again"),
        (reply(b"<html>down</html>", 502), ServerError, "status 502"),
    ],
)
async def test_what_comes_in_the_place_of_a_token(
    play: Reply, kind: type[TurnoutError], told: str, desk: Provider
) -> None:
    desk.script(play)
    with pytest.raises(kind, match=told) as caught:
        await authorise(Credentials())
    assert SECRET not in repr(caught.value) + str(caught.value)
    assert caught.value.__cause__ is None
    assert len(desk.requests) == 1
    if isinstance(caught.value, RateLimitError):
        assert caught.value.retry_after_s == 7


async def test_what_entra_says_is_told(desk: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_RESOURCE_NAME", "mine")
    for name in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.setenv(f"AZURE_{name}", f"the-{name.lower()}")
    monkeypatch.setenv("AZURE_TOKEN_URL", desk.url)
    words = "AADSTS7000215: Invalid client secret the-client_secret provided."
    desk.script(reply({"error": "invalid_client", "error_description": words}, 401))
    with pytest.raises(AuthenticationError) as caught:
        await authorise(Credentials(), "azure/gpt-5")
    assert "AADSTS7000215" in caught.value.message
    assert "the-client_secret" not in caught.value.message


async def test_each_secret_and_place_has_a_token_of_its_own(desk: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Credentials()
    desk.script(*(token(f"t{number}") for number in range(3)))
    assert (await authorise(held)).headers["authorization"] == "Bearer t0"
    monkeypatch.setenv("GITHUB_TOKEN", "another-secret")
    assert (await authorise(held)).headers["authorization"] == "Bearer t1"
    monkeypatch.setenv("GITHUB_COPILOT_BASE_URL", "http://127.0.0.1:9/mine")  # its calls are moved nowhere
    assert (await authorise(held)).headers["authorization"] == "Bearer t2"


async def test_a_resource_group_has_deployments_of_its_own(desk: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    key = {"clientid": "c", "clientsecret": SECRET, "url": desk.url, "serviceurls": {"AI_API_URL": desk.url}}
    monkeypatch.setenv("AICORE_SERVICE_KEY", json.dumps(key))
    held = Credentials()
    for group in ("a", "b"):
        monkeypatch.setenv("AICORE_RESOURCE_GROUP", group)
        place = f"{desk.url}/v2/inference/deployments/{group}"
        rows = ["no row", {"deploymentUrl": 3}, {"deploymentUrl": place + "/"}]
        desk.script(reply({"access_token": "sap"}), reply({"resources": rows}))
        assert (await authorise(held, "sap-ai-core/gpt-5")).base_url == place
    assert desk.requests[-1].headers["ai-resource-group"] == "b"
    desk.script(reply({"access_token": "sap"}), reply({"resources": {}}))
    with pytest.raises(AuthenticationError, match="no running deployment"):
        await authorise(Credentials(), "sap-ai-core/gpt-5")


def test_the_oldest_tokens_go_where_there_are_too_many(desk: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials_module, "_MOST_KEPT", 2)
    desk.script(token("t"))

    async def ask() -> None:
        held = Credentials()
        for secret in ("s1", "s2", "s3", "s3", "s2", "s1"):
            route = resolve(COPILOT, api_key=secret)
            await held.authorise(route, HTTPTransport())

    asyncio.run(ask())
    assert [request.headers["authorization"] for request in desk.requests] == [
        "token s1", "token s2", "token s3", "token s1",
    ]  # fmt: skip


def test_two_event_loops_share_the_tokens_and_not_the_waiting(desk: Provider) -> None:
    held = Credentials()
    desk.script(token("both"))
    seen: list[str] = []

    def run() -> None:
        async def ask() -> list[Route]:
            return await asyncio.gather(*(authorise(held) for _ in range(10)))

        seen.extend(route.headers["authorization"] for route in asyncio.run(ask()))

    threads = [Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["Bearer both"] * 40
    assert len(desk.requests) <= 4
    run()
    assert len(desk.requests) <= 4


def test_an_exchange_that_its_event_loop_did_not_outlive_is_made_anew(desk: Provider) -> None:
    held = Credentials()
    desk.script(silence(), token("new"))

    async def leave() -> None:
        with pytest.raises(APITimeoutError):
            await authorise(held, limit_s=0.05)

    asyncio.run(leave())
    assert asyncio.run(authorise(held)).headers["authorization"] == "Bearer new"
    assert len(desk.requests) == 2


def test_sync_and_async_calls_share_a_token(desk: Provider, calls: Provider) -> None:
    desk.script(token("one"))
    calls.script(reply(answer()))
    agent = Agent(model=COPILOT)
    agent.generate_sync("Hi")
    asyncio.run(agent.generate("Hi"))
    assert [request.headers["authorization"] for request in calls.requests] == ["Bearer one"] * 2
    assert len(desk.requests) == 1


def _ask_in_child(held: Credentials, results: Any) -> None:
    async def ask() -> list[str]:
        known = await authorise(held)
        other = resolve(COPILOT, api_key="of-the-child")
        await held.authorise(other, HTTPTransport())
        return [known.headers["authorization"], other.headers["authorization"]]

    results.put(asyncio.run(ask()))


def test_a_forked_process_has_the_tokens_and_makes_its_own(desk: Provider) -> None:
    held = Credentials()
    desk.script(token("of-the-parent"), token("of-the-child"))
    asyncio.run(authorise(held))
    fork = multiprocessing.get_context("fork")
    results = fork.Queue()
    child = fork.Process(target=_ask_in_child, args=(held, results))
    child.start()
    assert results.get(timeout=30) == ["Bearer of-the-parent", "Bearer of-the-child"]
    child.join()


async def test_an_exchange_goes_through_the_proxy(desk: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.script(token("t"))
    monkeypatch.setenv("GITHUB_COPILOT_TOKEN_URL", "http://tokens.example/v2/token")
    monkeypatch.setenv("HTTP_PROXY", desk.url.removesuffix("/v1"))
    monkeypatch.setenv("http_proxy", desk.url.removesuffix("/v1"))
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("NO_PROXY", "")
    assert (await authorise(Credentials())).headers["authorization"] == "Bearer t"
    assert desk.requests[0].path == "http://tokens.example/v2/token"


@pytest.mark.parametrize(
    ("named", "moves"),
    [
        ("https://api.individual.githubcopilot.com", True),
        ("https://githubcopilot.com.evil.example", False),
        ("https://evilgithubcopilot.com", False),
        ("http://api.githubcopilot.com", False),
        ("https://[", False),
        (17, False),
    ],
)
async def test_where_an_answer_may_send_calls(named: object, moves: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    with Provider() as desk:
        proxy = desk.url.removesuffix("/v1")
        monkeypatch.setenv("GITHUB_TOKEN", SECRET)
        monkeypatch.setenv("GITHUB_COPILOT_TOKEN_URL", "http://tokens.example/token")
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, proxy)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, "")
        desk.script(token("t", endpoints={"api": named}))
        route = await authorise(Credentials())
        assert (route.base_url == named) is moves


async def test_the_rate_limits_of_a_key_outlive_its_tokens(desk: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.script(token("t1"), token("t2"))
    pacer, held = Pacer(), Credentials()
    first = await authorise(held)
    lane = pacer.find_lane(first)
    assert held.forget(first)
    assert pacer.find_lane(await authorise(held)) is lane
    monkeypatch.setenv("GITHUB_TOKEN", "another-secret")
    assert pacer.find_lane(resolve(COPILOT)) is not lane
    lanes = [pacer.find_lane(resolve("anthropic/claude-sonnet-4-5", api_key=key)) for key in ("k1", "k2", "k1")]
    assert lanes[0] is lanes[2] is not lanes[1]


# -- Keys that are refused ---------------------------------------------------------------------------------------------


async def refuse(provider: Provider, status: int, model: Any = "groq/llama-3.3-70b-versatile", **options: Any) -> str:
    provider.script(error(status, "no"))
    with pytest.raises((AuthenticationError, PermissionDeniedError)) as caught:
        await Agent(model=model, max_retries=0).generate("Hi", **options)
    return str(caught.value)


async def test_a_refused_key_is_named_and_not_shown(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_BASE_URL", provider.url)
    monkeypatch.setenv("GROQ_API_KEY", SECRET)
    told = await refuse(provider, 401)
    assert told == (
        "no (status 401, test): `groq` refused the key of `GROQ_API_KEY` in the environment: check it, or pass another"
        " one as `api_key=`"
    )
    told = await refuse(provider, 403)
    assert "give this key access" in told
    assert told.endswith("(`groq` refused the key of `GROQ_API_KEY` in the environment)")
    told = await refuse(provider, 401, api_key="sk-given")
    assert "the key of the argument `api_key=` or the config" in told
    assert "sk-given" not in told
    told = await refuse(provider, 401, headers={"Authorization": "Bearer mine"})
    assert "the Authorization header that was given" in told
    write_dotenv("GROQ_API_KEY=of-the-file\n")
    monkeypatch.delenv("GROQ_API_KEY")
    assert "`GROQ_API_KEY` in the .env" in await refuse(provider, 401)


async def test_a_refused_call_without_a_key_names_the_variables(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OVHCLOUD_API_KEY", "OVH_AI_ENDPOINTS_ACCESS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    told = await refuse(provider, 401, "ovhcloud/gpt-oss-120b")
    assert "`ovhcloud` refused a call without a key: set `OVHCLOUD_API_KEY`" in told
    told = await refuse(provider, 401, {"url": provider.url, "id": "custom/mine"})
    assert told.endswith("`custom` refused a call without a key: pass `api_key=`")
    told = await refuse(provider, 403, {"url": provider.url, "id": "mine"})
    assert "refused" not in told


async def test_a_refused_token_tells_of_its_key_and_of_clocks(desk: Provider, calls: Provider) -> None:
    desk.script(token("t"))
    calls.script(reply({"error": {"message": "expired"}}, 401, date=formatdate(time.time() + 1800)))
    with pytest.raises(AuthenticationError) as caught:
        await Agent(model=COPILOT, max_retries=0).generate("Hi")
    assert "refused the key of `GITHUB_TOKEN` in the environment" in caught.value.message
    assert "this machine's clock is 30 min behind the server's: set it" in caught.value.message
    calls.script(reply({"error": {"message": "expired"}}, 401, date=formatdate(time.time() - 1800)))
    with pytest.raises(AuthenticationError, match="30 min ahead of"):
        await Agent(model=COPILOT, max_retries=0).generate("Hi")
    calls.script(reply({"error": {"message": "expired"}}, 401, date=formatdate()))
    with pytest.raises(AuthenticationError) as caught:
        await Agent(model=COPILOT, max_retries=0).generate("Hi")
    assert "clock" not in caught.value.message


def test_a_token_shows_nothing() -> None:
    shown = repr(Token(value=SECRET, expires=0, session_token="session"))
    assert shown == "Token([hidden])"
    assert token_exchanges.Token(value=SECRET, expires=0, session_token="session").secrets == (SECRET, "session")
