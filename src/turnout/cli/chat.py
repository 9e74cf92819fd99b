"""`turnout chat`: one question, or a conversation."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from turnout.errors import TurnoutError

if TYPE_CHECKING:
    from turnout.agent.agent import Agent

DEFAULT_MODEL = "local/smollm2-135m-instruct"
MODEL_VARIABLE = "TURNOUT_MODEL"

Prompt = Annotated[list[str] | None, typer.Argument(metavar="PROMPT", hidden=True)]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "-m", "--model", metavar="MODEL",
        help="Model, as provider/model; more than one are fallbacks, in order. "
        f"[default: {MODEL_VARIABLE}, else {DEFAULT_MODEL}]",
    ),
]  # fmt: skip
URL = Annotated[
    str | None,
    typer.Option(
        "--url", metavar="URL", help="Base URL of a server of your own; `-m custom/NAME` sends it CUSTOM_API_KEY."
    ),
]
System = Annotated[str | None, typer.Option("-s", "--system", metavar="TEXT", help="Instructions for the model.")]
Temperature = Annotated[
    float | None, typer.Option("-t", "--temperature", metavar="NUMBER", help="From 0 (steady) to 2 (wild).")
]
TopP = Annotated[
    float | None, typer.Option("--top-p", metavar="NUMBER", help="Share of the likely words to draw from, 0 to 1.")
]
MaxOutput = Annotated[
    int | None, typer.Option("-n", "--max-output-tokens", metavar="TOKENS", help="Most tokens of the answer.")
]
Seed = Annotated[
    int | None, typer.Option("--seed", metavar="NUMBER", help="The same seed gives the same answer, where supported.")
]
Stop = Annotated[
    list[str] | None, typer.Option("--stop", metavar="TEXT", help="Text that ends the answer (repeatable).")
]
Effort = Annotated[
    str | None,
    typer.Option("--reasoning-effort", metavar="EFFORT", help="none, minimal, low, medium, high, xhigh or max."),
]
Timeout = Annotated[
    float | None, typer.Option("--timeout", metavar="SECONDS", help="Most seconds that an answer may take.")
]
Retries = Annotated[
    int | None, typer.Option("--max-retries", metavar="COUNT", help="Tries after the first. [default: 2]")
]
Headers = Annotated[
    list[str] | None,
    typer.Option("-H", "--header", metavar="'NAME: VALUE'", help="Header to send with the request (repeatable)."),
]
ShowsReasoning = Annotated[bool, typer.Option("--reasoning", help="Show what the model thinks, on stderr.")]
AsJSON = Annotated[bool, typer.Option("--json", help="Print the whole result, or the error, as one JSON object.")]
IsWhole = Annotated[bool, typer.Option("--no-stream", help="Ask for the answer in one piece.")]
IsQuiet = Annotated[bool, typer.Option("-q", "--quiet", help="Leave out the last line (tokens, cost, times).")]


def chat(
    *,
    prompt: Prompt = None,
    model: Models = None,
    system: System = None,
    temperature: Temperature = None,
    top_p: TopP = None,
    max_output_tokens: MaxOutput = None,
    seed: Seed = None,
    stop: Stop = None,
    reasoning_effort: Effort = None,
    url: URL = None,
    header: Headers = None,
    timeout: Timeout = None,
    max_retries: Retries = None,
    reasoning: ShowsReasoning = False,
    as_json: AsJSON = False,
    no_stream: IsWhole = False,
    quiet: IsQuiet = False,
) -> int:
    """Ask a model, or talk with it.

    With a PROMPT, the answer is streamed to stdout, and a last line on stderr tells the model, tokens, cost and times.
    Without one, a conversation begins: Ctrl-C stops an answer, Ctrl-D leaves.

    A PROMPT of `-` is read from stdin, and so is one that is piped in. Among other words, `-` says where the text from
    stdin belongs: git diff | turnout chat "Explain this change:" -

    API keys come from the environment, or from `.env` in the working directory. No option takes one: other users of
    the machine can read a command line, and the shell keeps it.
    """
    settings = {
        "temperature": temperature,
        "top_p": top_p,
        "max_output_tokens": max_output_tokens,
        "seed": seed,
        "stop": stop,
        "reasoning_effort": reasoning_effort,
    }
    question = _read_prompt(prompt or [])
    if question is None and as_json:
        raise typer.BadParameter("--json needs a PROMPT")
    headers = _read_headers(header or [])
    try:
        names = model or [_default_model()]
        agent = _make_agent(names, url, system, settings, headers, timeout=timeout, max_retries=max_retries)
        return _answer(
            agent, names[0], question, as_json=as_json, is_streamed=not no_stream,
            shows_reasoning=reasoning, shows_summary=not quiet,
        )  # fmt: skip
    except TurnoutError as error:
        if not as_json:
            raise
        from turnout.cli.report import error_object
        from turnout.cli.terminal import print_json

        print_json(error_object(error))
        return 1


def _answer(agent: Agent, label: str, question: str | None, *, as_json: bool, is_streamed: bool, **looks: bool) -> int:
    import asyncio

    from turnout.cli.answer import Screen, ask

    screen = None if as_json else Screen(**looks)
    if question is None and screen is not None:
        from turnout.cli.conversation import converse

        converse(agent, label, screen, is_streamed=is_streamed)
        return 0
    try:
        result = asyncio.run(ask(agent, question or "", screen=screen, is_streamed=is_streamed))
    except KeyboardInterrupt:
        if screen is not None:
            screen.break_off()
        raise
    except BaseException:
        if screen is not None:
            screen.end()
        raise
    if screen is not None:
        screen.sum_up(result)
    else:
        from turnout.cli.report import result_object
        from turnout.cli.terminal import print_json

        print_json(result_object(result))
    return 0


def _make_agent(
    names: list[str],
    url: str | None,
    system: str | None,
    settings: dict[str, Any],
    headers: dict[str, str],
    *,
    timeout: float | None,
    max_retries: int | None,
) -> Agent:
    from turnout.agent.agent import Agent
    from turnout.routing.model import ModelConfig

    return Agent(
        id="chat",
        model=[ModelConfig(id=name, url=url) for name in names] if url else names,
        instructions=system,
        settings=settings,
        headers=headers,
        timeouts=None if timeout is None else {"total_s": timeout},
        max_retries=max_retries,
    )


def _default_model() -> str:
    from turnout.routing.environment import read_variable

    variable = read_variable(MODEL_VARIABLE)
    return variable.value if variable else DEFAULT_MODEL


def _read_prompt(words: list[str]) -> str | None:
    """Return the prompt with the text of stdin in the place of ``-``; `None` for a conversation."""
    if not words and sys.stdin.isatty():
        return None
    if words in ([], ["-"]):
        prompt = sys.stdin.read()
    elif "-" in words:
        at = words.index("-")
        parts = (" ".join(words[:at]), sys.stdin.read().strip("\n"), " ".join(words[at + 1 :]))
        prompt = "\n\n".join([part for part in parts if part])
    else:
        prompt = " ".join(words)
    if not prompt.strip():
        raise typer.BadParameter("the prompt is empty")
    return prompt


def _read_headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise typer.BadParameter(f"--header {line.split()[:1]}: write it as 'Name: value'")
        headers[name.strip()] = value.strip()
    return headers
