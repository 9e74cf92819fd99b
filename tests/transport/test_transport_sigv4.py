"""Signature Version 4 against AWS's own test suite (Apache-2.0, as botocore's source package carries it; see NOTICE),
and against botocore itself."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.errors import InvalidInputError
from turnout.transport.sigv4 import AWSCredentials, sign

VECTORS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "sigv4_vectors.json").read_text("utf-8"))
ID = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
NOW = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)


def read_request(raw: str) -> tuple[str, str, dict[str, str], bytes]:
    """Read a request of the suite, whose path is as nobody encoded it; headers of one name are joined."""
    head, _, body = raw.partition("\n\n")
    first, *lines = re.sub(r"\n\s+", " ", head.rstrip("\n")).split("\n")  # a folded header is one
    method, _, rest = first.partition(" ")
    target = rest.rpartition(" ")[0]
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    host = next(value for name, value in headers.items() if name.lower() == "host")
    return method, f"https://{host}{target}", headers, body.encode()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_suite_of_aws(vector: dict[str, Any]) -> None:
    method, url, headers, body = read_request(vector["request"])
    token = re.search(r"^x-amz-security-token:(.*)$", vector["canonical_request"], re.MULTILINE)
    credentials = AWSCredentials(ID, SECRET, token and token[1])
    signed = sign(method, url, headers, body, credentials, region="us-east-1", service="service", now=NOW)
    assert signed.canonical_request == vector["canonical_request"]
    assert signed.string_to_sign == vector["string_to_sign"]
    assert signed.authorization == vector["authorization"]


def sign_by_botocore(
    method: str, url: str, headers: dict[str, str], body: bytes, token: str | None = None
) -> dict[str, str]:
    request = AWSRequest(method=method, url=url, headers=headers, data=body)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(botocore.auth, "get_current_datetime", lambda: NOW)
        botocore.auth.SigV4Auth(Credentials(ID, SECRET, token), "bedrock", "eu-west-1").add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)
SEGMENT = st.one_of(
    TEXT.map(lambda text: quote(text, safe="")),
    st.sampled_from(["..", ".", "", "us.amazon.nova-micro-v1%3A0", "us.amazon.nova-micro-v1:0", "a(b)'c*!$&+,;=@~"]),
    st.just("arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fmi1dadi0g15f"),
)
PAIR = st.tuples(TEXT, TEXT).map(lambda pair: "=".join([quote(text, safe="-_.~") for text in pair]))
VALUE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
NAMES = ["Content-Type", "accept", "X-Amzn-Bedrock-Trace", "User-Agent", "x-amzn-trace-id", "Authorization", "X-1"]


@settings(max_examples=400, deadline=None)
@given(
    host=st.sampled_from(["bedrock-runtime.eu-west-1.amazonaws.com", "Example.COM:8443", "a.b:443", "[::1]:80"]),
    path=st.lists(SEGMENT, max_size=5).map("/".join),
    query=st.just("") | st.lists(PAIR, min_size=1, max_size=4, unique=True).map(lambda pairs: f"?{'&'.join(pairs)}"),
    headers=st.dictionaries(st.sampled_from(NAMES), VALUE, max_size=5),
    body=st.binary(max_size=50),
    token=st.none() | st.text("abc/+=", min_size=1),
)
def test_it_signs_as_botocore_does(**parts: Any) -> None:
    url = f"https://{parts['host']}/{parts['path']}{parts['query']}"
    headers, body, token = parts["headers"], parts["body"], parts["token"]
    theirs = sign_by_botocore("POST", url, headers, body, token)
    credentials = AWSCredentials(ID, SECRET, token)
    mine = sign("POST", url, headers, body, credentials, region="eu-west-1", service="bedrock", now=NOW).headers
    assert mine == {name: theirs[name] for name in mine}
    assert ("x-amz-security-token" in mine) == (token is not None)


@pytest.mark.parametrize("model", ["us.amazon.nova-micro-v1:0", "arn:aws:bedrock:us-east-1:1:prompt-router/a/b"])
def test_a_model_id_in_the_path_is_encoded_twice_in_what_is_signed(model) -> None:
    url = f"https://bedrock-runtime.eu-west-1.amazonaws.com/model/{quote(model, safe='')}/converse"
    signed = sign("POST", url, {}, b"{}", AWSCredentials(ID, SECRET), region="eu-west-1", service="bedrock", now=NOW)
    assert signed.canonical_request.split("\n")[1] == f"/model/{quote(quote(model, safe=''), safe='')}/converse"
    assert signed.authorization == sign_by_botocore("POST", url, {}, b"{}")["authorization"]


def test_headers_given_before_are_replaced_and_no_secret_is_shown() -> None:
    given_before = {"X-Amz-Date": "20000101T000000Z", "X-Amz-Security-Token": "old"}
    url, credentials = "https://h.amazonaws.com/", AWSCredentials(ID, SECRET, "new")
    signed = sign("POST", url, given_before, b"", credentials, region="r", service="s", now=NOW)
    assert "x-amz-date:20150830T123600Z\nx-amz-security-token:new" in signed.canonical_request
    assert list(signed.headers) == ["x-amz-date", "x-amz-security-token", "authorization"]
    assert repr(credentials) == "AWSCredentials([hidden])"
    assert repr(signed) == "Signature([hidden])"


def test_the_time_is_that_of_utc_and_now_where_none_is_given() -> None:
    url, credentials = "https://h.amazonaws.com/", AWSCredentials(ID, SECRET)
    here = NOW.astimezone(timezone(timedelta(hours=-7)))
    moved = sign("POST", url, {}, b"", credentials, region="r", service="s", now=here)
    assert moved == sign("POST", url, {}, b"", credentials, region="r", service="s", now=NOW)
    signed = sign("POST", url, {}, b"", credentials, region="r", service="s")
    told = datetime.strptime(signed.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - told) < timedelta(minutes=5)


def test_a_url_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="is not an http or https URL"):
        sign("POST", "nowhere", {}, b"", AWSCredentials(ID, SECRET), region="r", service="s")
