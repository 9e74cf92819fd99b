"""`turnout chat` as a process: what it writes, where, and its exit code."""

from __future__ import annotations

import json
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest
from terminal_program import LIMIT_S, TURNOUT, call, run

from provider import KEY, Provider, answer, cut, error, event, events, reply, stream

MODEL = "ovhcloud/gpt-oss-120b"
STORY = "Once upon a time there was a switch."


def test_an_answer_goes_to_stdout_and_its_facts_to_stderr(provider: Provider) -> None:
    provider.script(stream())
    done = run("chat", "-m", MODEL, "Tell me a story")
    assert (done.code, done.stdout) == (0, STORY + "\n")
    assert done.stderr.startswith(f"{MODEL} | 11 in + 7 out tokens | $0.00000428 | first token 0.")
    assert done.stderr.count("\n") == 1
    assert provider.requests[0].json["stream"] is True
    assert provider.requests[0].json["messages"] == [{"role": "user", "content": "Tell me a story"}]


def test_an_answer_is_shown_as_it_comes(provider: Provider) -> None:
    provider.script(stream([event({"content": "Once upon"})], hold=True))
    with subprocess.Popen([*TURNOUT, "chat", "-m", MODEL, "Hi"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read(9) == b"Once upon"
        process.kill()


def test_an_answer_keeps_its_own_line_end(provider: Provider) -> None:
    provider.script(stream(events([" A line", "\n"])))
    assert call("chat", "-m", MODEL, "-q", "Hi").stdout == " A line\n"


def test_no_stream_asks_for_the_whole(provider: Provider) -> None:
    done = call("chat", "--no-stream", "-m", MODEL, "Hi")
    assert done.stdout == "Hello there, friend.\n"
    assert "first token" not in done.stderr
    assert "stream" not in provider.requests[0].json


def test_options_reach_the_provider(provider: Provider) -> None:
    provider.script(stream())
    done = call(
        *("chat", "-m", MODEL, "-s", "Be brief", "-t", "0.5", "--top-p", "0.9", "-n", "50", "--seed", "7"),
        *("--stop", "END", "--stop", "FIN", "--reasoning-effort", "low", "-H", "X-Custom-Header: a value", "-q", "Hi"),
    )
    assert (done.code, done.stderr) == (0, "")
    request = provider.requests[0]
    assert request.headers["x-custom-header"] == "a value"
    assert request.json["messages"][0] == {"role": "system", "content": "Be brief"}
    sent = {name: request.json[name] for name in ("temperature", "top_p", "seed", "stop", "reasoning_effort")}
    assert sent == {
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 7,
        "stop": ["END", "FIN"],
        "reasoning_effort": "low",
    }
    assert 50 in (request.json.get("max_tokens"), request.json.get("max_completion_tokens"))


def test_words_need_no_quotes(provider: Provider) -> None:
    provider.script(stream())
    call("chat", "-m", MODEL, "Tell", "me", "--", "-a-", "story")
    assert provider.requests[0].json["messages"][0]["content"] == "Tell me -a- story"


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_a_prompt_is_read_from_stdin(provider: Provider, arguments: list[str]) -> None:
    provider.script(stream())
    assert call("chat", "-m", MODEL, *arguments, stdin=b"A story,\nplease\n").code == 0
    assert provider.requests[0].json["messages"][0]["content"] == "A story,\nplease\n"


def test_stdin_stands_where_the_dash_is(provider: Provider) -> None:
    provider.script(stream())
    call("chat", "-m", MODEL, "Explain", "this:", "-", "In French.", stdin=b"line 1\nline 2\n")
    assert provider.requests[0].json["messages"][0]["content"] == "Explain this:\n\nline 1\nline 2\n\nIn French."


def test_bytes_that_are_no_text_do_not_stop_it(provider: Provider) -> None:
    provider.script(stream())
    assert run("chat", "-m", MODEL, "-q", stdin=b"caf\xe9").code == 0
    assert provider.requests[0].json["messages"][0]["content"] == "caf\ufffd"
    assert run("chat", "-m", MODEL, b"caf\xe9").stdout == STORY + "\n"
    assert provider.requests[1].json["messages"][0]["content"] == "caf\ufffd"


def test_a_terminal_of_few_letters_shows_question_marks(provider: Provider) -> None:
    provider.script(stream(events(["naïve €"])))
    done = run("chat", "-m", MODEL, "-q", "Hi", PYTHONIOENCODING="ascii")
    assert (done.code, done.stdout) == (0, "na?ve ?\n")


def test_reasoning_is_shown_on_request(provider: Provider) -> None:
    provider.script(stream([event({"reasoning_content": "Let me think"}), *events(["Four."])]))
    hidden, shown = call("chat", "-m", MODEL, "-q", "2+2?"), call("chat", "-m", MODEL, "-q", "--reasoning", "2+2?")
    assert (hidden.stdout, hidden.stderr) == ("Four.\n", "")
    assert (shown.stdout, shown.stderr) == ("Four.\n", "Let me think\n")


def test_a_refusal_and_a_tool_call_are_told_aside(provider: Provider) -> None:
    wanted = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"city": "Gent"}'}}
    provider.script(reply(answer("", refusal="I will not", tool_calls=[wanted], finish_reason="tool_calls")))
    done = call("chat", "-m", MODEL, "--no-stream", "Hi")
    assert (done.code, done.stdout) == (0, "")
    assert done.stderr.splitlines()[:2] == ["I will not", "the model asks for the tool find(city='Gent')"]
    assert "| ended by tool_calls |" in done.stderr


def test_warnings_are_one_line_each(provider: Provider) -> None:
    provider.script(stream())
    done = call("chat", "-m", "ovhcloud/qwen3-32b", "-q", "Hi")
    assert done.stderr == "warning: `ovhcloud/qwen3-32b` was retired on 2026-09-27: use `ovhcloud/qwen3.6-27b`\n"


def test_a_second_model_is_a_fallback(provider: Provider) -> None:
    provider.script(error(401), stream())
    done = call("chat", "-m", "ovhcloud/gpt-oss-20b", "-m", MODEL, "Hi")
    assert (done.code, done.stdout) == (0, STORY + "\n")
    assert [request.json["model"] for request in provider.requests] == ["gpt-oss-20b", "gpt-oss-120b"]
    assert done.stderr.splitlines()[-1].startswith(f"{MODEL} |")


def test_a_url_of_ones_own_gets_the_id_and_its_own_key(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOM_API_KEY", "sk-mine-123")
    provider.script(stream())
    done = call("chat", "--url", provider.url, "-m", "custom/my-model", "-q", "Hi")
    assert (done.code, done.stderr) == (0, "")
    assert provider.requests[0].json["model"] == "my-model"
    assert provider.requests[0].headers["authorization"] == "Bearer sk-mine-123"


@pytest.mark.parametrize("origin", ["environment", ".env"])
def test_the_default_model_is_a_variable(provider: Provider, monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    provider.script(stream())
    if origin == ".env":
        Path(".env").write_text(f"TURNOUT_MODEL={MODEL}\n")
    else:
        monkeypatch.setenv("TURNOUT_MODEL", MODEL)
    done = call("chat", "-q", "Hi")
    assert (done.code, done.stdout) == (0, STORY + "\n")


def test_json_is_the_whole_result(provider: Provider) -> None:
    provider.script(error(500), stream([event({"reasoning_content": "Hm."}), *events()]))
    done = call("chat", "--json", "-m", MODEL, "Hi")
    assert (done.code, done.stderr) == (0, "")
    result = json.loads(done.stdout, parse_float=Decimal)
    assert (result["text"], result["reasoning"], result["finish_reason"]) == (STORY, "Hm.", "stop")
    assert (result["model"], result["answered_model"], result["provider"]) == (MODEL, "gpt-oss-120b", "ovhcloud")
    assert result["usage"]["input_tokens"] == 11
    assert result["cost"]["total"] == Decimal("0.00000428")
    assert [(attempt["status"], attempt["error"] and attempt["error"]["type"]) for attempt in result["attempts"]] == [
        (500, "ServerError"),
        (200, None),
    ]
    assert result["timing"]["first_chunk_s"] <= result["timing"]["total_s"]
    assert result["warnings"] == []
    assert set(result) >= {"refusal", "tool_calls", "request_id"}


def test_json_of_an_error_is_an_object_too(provider: Provider) -> None:
    provider.script(error(401, f"bad key {KEY}", x_request_id="req-9"))
    done = call("chat", "--json", "-m", MODEL, "Hi")
    assert (done.code, done.stderr) == (1, "")
    told = json.loads(done.stdout)
    assert told["error"]["type"] == "AuthenticationError"
    assert (told["error"]["status"], told["error"]["request_id"]) == (401, "req-9")
    assert told["attempts"][0]["status"] == 401
    assert KEY not in done.stdout


@pytest.mark.parametrize("arguments", [["--json"], ["--no-stream"], ["--debug"], []])
def test_no_key_is_ever_shown(provider: Provider, arguments: list[str]) -> None:
    provider.script(error(401, f"Incorrect API key provided: {KEY}"))
    done = run("chat", *arguments, "-m", MODEL, "Hi")
    assert done.code == 1
    assert KEY not in done.stdout + done.stderr


def test_an_error_is_one_line(provider: Provider) -> None:
    provider.script(error(400, "first line\nsecond \x1b[31mline"))
    done = call("chat", "-m", MODEL, "Hi")
    assert (done.code, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert "\x1b" not in done.stderr


def test_debug_shows_the_trace(provider: Provider) -> None:
    provider.script(error(400, "no"))
    for arguments in (["--debug", "chat", "-m", MODEL, "Hi"], ["chat", "-m", MODEL, "Hi", "--debug"]):
        done = run(*arguments)
        assert done.code == 1
        assert "Traceback" in done.stderr
        assert "BadRequestError" in done.stderr


def test_a_stream_that_breaks_keeps_what_came(provider: Provider) -> None:
    provider.script(cut([event({"content": "Once upon"})]))
    done = call("chat", "-m", MODEL, "--max-retries", "0", "Hi")
    assert (done.code, done.stdout) == (1, "Once upon\n")
    assert done.stderr.startswith("error: ")


def test_a_missing_key_names_its_variable() -> None:
    done = run("chat", "-m", "groq/llama-3.3-70b-versatile", "Hi")
    assert (done.code, done.stdout) == (1, "")
    assert done.stderr.startswith("error: `groq/llama-3.3-70b-versatile` needs an API key: set `GROQ_API_KEY`")


def test_a_reader_that_leaves_ends_it_quietly(provider: Provider) -> None:
    provider.script(stream(events(["A line\n", *["and more\n"] * 2000]), pause_s=0.001))
    process = subprocess.Popen(
        [*TURNOUT, "chat", "-m", MODEL, "Hi"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        assert process.stdout.read(7) == b"A line\n"
        process.stdout.close()
        assert process.wait(LIMIT_S) == 141
        assert process.stderr.read() == b""


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["chat", ""], "the prompt is empty"),
        (["chat", "-m", MODEL, "-H", "no colon", "Hi"], "write it as 'Name: value'"),
        (["chat", "-t", "warm", "Hi"], "--temperature"),
        (["chat", "--api-key", "sk-1", "Hi"], "No such option: --api-key"),
        (["chat", "--json"], "the prompt is empty"),
    ],
)
def test_arguments_that_cannot_be_read_are_one_line(arguments: list[str], reason: str) -> None:
    done = call(*arguments)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert reason in done.stderr
    assert "`turnout chat --help`" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_setting_out_of_range_is_one_line(provider: Provider) -> None:
    done = call("chat", "-m", MODEL, "--reasoning-effort", "huge", "Hi")
    assert done.code == 1
    assert done.stderr.startswith("error: settings: ")
    assert provider.requests == []


def test_fallbacks_that_all_fail_are_one_line(provider: Provider) -> None:
    provider.script(error(401, "no such key"))
    done = call("chat", "-m", MODEL, "-m", "groq/llama-3.3-70b-versatile", "Hi")
    assert done.code == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert "no such key" in done.stderr
    assert "GROQ_API_KEY" in done.stderr


def test_a_table_whose_reader_leaves_ends_quietly() -> None:
    process = subprocess.Popen([*TURNOUT, "models", "--tools"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(LIMIT_S) == 141
        assert process.stderr.read() == b""
