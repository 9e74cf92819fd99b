"""Routes that are taken again: only while all that they follow from is the same."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from turnout import catalog
from turnout.catalog.types import Provider
from turnout.errors import UnknownProviderError
from turnout.routing import memo
from turnout.routing.environment import get_variable
from turnout.routing.memo import find_route
from turnout.routing.model import Candidate, ModelConfig
from turnout.routing.resolution import trace_candidate

if TYPE_CHECKING:
    from turnout.routing.route import Route

CANDIDATE = Candidate(model="ovhcloud/gpt-oss-120b")


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(memo, "_kept", {})
    monkeypatch.setenv("OVHCLOUD_API_KEY", "sk-first")
    monkeypatch.delenv("OVHCLOUD_BASE_URL", raising=False)
    return tmp_path


def find(candidate: Candidate = CANDIDATE, **given: object) -> Route:
    route, missing = find_route(candidate, **given)  # type: ignore[arg-type]
    assert missing is None
    return route


def traces(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows by a label whenever a route is really looked for."""
    labels: list[str] = []

    def trace(candidate: Candidate, **given: object) -> object:
        labels.append(candidate.label)
        return trace_candidate(candidate, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(memo, "trace_candidate", trace)
    return labels


def test_a_second_call_takes_the_same_route(monkeypatch):
    traced = traces(monkeypatch)
    first, second = find(), find(Candidate(model="ovhcloud/gpt-oss-120b"))
    assert len(traced) == 1
    assert first == second == trace_candidate(CANDIDATE)[0]
    assert first is not second


def test_what_a_call_does_to_its_route_stays_there():
    first = find()
    first.headers["authorization"] = "Bearer sk-stolen"
    first.warnings.append(None)  # type: ignore[arg-type]
    first.steps.append("more")
    first.send_to("http://127.0.0.1:1/v1", "sk-local")
    second = find()
    assert second == trace_candidate(CANDIDATE)[0]
    assert "sk-first" in second.headers["authorization"]
    assert "hidden" in repr(second.headers)


def test_another_key_in_the_environment_is_seen_at_once(monkeypatch):
    find()
    monkeypatch.setenv("OVHCLOUD_API_KEY", "sk-second")
    assert find().headers["authorization"] == "Bearer sk-second"
    monkeypatch.setenv("OVHCLOUD_BASE_URL", "http://127.0.0.1:9/v1")
    assert find().url == "http://127.0.0.1:9/v1/chat/completions"


def test_a_dotenv_that_appears_is_seen_at_once(monkeypatch, place):
    monkeypatch.delenv("OVHCLOUD_API_KEY")
    assert "authorization" not in find().headers
    place.joinpath(".env").write_text("OVHCLOUD_API_KEY=sk-file\n")
    assert find().headers["authorization"] == "Bearer sk-file"


def test_a_catalog_that_changes_is_seen_at_once():
    candidate = Candidate(model="memo-house/m")
    with pytest.raises(UnknownProviderError):
        find(candidate)
    catalog.register(provider=Provider(id="memo-house", base_url="http://127.0.0.1:7/v1", allows_anonymous=True))
    try:
        assert find(candidate).url == "http://127.0.0.1:7/v1/chat/completions"
        catalog.register(provider=Provider(id="memo-house", base_url="http://127.0.0.1:8/v1", allows_anonymous=True))
        assert find(candidate).url == "http://127.0.0.1:8/v1/chat/completions"
    finally:
        catalog.current.cache_clear()


def test_keys_headers_and_tasks_of_a_call_have_routes_of_their_own(monkeypatch):
    traced = traces(monkeypatch)
    for _ in range(2):
        assert find(api_key="sk-call").headers["authorization"] == "Bearer sk-call"
        assert find().headers["authorization"] == "Bearer sk-first"
        assert find(task="embedding").url.endswith("/embeddings")
    assert len(traced) == 3
    assert find(headers={"X-Team": "blue"}).headers["x-team"] == "blue"
    assert "x-team" not in find().headers


def test_candidates_with_one_label_are_told_apart():
    here = Candidate(model=ModelConfig(id="m", url="http://127.0.0.1:7/v1"))
    there = Candidate(model=ModelConfig(id="m", url="http://127.0.0.1:8/v1"))
    assert [find(each).base_url[-4:-3] for each in (here, there, here)] == ["7", "8", "7"]


def test_what_lacks_a_key_is_looked_for_again(monkeypatch):
    monkeypatch.delenv("GROQ_API_KEY", raising=False)
    candidate = Candidate(model="groq/llama-3.3-70b-versatile")
    assert find_route(candidate)[1] is not None
    monkeypatch.setenv("GROQ_API_KEY", "sk-groq")
    assert find(candidate).headers["authorization"] == "Bearer sk-groq"


def test_few_are_kept(monkeypatch):
    traced = traces(monkeypatch)
    for number in range(memo._MOST_KEPT * 3):
        find(Candidate(model=f"ovhcloud/m-{number}"))
    assert len(memo._kept) <= memo._MOST_KEPT
    assert len(traced) == memo._MOST_KEPT * 3


def test_routes_of_exchanged_keys_and_of_files_are_not_kept(monkeypatch, place):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert find(Candidate(model="amazon-bedrock/anthropic.claude-3-haiku-20240307-v1:0")).grant is not None
    assert not memo._kept


def test_a_variable_is_read_quickly_or_slowly_alike(monkeypatch):
    monkeypatch.setenv("TURNOUT_TEST_É", "grün")
    monkeypatch.delenv("TURNOUT_TEST_NONE", raising=False)
    quick = [get_variable(name) for name in ("TURNOUT_TEST_É", "TURNOUT_TEST_NONE")]
    monkeypatch.setattr(os, "environ", dict(os.environ))
    assert quick == [get_variable(name) for name in ("TURNOUT_TEST_É", "TURNOUT_TEST_NONE")] == ["grün", ""]
