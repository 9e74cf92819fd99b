"""`turnout chat` without a prompt, on a real terminal (a pty)."""

from __future__ import annotations

import sys

import pytest

if sys.platform == "win32":
    pytest.skip("needs a pty", allow_module_level=True)

from terminal_program import TerminalProgram, call, wait_until

from provider import KEY, Provider, error, event, events, stream

MODEL = "ovhcloud/gpt-oss-120b"
CTRL_C = "\x03"


def test_a_conversation_remembers_what_was_said(provider: Provider) -> None:
    provider.script(stream(events(["Hello Ada."])), stream(events(["Ada."])))
    with TerminalProgram("chat", "-m", MODEL, "-s", "Be brief") as program:
        assert MODEL in program.wait_for("> ")
        program.type("I am Ada\n")
        program.wait_for("Hello Ada.")
        program.wait_for(r"first token .*\n.*> ")
        program.type("Who am I?\n")
        program.wait_for("first token")
        program.leave()
    said = [(message["role"], message["content"]) for message in provider.requests[1].json["messages"]]
    assert said == [
        ("system", "Be brief"),
        ("user", "I am Ada"),
        ("assistant", "Hello Ada."),
        ("user", "Who am I?"),
    ]
    assert KEY not in program.screen


def test_ctrl_c_stops_the_answer_and_not_the_program(provider: Provider) -> None:
    provider.script(stream([event({"content": "Once upon"})], hold=True), stream(events(["Yes."])))
    with TerminalProgram("chat", "-m", MODEL) as program:
        program.wait_for("> ")
        program.type("A story\n")
        program.wait_for("Once upon")
        program.type(CTRL_C)
        program.wait_for(r"stopped.*\n.*> ")
        wait_until(lambda: provider.closes, "the connection stays open")
        program.type("Are you there?\n")
        program.wait_for("Yes[.]")
        program.wait_for("> ")
        program.type("/exit\n")
        assert program.wait() == 0
    said = [(message["role"], message["content"]) for message in provider.requests[1].json["messages"]]
    assert said == [("user", "A story"), ("assistant", "Once upon"), ("user", "Are you there?")]


def test_ctrl_c_before_the_first_word_takes_the_question_back(provider: Provider) -> None:
    provider.script(stream([], hold=True), stream(events(["Yes."])))
    with TerminalProgram("chat", "-m", MODEL) as program:
        program.wait_for("> ")
        program.type("A story\n")
        program.wait_for("story")
        wait_until(lambda: provider.requests, "no request came")
        program.type(CTRL_C)
        program.wait_for(r"stopped.*\n.*> ")
        program.type("Hi\n")
        program.wait_for("Yes[.]")
        program.leave()
    assert [message["content"] for message in provider.requests[1].json["messages"]] == ["Hi"]


def test_ctrl_c_twice_at_the_prompt_leaves(provider: Provider) -> None:
    with TerminalProgram("chat", "-m", MODEL) as program:
        program.wait_for("> ")
        program.press_until(CTRL_C, lambda: "Ctrl-C again, or Ctrl-D, leaves" in program.screen)
        program.press_until(CTRL_C, lambda: False)  # until it ends
        assert program.wait() == 0
    assert "Traceback" not in program.screen
    assert provider.requests == []


def test_an_error_does_not_end_the_conversation(provider: Provider) -> None:
    provider.script(error(400, "not this"), stream(events(["Fine."])))
    with TerminalProgram("chat", "-m", MODEL) as program:
        program.wait_for("> ")
        program.type("Bad\n")
        program.wait_for("error:.*not this.*\n.*> ")
        program.type("\n")
        program.type("/clear\n")
        program.wait_for(r"forgotten.*\n.*> ")
        program.type("/help\n")
        program.wait_for(r"leaves.*\n.*> ")
        program.type("Good\n")
        program.wait_for("Fine[.]")
        program.leave()
    assert [message["content"] for message in provider.requests[1].json["messages"]] == ["Good"]


def test_a_warning_is_told_once(provider: Provider) -> None:
    provider.script(stream())
    with TerminalProgram("chat", "-m", "ovhcloud/qwen3-32b") as program:
        for _ in range(2):
            program.wait_for("> ")
            program.type("Hi\n")
            program.wait_for("first token")
        program.leave()
    assert program.screen.count("was retired on") == 1


def test_ctrl_c_ends_a_single_question(provider: Provider) -> None:
    provider.script(stream([event({"content": "Once upon"})], hold=True))
    with TerminalProgram("chat", "-m", MODEL, "Hi") as program:
        program.wait_for("Once upon")
        program.type(CTRL_C)
        assert program.wait() == 130
    wait_until(lambda: provider.closes, "the connection stays open")
    assert "Traceback" not in program.screen


def test_a_terminal_is_not_steered_by_an_answer(provider: Provider) -> None:
    provider.script(stream(events(["\x1b]0;title\x07", "a\rb"])))
    with TerminalProgram("chat", "-m", MODEL, "-q", "Hi") as program:
        assert program.wait() == 0
    assert program.screen == "]0;titleab\r\n"


def test_colours_go_to_terminals_that_want_them(provider: Provider) -> None:
    provider.script(stream())
    screens: list[str] = []
    for variables in ({}, {"NO_COLOR": "1"}, {"TERM": "dumb"}):
        with TerminalProgram("chat", "-m", MODEL, "Hi", **variables) as program:
            assert program.wait() == 0
        screens.append(program.screen)
    assert "\x1b[2m" in screens[0]
    assert "\x1b" not in screens[1] + screens[2]


def test_a_model_that_thinks_says_so(provider: Provider) -> None:
    provider.script(stream([event({"reasoning_content": "Hm"}), event({"reasoning_content": "m"}), *events(["Four."])]))
    with TerminalProgram("chat", "-m", MODEL, "-q", "2+2?") as program:
        assert program.wait() == 0
    assert program.screen.count("thinking ...") == 1
    assert program.screen.endswith("\r\x1b[KFour.\r\n")


def test_a_conversation_into_a_file_keeps_the_prompt_out_of_it(provider: Provider) -> None:
    provider.script(stream(events(["One."])), stream(events(["Two."])))
    done = call("chat", "-m", MODEL, "-q", stdin=b"1?\n2?\n", is_typed=True)
    assert (done.code, done.stdout) == (0, "One.\nTwo.\n")
    assert done.stderr.startswith(f"talking with {MODEL} ")
    assert done.stderr.count("> ") == 3


def test_json_takes_no_conversation() -> None:
    done = call("chat", "--json", is_typed=True)
    assert (done.code, done.stdout) == (2, "")
    assert "--json needs a PROMPT" in done.stderr
