"""Every example runs as a program of its own: against the scripted provider, and some on the embedded model."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from provider import Exchange, Provider, answer, error, events, reply, stream
from tool_replies import call, calls, streamed_calls, told

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
OURS = "ovhcloud/gpt-oss-120b"
EMBEDDED = "local/smollm2-135m-instruct"
CITIES = [
    {"name": "Paris", "country": "France", "inhabitants": 2_100_000},
    {"name": "Rome", "country": "Italy", "inhabitants": 2_800_000},
]


def run(name: str, *arguments: str, model: str | None = OURS, code: int = 0) -> str:
    """Run an example in the working directory; return what it printed, and on failure what it said of it."""
    environment = dict(os.environ) if model is None else {**os.environ, "TURNOUT_MODEL": model}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments],
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


def test_every_example_is_listed_tested_and_short() -> None:
    names = {path.name for path in EXAMPLES.glob("*.py")}
    listed = re.findall(r"\]\((\d\d_\w+\.py)\)", (EXAMPLES / "README.md").read_text(encoding="utf-8"))
    tests = Path(__file__).read_text(encoding="utf-8")

    assert listed == sorted(names)
    assert len(names) == 10
    assert [name for name in names if f'"{name}"' not in tests] == []
    for path in EXAMPLES.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert text.startswith('"""')
        assert 10 <= len(text.splitlines()) <= 60, path.name


def test_hello_prints_the_answer_and_its_cost(provider: Provider) -> None:
    printed = run("01_hello.py")
    assert printed.splitlines() == [
        "Hello there, friend.",
        "ovhcloud/gpt-oss-120b: 11 in + 7 out tokens, $0.00000428, stop",
    ]


def test_a_story_is_streamed(provider: Provider) -> None:
    provider.script(stream())
    assert run("02_stream.py").splitlines() == [
        "Once upon a time there was a switch.",
        "[stop, 11 in + 7 out tokens, $0.00000428]",
    ]
    assert provider.requests[0].json["stream"] is True


def test_two_tools_run_in_one_step(provider: Provider) -> None:
    provider.script(
        streamed_calls(call("get_weather", {"city": "Paris"}, "a"), call("get_time", {"city": "Paris"}, "b")),
        told("Sunny, and 14:05."),
    )
    assert run("03_tools.py").splitlines() == [
        "call: get_weather {'city': 'Paris'}",
        "call: get_time {'city': 'Paris'}",
        'result: {"city":"Paris","sky":"sunny","temperature":21}',
        "result: It is 14:05 in Paris.",
        "Sunny, and 14:05.",
    ]
    (weather, _) = provider.requests[0].json["tools"]
    assert weather["function"]["parameters"]["properties"]["city"]["description"] == "The city, in English."


MAIL = call("send_mail", {"to": "ada@example.com", "text": "late"})


def test_a_mail_waits_for_approval_and_goes_in_another_process(provider: Provider) -> None:
    provider.script(calls(MAIL), reply(answer("It is on its way.")))
    asked = run("04_approval.py")
    assert asked == "waits for approval: send_mail {'to': 'ada@example.com', 'text': 'late'}\n"
    assert Path("pending.json").exists()

    assert run("04_approval.py", "approve").splitlines() == [
        "(a mail goes to ada@example.com: late)",
        "It is on its way.",
    ]
    assert not Path("pending.json").exists()
    assert provider.requests[1].json["messages"][-1]["content"] == "sent"


def test_a_mail_that_is_denied_is_not_sent_and_the_model_reads_why(provider: Provider) -> None:
    provider.script(calls(MAIL), reply(answer("I did not send it.")))
    run("04_approval.py")

    assert run("04_approval.py", "deny", "wrong", "person") == "I did not send it.\n"
    assert "wrong person" in provider.requests[1].json["messages"][-1]["content"]


def test_elements_of_a_list_are_printed_as_they_come(provider: Provider) -> None:
    written = json.dumps({"value": CITIES})
    provider.script(stream(events([written[n : n + 7] for n in range(0, len(written), 7)])))
    assert run("05_structured_output.py").splitlines() == [
        "Paris (France): 2,100,000",
        "Rome (Italy): 2,800,000",
        "2 cities, 4900000 people",
    ]
    assert provider.requests[0].json["response_format"]["type"] == "json_schema"


def test_a_picture_is_sent_and_a_document_is_refused_with_models_that_take_it(provider: Provider) -> None:
    provider.script(reply(answer("A red square.")))
    assert run("06_images_and_files.py", model="ovhcloud/qwen3.5-9b") == "A red square.\n"
    (text, picture) = provider.requests[0].json["messages"][0]["content"]
    assert text["text"].startswith("What is this?")
    assert picture["image_url"]["url"].startswith("data:image/png;base64,")

    Path("report.pdf").write_bytes(b"%PDF-1.7\n")
    refused = run("06_images_and_files.py", "report.pdf", model="ovhcloud/qwen3.5-9b", code=1)
    assert "`ovhcloud/qwen3.5-9b` takes no" in refused
    assert "take `" in refused
    assert len(provider.requests) == 1


def test_a_thread_goes_on_in_the_next_process(provider: Provider) -> None:
    assert run("07_conversation.py", "My name is Ada.").splitlines()[-1] == "[user-42: 2 messages in threads.db]"
    assert run("07_conversation.py", "What is my name?").splitlines()[-1] == "[user-42: 4 messages in threads.db]"
    assert [message["content"] for message in provider.requests[1].json["messages"]] == [
        "My name is Ada.",
        "Hello there, friend.",
        "What is my name?",
    ]


def test_what_fails_moves_on_and_what_is_too_dear_is_not_sent(provider: Provider) -> None:
    lines = run("08_fallbacks_and_budget.py", model="groq/llama-3.3-70b-versatile").splitlines()
    assert lines[0] == "Hello there, friend."
    assert lines[1].startswith("groq/llama-3.3-70b-versatile: ")
    assert "GROQ_API_KEY" in lines[1]
    assert re.fullmatch(r"ovhcloud/\S+: ok", lines[2])
    assert re.fullmatch(r"cost: \$0\.\d+", lines[3])
    assert lines[4].startswith("not sent: the call of `ovhcloud/")
    assert len(provider.requests) == 1


def test_the_nearest_text_comes_first(provider: Provider) -> None:
    async def embed(exchange: Exchange) -> None:
        texts: list[str] = exchange.request.json["input"]
        vectors = [[1.0, float("train" in text), float("back" in text or "refunded" in text)] for text in texts]
        data: list[dict[str, Any]] = [{"index": n, "embedding": vector} for n, vector in enumerate(vectors)]
        usage = {"prompt_tokens": 40, "total_tokens": 40}
        await reply({"data": data, "model": "bge-m3", "usage": usage})(exchange)

    provider.script(embed)
    lines = run("09_embeddings.py", model="ovhcloud/bge-m3").splitlines()
    assert lines[0] == "Do I get my money back after a delay?"
    assert lines[1] == "0.82 Tickets are refunded when a train is an hour late."
    assert lines[-1] == "[3 dimensions, 40 tokens, cost unknown]"  # the catalog has no price of it
    assert provider.requests[0].path == "/v1/embeddings"


def test_the_tests_of_an_agent_pass_and_reach_no_network() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-c",
            os.devnull,
            str(EXAMPLES / "10_testing.py"),
        ],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_an_example_whose_provider_fails_ends_with_the_cure(provider: Provider) -> None:
    provider.script(error(401, "bad key"))
    told_of_it = run("01_hello.py", code=1)
    assert "AuthenticationError" in told_of_it
    assert "refused the key of `OVHCLOUD_API_KEY`" in told_of_it


@pytest.mark.local_model
def test_hello_from_the_embedded_model() -> None:
    printed = run("01_hello.py", model=None)
    assert re.search(rf"{EMBEDDED}: \d+ in \+ \d+ out tokens, \$0, (stop|length)$", printed)


@pytest.mark.local_model
def test_tools_on_the_embedded_model() -> None:
    printed = run("03_tools.py", model=None)
    assert "call: get_weather {'city': 'Paris" in printed
    assert '"sky":"sunny"' in printed


@pytest.mark.local_model
def test_structured_output_of_the_embedded_model() -> None:
    lines = run("05_structured_output.py", model=None).splitlines()
    assert len(lines) > 1
    assert all(re.fullmatch(r".+ \(.+\): -?[\d,]+", line) for line in lines[:-1])
    assert lines[-1].startswith(f"{len(lines) - 1} cities")


@pytest.mark.local_model
def test_a_conversation_with_the_embedded_model() -> None:
    printed = run("07_conversation.py", model=None)
    assert printed.splitlines()[-1] == "[user-42: 4 messages in threads.db]"
