"""The `messages` argument: parts from bytes, paths and URLs."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from turnout.agent.inputs import load_messages, read_messages
from turnout.errors import InvalidInputError
from turnout.media import MediaLimits, read_media_limits
from turnout.messages import Audio, File, Image, LocalPath, Media, Message, Part, Text, Video

PNG = b"\x89PNG\r\n\x1a\n...."


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "cat.png"
    path.write_bytes(PNG)
    return path


def part_of(value: object, limits: MediaLimits | None = None) -> Media:
    part = read_messages(["see", value], limits)[0].content[1]
    assert isinstance(part, Media)
    return part


# -- the forms --------------------------------------------------------------------------------------------------------


def test_the_first_argument_is_bytes_or_a_url_or_a_path() -> None:
    assert Image(PNG) == Image(data=PNG) == Image(bytearray(PNG)) == Image(memoryview(PNG))
    assert Image("https://h/i") == Image(url="https://h/i")
    assert Image("DATA:image/png;base64,QQ==") == Image(url="DATA:image/png;base64,QQ==")
    assert Image("cat.png") == Image(Path("cat.png")) == Image(path="cat.png") == Image(path=Path("cat.png"))
    assert Image(r"C:\cat.png").path == LocalPath(r"C:\cat.png")
    assert Image(path="data:odd").path == LocalPath("data:odd")
    assert len({LocalPath("a"), LocalPath("a"), LocalPath("b")}) == 2
    assert repr(Image(path="cat.png")) == "Image(path='cat.png')"
    assert os.fspath(LocalPath("a")) == "a"  # type: ignore[call-overload]


@pytest.mark.parametrize("wrong", [5, "", [], 1.5])
def test_what_is_no_source_is_a_type_error(wrong) -> None:
    with pytest.raises(TypeError, match="Image: what it holds is .*: give bytes, a path, or a URL"):
        Image(wrong)


def test_a_path_is_no_data_and_bytes_are_no_path() -> None:
    with pytest.raises(TypeError, match="give bytes, a path, or a URL"):
        Image(path=b"cat.png")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="only one"):
        Image("cat.png", url="https://h/i")


def test_no_path_comes_from_json_or_goes_into_it() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"type":"image","path":"/etc/passwd"}', type=Part)
    with pytest.raises(TypeError):
        msgspec.json.encode(Message.user(Image("cat.png")))
    with pytest.raises(TypeError):  # a `data` that is a path is no base64
        msgspec.json.encode(Image(path="cat.png"))
    message = Message.user(Image(PNG, provider_options={"*": {"a": 1}}), Text("a", {"p": {"b": 2}}))
    assert msgspec.json.decode(msgspec.json.encode(message), type=Message) == message
    assert msgspec.json.encode(Image(url="https://h/i")) == b'{"type":"image","url":"https://h/i"}'


# -- files ------------------------------------------------------------------------------------------------------------


def test_files_become_bytes_in_one_user_message(picture) -> None:
    messages = read_messages(["What is", "this?", Image(picture), Image(url="https://h/i")])
    assert messages == [
        Message("user", [Text("What is"), Text("this?"), Image(data=PNG), Image(url="https://h/i")]),
    ]
    part = Image(picture, media_type="image/x", provider_options={"*": {"a": 1}})
    assert part_of(part) == Image(PNG, media_type="image/x", provider_options={"*": {"a": 1}})


async def test_in_a_coroutine_files_are_read_in_a_thread(picture) -> None:
    asked = [Message.user("a"), Message.user(Audio(picture), Video(str(picture)))]
    loaded = await load_messages(asked)
    assert loaded == [Message.user("a"), Message.user(Audio(data=PNG), Video(data=PNG))]
    assert asked[1].content[0] == Audio(picture), "what the caller holds stays as it is"
    with pytest.raises(InvalidInputError, match="there is no file"):
        await load_messages(Image("nothing.png"))
    assert await load_messages("a") == [Message.user("a")]


def test_the_name_of_a_file_is_that_of_its_path(picture, monkeypatch) -> None:
    assert part_of(File(picture)) == File(data=PNG, name="cat.png")
    assert part_of(File(picture, name="dog.png")) == File(data=PNG, name="dog.png")
    monkeypatch.setenv("HOME", str(picture.parent))
    assert part_of(File("~/cat.png")) == File(data=PNG, name="cat.png")
    monkeypatch.chdir(picture.parent)
    assert part_of(Image("cat.png")) == Image(data=PNG)
    assert part_of(Image(path=os.fsencode(picture) and picture)) == Image(data=PNG)


def test_a_file_that_cannot_be_used_is_an_error_with_the_cure(picture, tmp_path) -> None:
    (tmp_path / "empty.png").touch()
    os.mkfifo(tmp_path / "pipe")
    limits = MediaLimits(max_bytes=5)
    for value, bounds, said in [
        (Image("nothing.png"), None, r"messages\[0\].content\[1\]: there is no file 'nothing.png': check the path"),
        (Image(tmp_path), None, "is a folder: name a file"),
        (Image(tmp_path / "pipe"), None, "is no plain file: name a file"),
        (Image("/dev/zero"), None, "is no plain file"),
        (Image(tmp_path / "empty.png"), None, "is empty: check what writes it"),
        (Image(picture), limits, r"is over 5 bytes: make it smaller, or raise `max_bytes` in media="),
        (Image(picture), MediaLimits(allow_paths=False), "allow_paths=False: pass its bytes as data="),
        (Image("a\0b"), None, "cannot be read"),
        (Image("~nobody-of-that-name/a"), None, "cannot be read"),
        (Image(f"{picture}/a"), None, r"cannot be read \(Not a directory\): check the path"),
        (Image("iVBORw0KGgo" * 20), None, "base64 goes as a data URL"),
        (Image("iVBORw0KGgo" * 900), None, "base64 goes as a data URL"),
    ]:
        with pytest.raises(InvalidInputError, match=said) as caught:
            part_of(value, bounds)
        assert len(str(caught.value)) < 500


def test_a_file_of_just_the_limit_is_read(picture) -> None:
    assert part_of(Image(picture), MediaLimits(max_bytes=len(PNG))) == Image(PNG)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="a file without a size is one of Linux")
def test_a_file_without_a_size_is_read() -> None:
    assert b"Pid:" in (part_of(File("/proc/self/status")).data or b"")


# -- limits -----------------------------------------------------------------------------------------------------------


def test_limits_are_read_from_a_mapping_and_checked() -> None:
    assert read_media_limits(None) == MediaLimits()
    assert (
        read_media_limits({"max_bytes": 5}) == read_media_limits(MediaLimits(max_bytes=5)) == MediaLimits(max_bytes=5)
    )
    for wrong, said in [
        (5, "media= is a int: give a MediaLimits"),
        ({"max_size": 5}, "max_size.*the fields are max_bytes, max_total_bytes"),
        ({"max_bytes": "5"}, "the fields are"),
        ({"timeout_s": 0}, "`timeout_s` is 0.0: give a number above 0"),
        (MediaLimits(max_bytes=-1), "`max_bytes` is -1"),
    ]:
        with pytest.raises(InvalidInputError, match=said):
            read_media_limits(wrong)
