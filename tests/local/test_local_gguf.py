"""From a model id to a GGUF file."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnout.errors import LocalModelError
from turnout.local.embedded import SMOLLM2
from turnout.local.gguf import check_gguf, read_model_id


def test_the_embedded_model_has_a_name() -> None:
    assert read_model_id("smollm2-135m-instruct") is SMOLLM2


def test_paths_are_absolute_relative_or_of_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert read_model_id("/models/a.gguf") == Path("/models/a.gguf")
    assert read_model_id("./a.gguf") == tmp_path / "a.gguf"
    assert read_model_id("sub/A.GGUF") == tmp_path / "sub" / "A.GGUF"
    assert read_model_id("~/a.bin") == tmp_path / "home" / "a.bin"


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(LocalModelError) as caught:
        read_model_id("llama-9")
    assert "'llama-9'" in str(caught.value)
    assert "`local/smollm2-135m-instruct`" in str(caught.value)
    assert "`local//path/to/model.gguf`" in str(caught.value)


@pytest.mark.parametrize("model", ["~no-such-user/a.gguf", "/a\0b.gguf"])
def test_a_path_that_cannot_be_read_is_an_error_of_its_own(model: str) -> None:
    with pytest.raises(LocalModelError, match="cannot be read as a path"):
        read_model_id(model)


def test_a_file_is_looked_at_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(LocalModelError, match=r"no file .*none\.gguf"):
        check_gguf(tmp_path / "none.gguf")
    with pytest.raises(LocalModelError, match="cannot be read"):
        check_gguf(tmp_path)
    (tmp_path / "empty.gguf").touch()
    with pytest.raises(LocalModelError, match="not a GGUF file"):
        check_gguf(tmp_path / "empty.gguf")
    (tmp_path / "good.gguf").write_bytes(b"GGUF....")
    check_gguf(tmp_path / "good.gguf")
