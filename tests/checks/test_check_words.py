"""scripts/check_words.py finds provider ids in code, machine paths and registry hosts."""

from __future__ import annotations

import shutil
import subprocess

import pytest

PATH = "/" + "root/project"
HOST = "pypi" + ".org"


def test_a_clean_tree_passes(plant, run_check):
    root = plant(
        {
            "src/turnout/a.py": '"""groq"""\nx = "groq is fine in a sentence"\ny = "local/smollm2"\nz = "groqish"\n',
            "src/turnout/b.py": 'def f():\n    "groq"\nFIELD = 1\n"groq"\n',
            "src/turnout/stub.pyi": 'Id = "groq"\n',
            "src/turnout/catalog/data/rows.py": 'x = "groq"\n',
            "src/turnout/protocols/wire.py": 'x = ["wire", "echo"]\n',
            "README.md": "See https://example.com/root/page, ~/work and $HOME/work.\n",
        }
    )
    code, lines = run_check(
        "check_words.py", "--root", root, "--provider", "groq", "--provider", "echo", "--provider", "wire"
    )
    assert (code, lines) == (0, ["check_words: clean; 1 provider ids, 6 files"])


@pytest.mark.parametrize(
    "line",
    [
        'if provider == "groq": pass',
        'x = {"Groq": 1}',
        'x = model.startswith("groq/")',
        'x = b"groq"',
        'x = f"groq/{model}"',
        'DEFAULT = "groq/llama-3.3-70b"',
        'match x:\n  case "groq": pass',
    ],
)
def test_a_provider_in_code_is_found(plant, run_check, line):
    code, lines = run_check("check_words.py", "--root", plant({"src/turnout/a.py": line}), "--provider", "groq")
    assert code == 1
    assert len(lines) == 2
    assert "names a provider: a provider is a row of the catalog, never code" in lines[0]


@pytest.mark.parametrize("word", [PATH, "cd " + "/" + "work", "'/" + "home/me/x'", f"https://{HOST}/simple"])
def test_a_machine_path_or_a_registry_host_is_found_in_any_text_file(plant, run_check, word):
    root = plant({".ci/run": f"one\n{word}\n", "docs/a.md": "fine\n"})
    code, lines = run_check("check_words.py", "--root", root, "--provider", "groq")
    assert code == 1
    assert [line.split(": ")[0] for line in lines[:-1]] == [".ci/run:2"]


def test_files_that_are_not_text_are_skipped(plant, run_check):
    root = plant({"docs/a.md": "fine\n"})
    (root / "blob").write_bytes(b"\xff" + PATH.encode())
    code, _ = run_check("check_words.py", "--root", root, "--provider", "groq")
    assert code == 0


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_in_a_repository_ignored_files_are_left_out_and_hidden_ones_are_not(plant, run_check):
    root = plant({".gitignore": "*.log\n", "a.log": PATH, ".settings": PATH})
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    code, lines = run_check("check_words.py", "--root", root, "--provider", "groq")
    assert code == 1
    assert [line.split(":")[0] for line in lines[:-1]] == [".settings"]


def test_the_ids_come_from_the_catalog_of_the_tree(plant, run_check):
    catalog = "from types import SimpleNamespace as Row\ndef providers(): return [Row(id='acme')]\n"
    root = plant({"src/turnout/__init__.py": "", "src/turnout/catalog/__init__.py": catalog})
    code, lines = run_check("check_words.py", "--root", root)
    assert code == 1
    assert lines[0].startswith("src/turnout/catalog/__init__.py:2: 'acme' names a provider")
