"""Where turnout keeps its files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from turnout import paths
from turnout.errors import ConfigurationError


@pytest.mark.parametrize(
    ("variable", "function"),
    [
        ("XDG_CACHE_HOME", paths.cache_dir),
        ("XDG_CONFIG_HOME", paths.config_dir),
        ("XDG_DATA_HOME", paths.data_dir),
    ],
)
def test_an_absolute_variable_wins_and_nothing_is_created(
    variable: str, function: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(function)
    monkeypatch.setenv(variable, str(tmp_path / "x"))
    assert function() == tmp_path / "x" / "turnout"
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("platform", "folders"),
    [
        ("linux", [".cache", ".config", ".local/share"]),
        ("darwin", ["Library/Caches", "Library/Application Support", "Library/Application Support"]),
        ("win32", ["local", "roaming", "local"]),
    ],
)
def test_each_system_has_its_custom(
    platform: str, folders: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", "relative/is/ignored")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    monkeypatch.setenv("APPDATA", str(tmp_path / "roaming"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", platform)
    found = [paths.cache_dir(), paths.config_dir(), paths.data_dir()]
    assert found == [tmp_path / folder / "turnout" for folder in folders]


def test_without_a_home_the_error_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def no_home() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(ConfigurationError, match="XDG_CACHE_HOME"):
        paths.cache_dir()
