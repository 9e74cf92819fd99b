"""Where calls that are no chats go: the wire format of the task, at the base URL that has it."""

from __future__ import annotations

import pytest

from turnout import catalog
from turnout.errors import ConfigurationError
from turnout.protocols import TASK_PROTOCOLS
from turnout.routing.hosts import ENDPOINTS, TASK_FORMATS
from turnout.routing.model import Candidate
from turnout.routing.resolution import trace_candidate


@pytest.mark.parametrize(
    ("model", "task", "url"),
    [
        ("openai/gpt-image-2", "image", "https://api.openai.com/v1/images/generations"),
        ("openai/tts-1", "speech", "https://api.openai.com/v1/audio/speech"),
        ("groq/whisper-large-v3", "transcription", "https://api.groq.com/openai/v1/audio/transcriptions"),
        ("cohere/rerank-v3.5", "rerank", "https://api.cohere.com/v2/rerank"),
        ("google/imagen", "image", "https://generativelanguage.googleapis.com/v1beta/openai/images/generations"),
    ],
)
def test_a_task_goes_to_its_endpoint(model: str, task: str, url: str) -> None:
    route, _ = trace_candidate(Candidate(model=model), task=task)  # type: ignore[arg-type]
    assert route.url == url


@pytest.mark.parametrize("model", ["google/gemini-2.5-flash-preview-tts", "google-vertex/gemini-2.5-flash-tts"])
def test_a_second_url_for_chats_is_not_taken_for_other_tasks(model: str) -> None:
    with pytest.raises(ConfigurationError, match="for which this version has no speech: take a model of another"):
        trace_candidate(Candidate(model=model), task="speech")


def test_every_format_of_a_task_has_an_endpoint_and_is_spoken() -> None:
    for formats in TASK_FORMATS.values():
        for name in formats.values():
            assert ENDPOINTS[name]
            assert name in TASK_PROTOCOLS


@pytest.mark.parametrize("task", [task for task in TASK_FORMATS if task != "embedding"])
def test_every_model_of_a_task_resolves_or_says_why(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for provider in catalog.providers():
        for name in provider.env:
            monkeypatch.setenv(name, "dummy")
    resolved = 0
    for model in catalog.models(kind=task):  # type: ignore[arg-type]
        try:
            route, _ = trace_candidate(Candidate(model=model.id), task=task)  # type: ignore[arg-type]
        except ConfigurationError as error:
            assert "for which this version has no" in error.message
        else:
            assert route.protocol in TASK_PROTOCOLS
            resolved += 1
    assert resolved > 5
