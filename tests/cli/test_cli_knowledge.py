"""The commands that send nothing: models, explain, doctor, refresh; and the program itself."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from terminal_program import TerminalProgram, run

from provider import KEY, Provider
from turnout.catalog import current
from turnout.catalog.access import AccessChange
from turnout.catalog.columns import format_context, format_flag, format_price
from turnout.catalog.store import refreshed_file
from turnout.catalog.updates import PriceChange, ProviderChange, RefreshReport
from turnout.cli import COMMANDS, main
from turnout.cli.grid import Line, lay_out
from turnout.local.embedded import EmbeddedModel
from turnout.protocols import find_protocol
from turnout.version import __version__

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "turnout"


def test_the_version_needs_no_package_of_the_extra() -> None:
    code = "import sys; from turnout.cli import main; main(['--version']); print('typer' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["turnout", __version__, "False"]


def test_alone_it_prints_help() -> None:
    done = run()
    assert done.code == 0
    assert done.stdout == run("--help").stdout
    for command, line in COMMANDS.items():
        assert f"  {command:<9}{line}\n" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_that_begins_with_its_line(command: str, capsys: Captured) -> None:
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: turnout {command} ")
    assert COMMANDS[command] in shown
    assert "<str>" not in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["caht"], "error: there is no command `caht`: did you mean `chat`?\n"),
        (["sing"], "error: there is no command `sing`: the commands are chat, models, explain, doctor, refresh\n"),
        (["--quiet"], "error: there is no option `--quiet`: the commands are chat, models"),
    ],
)
def test_an_unknown_command_is_a_usage_error(arguments: list[str], message: str, capsys: Captured) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith(message)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setitem(sys.modules, "typer", None)
    assert main(["doctor"]) == 1
    assert capsys.readouterr().err == 'error: the command line needs the package typer: pip install "turnout[cli]"\n'


def test_a_fault_of_its_own_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    def fail() -> None:
        raise ZeroDivisionError("boom")

    monkeypatch.setattr("turnout.catalog.providers", fail)
    assert main(["models"]) == 1
    assert capsys.readouterr().err.startswith("error: unexpected ZeroDivisionError: boom (run it again with --debug")
    with pytest.raises(ZeroDivisionError):
        main(["--debug", "models"])


def test_models_of_a_provider_are_a_table(capsys: Captured) -> None:
    assert main(["models", "OVHcloud"]) == 0
    output = capsys.readouterr()
    head, *lines = output.out.splitlines()
    titles = ["Model", "Context", "Tools", "Reasoning", "Image", "Audio", "Video", "Input $/1M", "Output $/1M", "Note"]
    assert [title.strip() for title in head.split("  ") if title.strip()] == titles
    rows = {line.split()[0]: line.split()[1:] for line in lines}
    assert rows["ovhcloud/gpt-oss-120b"] == ["131K", "yes", "yes", "-", "-", "-", "$0.09", "$0.47"]
    assert rows["ovhcloud/qwen3guard-gen-8b"][-2:] == ["free", "free"]
    assert rows["ovhcloud/qwen3-32b"][8:] == ["retired", "2026-09-27,", "use", "ovhcloud/qwen3.6-27b"]
    assert output.err == f"{len(lines)} models\n"
    assert "\x1b" not in output.out


def test_models_can_be_filtered_and_sorted(capsys: Captured) -> None:
    arguments = [
        "--tools",
        "--input",
        "image",
        "--min-context",
        "200000",
        "--max-input-price",
        "0.5",
        "--sort",
        "price",
    ]
    assert main(["models", "ovhcloud", *arguments, "--no-retired", "--no-free", "--reasoning", "--json"]) == 0
    found = json.loads(capsys.readouterr().out, parse_float=Decimal)
    assert [model["id"] for model in found] == ["ovhcloud/qwen3.5-9b", "ovhcloud/qwen3.6-27b", "ovhcloud/qwen3.8-27b"]
    assert found[0]["input_price"] == Decimal("0.12")
    assert found[0]["audio_input_price"] is None


def test_models_of_all_providers_are_listed_with_a_filter(capsys: Captured) -> None:
    assert main(["models", "--retired", "--sort", "id"]) == 0
    assert "ovhcloud/qwen3-32b" in capsys.readouterr().out
    assert main(["models", "--min-context", "100000000000"]) == 0
    output = capsys.readouterr()
    assert (output.out, output.err) == ("", "0 models\n")


def test_models_alone_lists_providers(provider: Provider, capsys: Captured) -> None:
    assert main(["models"]) == 0
    output = capsys.readouterr()
    rows = {line.split()[0]: line for line in output.out.splitlines()}
    assert " OVHCLOUD_API_KEY (set) " in rows["ovhcloud"]
    assert " GROQ_API_KEY " in rows["groq"]
    assert " none " in rows["local"]
    assert output.err.startswith(f"{len(rows) - 1} providers, ")
    assert KEY not in output.out
    assert main(["models", "--json"]) == 0
    assert {provider["id"] for provider in json.loads(capsys.readouterr().out)} == rows.keys() - {"Provider"}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["ovhcluod"], 1, "no provider is called `ovhcluod`: did you mean `ovhcloud`?"),
        (["zzzzzzzz"], 1, "no provider is called `zzzzzzzz`: `turnout models` lists them"),
        (["ovhcloud/gpt-oss-120b"], 2, "run `turnout explain ovhcloud/gpt-oss-120b`"),
        (["--sort", "beauty"], 2, "choose id, price, context or release_date"),
    ],
)
def test_models_says_what_it_does_not_know(arguments: list[str], code: int, message: str, capsys: Captured) -> None:
    assert main(["models", *arguments]) == code
    assert message in capsys.readouterr().err


def test_a_narrow_terminal_gets_short_headings() -> None:
    with TerminalProgram("models", "ovhcloud", COLUMNS="80", TERM="dumb") as program:
        assert program.wait() == 0
    lines = program.screen.splitlines()
    assert lines[0].split() == ["Model", "Context", "T", "R", "I", "A", "V", "In", "$/1M", "Out", "$/1M"]
    assert max(map(len, lines)) <= 80
    assert any(
        line.split() == ["ovhcloud/gpt-oss-120b", *["131K", "y", "y", "-", "-", "-", "$0.09", "$0.47"]]
        for line in lines
    )
    assert "  retired 2026-09-27, use ovhcloud/qwen3.6-27b" in lines
    assert "T tools, R reasoning" in program.screen


def test_a_wide_terminal_dims_what_is_retired() -> None:
    with TerminalProgram("models", "ovhcloud", COLUMNS="140") as program:
        assert program.wait() == 0
    lines = program.screen.splitlines()
    assert lines[0].startswith("\x1b[1mModel ")
    assert "\x1b[2m  retired 2026-09-27, use ovhcloud/qwen3.6-27b\x1b[0m" in lines
    with TerminalProgram("models", COLUMNS="80") as program:
        assert program.wait() == 0
    assert max(map(len, program.screen.splitlines())) <= 80 + len("\x1b[1m\x1b[0m")


def test_a_name_too_long_for_its_column_takes_a_line_of_its_own() -> None:
    lines = [Line(cells=["a/long-name", "1K"]), Line(cells=["b/x", "131K"], notes=["note"], is_dim=True)]
    shown = list(lay_out(("Model", "Context"), lines, right=(1,), width=15))
    assert shown == [
        ("Model   Context", False),
        ("a/long-name", False),
        ("             1K", False),
        ("b/x        131K", True),
        ("  note", True),
    ]


def test_explain_tells_every_step_without_a_key(capsys: Captured) -> None:
    assert main(["explain", "ovhcloud/gpt-oss-120b"]) == 0
    name, *lines, verdict = capsys.readouterr().out.splitlines()
    facts = [(line[2:19].strip(), line[20:]) for line in lines]
    labels = ["provider", "model on the wire", "url", "wire format", "key", "request to"]
    assert [label for label, _ in facts][: len(labels)] == labels
    told = dict(facts)
    assert name == "ovhcloud/gpt-oss-120b"
    assert told["url"] == "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1 (from the catalog)"
    assert told["request to"] == "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1/chat/completions"
    assert told["key"] == "none; the call is sent without one"
    assert told["price"] == "$0.09 in, $0.47 out (per 1M tokens)"
    assert told["supports"].startswith("tools: yes, reasoning: yes")
    assert "OVHCLOUD_API_KEY" in told["warning"]
    assert verdict == "ready: a call would be sent"


def test_explain_tells_where_a_key_is_and_not_what(provider: Provider, capsys: Captured) -> None:
    assert main(["explain", "ovhcloud/gpt-oss-120b"]) == 0
    shown = capsys.readouterr().out
    assert "found (`OVHCLOUD_API_KEY` in the environment)" in shown
    assert f"{provider.url} (from `OVHCLOUD_BASE_URL` in the environment)" in shown
    assert KEY not in shown
    assert main(["explain", "ovhcloud/gpt-oss-120b", "--json"]) == 0
    shown = capsys.readouterr().out
    assert json.loads(shown)["headers"] == ["authorization"]
    assert KEY not in shown


def test_a_terminal_gets_long_facts_wrapped() -> None:
    with TerminalProgram("explain", "ovhcloud/gpt-oss-120b", COLUMNS="80") as program:
        assert program.wait() == 0
    lines = program.screen.splitlines()
    first = next(at for at, line in enumerate(lines) if line.startswith("  warning "))
    assert lines[first + 1].startswith(" " * 20 + "limits the rate: set")
    assert max(len(line) for line in lines if "http" not in line) <= 80


def test_explain_shows_the_way_to_a_missing_key(capsys: Captured) -> None:
    assert main(["explain", "groq/llama-3.3-70b-versatile"]) == 0
    output = capsys.readouterr()
    assert "https://api.groq.com/openai/v1/chat/completions" in output.out
    assert "not found; set `GROQ_API_KEY`" in output.out
    assert output.out.splitlines()[-1].startswith("not ready: ")
    assert main(["explain", "groq/llama-3.3-70b-versatile", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["is_ready"], told["problem"]["type"]) == (False, "MissingKeyError")


def test_explain_marks_a_retired_model(capsys: Captured) -> None:
    assert main(["explain", "ovhcloud/qwen3-32b"]) == 0
    assert "2026-09-27, use ovhcloud/qwen3.6-27b" in capsys.readouterr().out


def test_explain_of_the_embedded_model_names_no_address(capsys: Captured) -> None:
    assert main(["explain", "local/smollm2-135m-instruct"]) == 0
    shown = capsys.readouterr().out
    assert "a server on this machine, started on first use" in shown
    assert "http://127.0.0.1" not in shown


def test_explain_of_a_server_of_ones_own(capsys: Captured) -> None:
    assert main(["explain", "--url", "http://127.0.0.1:8000/v1", "Qwen/Qwen3-32B"]) == 0
    shown = capsys.readouterr().out
    assert "http://127.0.0.1:8000/v1/chat/completions" in shown
    assert "does not list this model" in shown


def test_explain_tells_how_tools_and_output_are_asked_for_and_the_quirks(capsys: Captured) -> None:
    assert main(["explain", "groq/qwen/qwen3.8-27b"]) == 0
    told = {line[2:19].strip(): line[20:] for line in capsys.readouterr().out.splitlines()[1:-1]}
    assert (told["tools by"], told["output by"]) == ("the wire format's own", "json_schema")
    assert "single_system_message: yes; rejected_fields: logprobs, top_logprobs, logit_bias" in told["quirks"]
    assert main(["explain", "local/smollm2-135m-instruct"]) == 0
    shown = capsys.readouterr().out
    assert "emulated" in shown
    assert "offers_tools_once: yes" in shown
    assert main(["explain", "mistral/mistral-large-latest", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["quirks"]["seed_field"] == "random_seed"


def test_explain_ranks_a_selection_and_says_why_not_the_others(capsys: Captured) -> None:
    assert main(["explain", "--select", "provider=ovhcloud tools=true min-context=100_000 sort=price limit=2"]) == 0
    output = capsys.readouterr()
    heading, first, second, third, *others = output.out.splitlines()
    assert heading.split()[:3] == ["Model", "#", "Context"]
    assert first.split() == ["ovhcloud/gpt-oss-20b", "1", "131K", "$0.05", "$0.18", "2025-08-28", "tried"]
    assert second.endswith("tried")
    assert third.endswith("beyond the limit")
    (small,) = [line for line in others if line.startswith("ovhcloud/mistral-nemo-instruct-2407")]
    assert small.endswith("not: min_context=100000")
    (gone,) = [line for line in others if line.startswith("ovhcloud/qwen3-32b")]
    assert gone.endswith("not: retired 2026-09-27, use ovhcloud/qwen3.6-27b; min_context=100000")
    assert "9 fit, 13 do not" in output.err


def test_explain_of_a_selection_that_nothing_fits(capsys: Captured) -> None:
    assert main(["explain", "--select", "provider=ovhcloud,mistral input=video retired=any sort=latency"]) == 1
    output = capsys.readouterr()
    assert "not: input=video" in output.out
    assert "mistral: left out, because no key of it is set" in output.err
    assert "measured nothing yet" in output.err


def test_explain_of_a_selection_as_json_and_of_many(capsys: Captured) -> None:
    assert main(["explain", "--select", "tools=yes reachable=no limit=1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [match["is_tried"] for match in told["matches"][:2]] == [True, False]
    assert len(told["excluded"]) > 1000
    assert main(["explain", "--select", "tools=yes reachable=no limit=1"]) == 0
    assert "of them not shown" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give a MODEL"),
        (["ovhcloud/gpt-oss-120b", "--select", "tools=true"], "and not both"),
        (["--select", "tool=true"], "write name=value, of provider"),
        (["--select", "tools"], "write name=value"),
        (["--select", "tools=maybe"], "`maybe` is no value for `tools`"),
        (["--select", "limit=few"], "`few` is no value for `limit`"),
    ],
)
def test_explain_says_what_a_selection_may_hold(arguments: list[str], message: str, capsys: Captured) -> None:
    assert main(["explain", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_explain_of_a_selection_without_models(capsys: Captured) -> None:
    Path("turnout.toml").write_text('[providers.mine]\nbase_url = "https://mine.test/v1"\n', encoding="utf-8")
    assert main(["explain", "--select", "provider=mine"]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert "0 fit, 0 do not" in output.err


@pytest.mark.parametrize("model", ["ovhcluod/gpt-oss-120b", "gpt-oss-120b"])
def test_explain_fails_where_a_model_cannot_be_routed(model: str, capsys: Captured) -> None:
    assert main(["explain", model]) == 1
    output = capsys.readouterr()
    assert output.err.startswith("error: ")
    assert "did you mean" in output.err
    assert main(["explain", model, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["is_ready"] is False
    assert "did you mean" in told["error"]["message"]


def test_explain_says_when_a_wire_format_is_not_spoken(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    find_protocol.cache_clear()
    monkeypatch.setattr("turnout.protocols.PROTOCOLS", ())
    assert main(["explain", "ovhcloud/gpt-oss-120b"]) == 1
    assert "not ready: the wire format `openai_chat` is not supported by this version" in capsys.readouterr().out
    find_protocol.cache_clear()


def test_doctor_of_a_sound_machine(provider: Provider, own_cache: Path, capsys: Captured) -> None:
    Path(".env").write_text(f"GROQ_API_KEY={KEY}\nEMPTY=\n")
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "!!" not in shown
    assert KEY not in shown
    assert f"ok  turnout          {__version__} on Python 3." in shown
    assert f"ok  cache            {own_cache} can be written" in shown
    assert "ok  .env             sets GROQ_API_KEY, EMPTY (empty)" in shown
    assert "ok  groq             GROQ_API_KEY (.env), calls go to https://api.groq.com/openai/v1" in shown
    assert f"OVHCLOUD_BASE_URL (environment), calls go to {provider.url}" in shown
    assert "--  embedded model   local/smollm2-135m-instruct is not fetched yet" in shown


@pytest.mark.parametrize(
    ("variables", "subject", "message"),
    [
        ({"OVHCLOUD_BASE_URL": "nowhere"}, "ovhcloud", "is not an http or https URL"),
        ({"CLOUDFLARE_API_KEY": KEY}, "cloudflare-workers-ai", "CLOUDFLARE_ACCOUNT_ID"),
        ({"GROQ_BASE_URL": "http://127.0.0.1:1"}, "groq", "but no API key: set `GROQ_API_KEY`"),
        ({"HTTPS_PROXY": f"socks5://me:{KEY}@127.0.0.1:1"}, "proxy", "SOCKS is not supported"),
        ({"SSL_CERT_FILE": "missing.pem"}, "TLS trust", "does not exist"),
        ({"TURNOUT_MODEL": "ovhcluod/gpt-oss-120b"}, "default model", "did you mean"),
    ],
)
def test_doctor_finds_what_is_broken(
    variables: dict[str, str], subject: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert main(["doctor", "--json"]) == 1
    shown = capsys.readouterr().out
    broken = {finding["subject"]: finding["text"] for finding in json.loads(shown) if finding["state"] == "broken"}
    assert message in broken[subject]
    assert len(broken) == 1
    assert KEY not in shown


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_SECRET_ACCESS_KEY"])
def test_doctor_takes_no_offence_at_what_serves_others(
    variable: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv(variable, "eu-west-3")
    assert main(["doctor"]) == 0
    assert "--  amazon-bedrock" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("variables", "code", "told"),
    [
        ({"AWS_BEARER_TOKEN_BEDROCK": KEY}, 1, "needs `AWS_REGION` or `AWS_DEFAULT_REGION`"),
        (
            {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": KEY, "AWS_REGION": "eu-west-3"},
            0,
            "ok  amazon-bedrock   AWS_ACCESS_KEY_ID (environment)",
        ),
        ({"AZURE_RESOURCE_NAME": "mine", "AZURE_CLIENT_ID": "c"}, 0, "but no API key: set `AZURE_API_KEY` or"),
        ({"WATSONX_AI_APIKEY": KEY, "WATSONX_AI_PROJECT_ID": "p"}, 0, "exchanged for a token before the call"),
        ({"WATSONX_AI_APIKEY": KEY}, 1, "WATSONX_AI_PROJECT_ID"),
    ],
)
def test_doctor_tells_what_is_complete_and_what_is_missing(
    variables: dict[str, str], code: int, told: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert main(["doctor"]) == code
    shown = " ".join(capsys.readouterr().out.split())
    assert " ".join(told.split()) in shown
    assert KEY not in shown


def test_doctor_shows_a_proxy_without_its_password(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setenv("https_proxy", f"http://me:{KEY}@127.0.0.1:3128")
    monkeypatch.setenv("NO_PROXY", "localhost")
    monkeypatch.setenv("TURNOUT_MODEL", "ovhcloud/gpt-oss-120b")
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "https_proxy: http://127.0.0.1:3128" in shown
    assert "NO_PROXY: localhost" in shown
    assert "ovhcloud/gpt-oss-120b (TURNOUT_MODEL in the environment)" in shown
    assert KEY not in shown


def test_doctor_says_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    assert main(["doctor"]) == 0
    assert '--  extra local      xllamacpp not installed: pip install "turnout[local]"' in capsys.readouterr().out


def test_doctor_finds_a_cache_that_cannot_be_written(own_cache: Path, capsys: Captured) -> None:
    own_cache.parent.write_text("a file where a folder should be")
    assert main(["doctor"]) == 1
    assert f"!!  cache            {own_cache} cannot be written" in capsys.readouterr().out


def test_doctor_names_the_catalog_in_force(own_cache: Path, capsys: Captured) -> None:
    own_cache.mkdir(parents=True)
    refreshed_file().write_bytes(b"damaged")
    Path("turnout.toml").write_text('[providers.acme]\nbase_url = "http://127.0.0.1:1/v1"\n')
    assert main(["doctor"]) == 1
    shown = capsys.readouterr().out
    assert f"with the rows of {Path('turnout.toml').absolute()}" in shown
    assert "!!  catalog" in shown
    assert "run `turnout refresh`" in shown


def test_doctor_finds_the_embedded_model(monkeypatch: pytest.MonkeyPatch, own_cache: Path, capsys: Captured) -> None:
    model = EmbeddedModel(
        name="tiny", package="tiny", version="1", wheel_size_bytes=1, member="tiny.gguf", size_bytes=4, sha256="0"
    )
    monkeypatch.setattr("turnout.local.embedded.EMBEDDED_MODELS", (model,))
    path = own_cache / "models" / "tiny.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"GGUF")
    assert main(["doctor"]) == 0
    assert f"ok  embedded model   local/tiny is in {path}" in capsys.readouterr().out


def test_doctor_reads_the_files_it_speaks_of(own_cache: Path, capsys: Captured) -> None:
    Path(".env").write_bytes(b"A=\xff\n")
    model_file = own_cache / "models" / "smollm2-135m-instruct.gguf"
    model_file.parent.mkdir(parents=True)
    model_file.write_bytes(b"half")
    assert main(["doctor"]) == 1
    shown = capsys.readouterr().out
    assert f"!!  embedded model   {model_file} is not whole" in shown
    assert "save it as UTF-8" in shown


def test_doctor_reports_a_bad_row_of_ones_own(capsys: Captured) -> None:
    Path("turnout.toml").write_text("[providers.acme]\nbase_url = 7\n")
    try:
        assert main(["doctor"]) == 1
    finally:
        Path("turnout.toml").unlink()
        current.cache_clear()
    assert "!!  configuration" in capsys.readouterr().out


def test_refresh_says_what_changed(monkeypatch: pytest.MonkeyPatch, capsys: Captured, tmp_path: Path) -> None:
    moved = AccessChange(
        provider="acme", field="base_url", before="https://acme.example", after="https://\x1b[2Jelse.example"
    )
    cheaper = PriceChange(id="acme/model-0", field="cache_read_price", before=Decimal("0.5"), after=None)
    report = RefreshReport(
        source="api.json",
        path=tmp_path / "catalog.bin",
        date="2026-11-23T00:00:00Z",
        provider_count=2,
        model_count=30,
        added=tuple(f"acme/model-{number}" for number in range(25)),
        removed=(),
        price_changes=(cheaper,),
        by_provider={"acme": ProviderChange(added=25, repriced=1)},
    )
    asked: list[tuple[str | None, bool]] = []

    def refresh(source: str | None, *, accept_access_changes: bool) -> RefreshReport:
        asked.append((source, accept_access_changes))
        return report

    monkeypatch.setattr("turnout.catalog.refresh", refresh)
    assert main(["refresh"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "30 models of 2 providers: 25 added, 0 removed, 1 with other prices"
    assert lines[2:4] == ["added:", "  acme/model-0"]
    assert lines[22:25] == ["  acme/model-19", "  ... and 5 more (--json prints all)", ""]
    assert lines[25:27] == ["prices:", "  acme/model-0: cache read $0.50 -> ?"]
    assert lines[-1] == f"written to {tmp_path / 'catalog.bin'}"
    report = msgspec.structs.replace(report, access_changes=(moved,))
    assert main(["refresh", "--accept-access-changes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "WHERE CALLS GO, OR THE KEYS THEY CARRY, CHANGED:"
    assert lines[1:3] == ["  acme: base_url https://acme.example -> https://[2Jelse.example", ""]
    assert lines[3].startswith("30 models of 2 providers: ")
    assert main(["refresh", "--from", "api.json", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert len(shown["added"]) == 25
    assert [change["provider"] for change in shown["access_changes"]] == ["acme"]
    assert asked == [(None, False), (None, True), ("api.json", False)]


def test_refresh_takes_no_source_that_would_empty_the_catalog(
    tmp_path: Path, own_cache: Path, capsys: Captured
) -> None:
    source = tmp_path / "api.json.gz"
    models = {"one": {"id": "one", "name": "One", "cost": {"input": 1, "output": 2}}}
    api = {"acme": {"id": "acme", "name": "Acme", "env": ["ACME_API_KEY"], "models": models}}
    source.write_bytes(gzip.compress(json.dumps(api).encode()))
    assert main(["refresh", "--from", str(source)]) == 1
    assert capsys.readouterr().err.startswith("error: the source has ")
    assert not own_cache.joinpath("catalog.bin").exists()


def test_refresh_from_a_file_that_is_not_there(capsys: Captured) -> None:
    assert main(["refresh", "--from", "nowhere.json"]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("error: nowhere.json cannot be read ")
    assert output.err.count("\n") == 1


@pytest.mark.parametrize(
    ("tokens", "shown"),
    [
        (None, "?"), (0, "0"), (512, "512"), (1000, "1K"), (131_072, "131K"), (65_536, "66K"), (999_600, "1M"),
        (1_000_000, "1M"), (1_048_576, "1.05M"), (2_500_000, "2.5M"),
    ],
)  # fmt: skip
def test_a_context_is_rounded(tokens: int | None, shown: str) -> None:
    assert format_context(tokens) == shown


@pytest.mark.parametrize(
    ("price", "shown"),
    [
        (None, "?"), ("0", "free"), ("0.00", "free"), ("0.74", "$0.74"), ("1.01", "$1.01"), ("0.1", "$0.10"),
        ("3", "$3.00"), ("150", "$150.00"), ("0.0125", "$0.0125"), ("1E+2", "$100.00"),
    ],
)  # fmt: skip
def test_a_price_is_exact(price: str | None, shown: str) -> None:
    assert format_price(None if price is None else Decimal(price)) == shown


@pytest.mark.parametrize(("fact", "shown"), [(True, "yes"), (False, "-"), (None, "?")])
def test_what_is_unknown_is_no_no(fact: bool | None, shown: str) -> None:
    assert format_flag(fact) == shown
