"""The command line: ``turnout COMMAND …`` and ``python -m turnout COMMAND …``. Needs the extra ``turnout[cli]``.

A command is a module of this package with a function of its own name, imported when it is used. The function returns
its exit code, and raises what it cannot mend: the table of ``main`` turns that into one line.
"""

from __future__ import annotations

import signal
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from turnout.errors import TurnoutError
from turnout.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

COMMANDS = {
    "chat": "Ask a model, or talk with it.",
    "models": "List providers and models, with what they can do and cost.",
    "explain": "Show where a call of a model would go, step by step.",
    "doctor": "Check this machine: keys, files, proxies, the embedded model, local servers.",
    "refresh": "Fetch a newer catalog of models and prices.",
}
"""Each command with its line in the help."""

HELP = """\
Usage: turnout COMMAND [ARGUMENTS]

One string, "provider/model", reaches any language model.

Commands:
{commands}

Options:
  --debug    Show the whole trace of an error (works after a command too).
  --version  Show the version.
  --help     Show this help; `turnout COMMAND --help` shows that of a command.

Try:
  turnout chat "Tell me a story"
  turnout chat -m ovhcloud/gpt-oss-120b
  turnout models ovhcloud --tools --sort price
"""

FAILED, USAGE, INTERRUPTED, BROKEN_PIPE = 1, 2, 130, 141
"""Exit codes: an error, a command that cannot be read, Ctrl-C, and a reader of stdout that left."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line on `argv` (by default that of the process) and return its exit code.

    0: done; 1: an error, told in one line on stderr; 2: the arguments cannot be read; 130: stopped by Ctrl-C.
    """
    from turnout.cli.terminal import discard_stdout, prepare_streams, print_error

    prepare_streams()
    arguments, is_debug = _take_debug([_readable(argument) for argument in (sys.argv[1:] if argv is None else argv)])
    try:
        code = _run(arguments)
        if argv is None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # one more Ctrl-C while it ends is not an interruption
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        discard_stdout()
        return BROKEN_PIPE
    except TurnoutError as error:
        if is_debug:
            raise
        print_error(str(error))
    except Exception as error:  # boundary: a fault of turnout's own is one line too, and --debug shows the rest
        if is_debug:
            raise
        print_error(f"unexpected {type(error).__name__}: {error} (run it again with --debug and report what you see)")
    return FAILED


def _run(arguments: list[str]) -> int:
    name = arguments[0] if arguments else "--help"
    if name == "--version":
        print(f"turnout {__version__}")
        return 0
    if name in {"--help", "-h", "help"}:
        print(HELP.format(commands="\n".join(f"  {name:<9}{line}" for name, line in COMMANDS.items())), end="")
        return 0
    if name not in COMMANDS:
        return _refuse(name)
    if find_spec("typer") is None:
        from turnout.cli.terminal import print_error

        print_error('the command line needs the package typer: pip install "turnout[cli]"')
        return FAILED
    return _invoke(name, arguments[1:])


def _invoke(name: str, arguments: list[str]) -> int:
    """Read `arguments` with typer and call the function of the command `name`."""
    import typer
    import typer.main

    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    settings = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
    app.command(context_settings=settings)(getattr(import_module(f"turnout.cli.{name}"), name))
    command = typer.main.get_command(app)
    usage_error: type[Exception] = typer.BadParameter.__mro__[1]  # UsageError, which typer does not export
    try:
        with command.make_context(f"turnout {name}", arguments) as context:
            return command.invoke(context) or 0
    except typer.Exit as error:
        return error.exit_code
    except usage_error as error:
        from turnout.cli.terminal import print_error

        reason = getattr(error, "format_message", error.__str__)()
        print_error(f"{reason.rstrip('.')} (`turnout {name} --help` shows what it takes)")
        return USAGE


def _refuse(name: str) -> int:
    from difflib import get_close_matches

    from turnout.cli.terminal import print_error

    near = get_close_matches(name, COMMANDS, 1)
    kind = "option" if name.startswith("-") else "command"
    hint = f"did you mean `{near[0]}`?" if near else f"the commands are {', '.join(COMMANDS)}"
    print_error(f"there is no {kind} `{name}`: {hint}")
    return USAGE


def _take_debug(arguments: list[str]) -> tuple[list[str], bool]:
    """Take ``--debug`` out, wherever it stands before a ``--``."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    kept = [argument for argument in arguments[:end] if argument != "--debug"]
    return [*kept, *arguments[end:]], len(kept) < end


def _readable(argument: str) -> str:
    """Return `argument` as text that can be sent: bytes that were no text in the terminal's encoding are replaced."""
    return argument.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
