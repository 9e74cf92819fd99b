"""Whatever an exchange is answered with, it is a token or an error of ours: any JSON, over a real socket."""

from __future__ import annotations

import asyncio
import json
import math
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provider import Provider, reply
from turnout.call import token_exchanges
from turnout.errors import TurnoutError
from turnout.routing.route import Grant
from turnout.transport.http import HTTPTransport

SECRET = "planted-secret-0005"
LEAF = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.just(f"Bearer {SECRET}")
)
JSON = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FACTS = st.fixed_dictionaries(
    {},
    optional={
        "token": st.just("t") | JSON,
        "access_token": st.just("t") | JSON,
        "expires_in": JSON,
        "expires_at": JSON,
        "endpoints": st.fixed_dictionaries({"api": JSON}) | JSON,
        "headers": st.dictionaries(st.text(max_size=8), JSON, max_size=3) | JSON,
        "resources": st.lists(st.fixed_dictionaries({"deploymentUrl": JSON}) | JSON, max_size=3) | JSON,
        "error": JSON,
        "error_description": JSON,
    },
)
EXCHANGES = [
    token_exchanges.exchange_iam_key,
    token_exchanges.exchange_client,
    token_exchanges.exchange_direct_access,
    token_exchanges.exchange_session_token,
]


@pytest.fixture(scope="module")
def desk() -> Any:
    with Provider() as server:
        yield server


@settings(max_examples=150, deadline=None)
@given(
    facts=FACTS | JSON, status=st.sampled_from([200, 200, 200, 201, 302, 400, 401, 429, 500]), which=st.integers(0, 3)
)
def test_any_answer_is_a_token_or_an_error_of_ours(facts: Any, status: int, which: int, desk: Provider) -> None:
    body = json.dumps(facts).encode("utf-8", "surrogatepass")
    desk.script(reply(body, status))
    grant = Grant(
        mechanism="any",
        secret=SECRET,
        client_id="c",
        url=desk.url,
        deployments=f"{desk.url}/list",
        moves_to=("a.example",),
    )
    try:
        token = asyncio.run(EXCHANGES[which](grant, HTTPTransport()))  # type: ignore[arg-type]
    except TurnoutError as error:
        assert SECRET not in str(error) + repr(error)
    else:
        assert token.value.isascii()
        assert token.value.isprintable()
        assert math.isfinite(token.expires)
        assert token.expires <= time.time() + 24 * 3600
        assert token.base_url is None or token.base_url.startswith(("http://127.0.0.1", "https://"))
        assert all(value.isprintable() for value in token.headers.values())
