"""`turnout explain` of models with endpoints of their own: those of a task, and those whose URL names the model."""

from __future__ import annotations

import json

import pytest

from turnout.cli import main

Captured = pytest.CaptureFixture[str]


def explain(capsys: Captured, *arguments: str) -> tuple[int, dict[str, str], str]:
    code = main(["explain", *arguments])
    _, *lines, verdict = capsys.readouterr().out.splitlines()
    return code, {line[2:19].strip(): line[20:] for line in lines}, verdict


@pytest.mark.parametrize(
    ("model", "url", "call"),
    [
        (
            "openai/gpt-image-1",
            "https://api.openai.com/v1/images/generations",
            "`turnout.images.generate_image` with it",
        ),
        ("openai/text-embedding-3-small", "https://api.openai.com/v1/embeddings", "`embed` with it"),
    ],
)
def test_a_model_of_a_task_is_explained_with_its_call(
    model: str, url: str, call: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    code, told, verdict = explain(capsys, model)
    assert (code, told["request to"], told["call"], verdict) == (0, url, call, "ready: a call would be sent")
    assert "tools by" not in told


def test_a_model_that_turnout_has_no_call_for_is_not_ready(capsys: Captured) -> None:
    code, told, verdict = explain(capsys, "alibaba-token-plan-cn/happyhorse-1.1-i2v")
    assert (code, told["call"]) == (1, "none yet")
    assert "is for video, and turnout has no call for that yet" in verdict


@pytest.mark.parametrize(
    ("model", "ending"),
    [
        ("google/gemini-2.5-pro", "/v1beta/models/gemini-2.5-pro:generateContent"),
        ("anthropic/claude-opus-4-5", "/v1/messages"),
        ("openai/gpt-5", "/v1/responses"),
        ("google/..", "/v1beta"),
    ],
)
def test_the_request_goes_to_the_endpoint_itself(model: str, ending: str, capsys: Captured) -> None:
    assert explain(capsys, model)[1]["request to"].endswith(ending)
    main(["explain", model, "--json"])
    assert json.loads(capsys.readouterr().out)["url"].endswith(ending)
