"""Pictures, files and facts in runs: paths, URLs that are fetched, and what a model lacks."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provider import Provider, answer, reply
from tool_replies import call, calls
from turnout import Agent, File, Image, Message, select
from turnout.catalog import register
from turnout.errors import InvalidInputError, InvalidModelError, UnsupportedFeatureError

MODEL = "ovhcloud/gpt-oss-120b"
PNG = b"\x89PNG\r\n\x1a\n" + b"." * 20
DATA_URL = "data:image/png;base64," + base64.b64encode(PNG).decode()


@pytest.fixture
def files() -> Iterator[Provider]:
    with Provider() as server:
        server.script(reply(PNG, content_type="application/octet-stream"))
        yield server


def own_model(**facts: Any) -> str:
    facts = {"input_modalities": ["text", "image"], "supports_tools": True, **facts}
    register(models=[{"id": "ovhcloud/seeing", **facts}])
    return "ovhcloud/seeing"


def parts(provider: Provider, index: int = 0) -> list[dict[str, Any]]:
    return provider.requests[index].json["messages"][-1]["content"]


@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_path_is_read_when_the_agent_is_called(provider: Provider, tmp_path: Path, is_stream: bool) -> None:
    path = tmp_path / "cat.jpg"
    picture = Image(str(path))
    path.write_bytes(PNG)
    agent = Agent(model=own_model())
    said = ["What is this?", picture]
    await (agent.stream(said).result() if is_stream else agent.generate(said))
    assert parts(provider) == [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": DATA_URL}},  # by its bytes, not by its name
    ]


async def test_paths_can_be_forbidden(provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(PNG)
    agent = Agent(model=own_model(), media={"allow_paths": False})
    with pytest.raises(InvalidInputError, match="allow_paths=False"):
        await agent.generate(Image(path))
    with pytest.raises(InvalidInputError, match="allow_paths=False"):
        await agent.stream([Message.user("Look", Image(path))]).result()
    assert provider.requests == []
    await agent.generate(Image(data=PNG))


async def test_a_url_goes_on_where_the_provider_takes_it(provider: Provider) -> None:
    await Agent(model=own_model()).generate([Image("https://host.test/cat.png")])
    assert parts(provider) == [{"type": "image_url", "image_url": {"url": "https://host.test/cat.png"}}]


async def test_a_url_is_fetched_once_a_run_where_the_provider_takes_none(provider: Provider, files: Provider) -> None:
    def look() -> str:
        """Look."""
        return "seen"

    model = own_model(quirks={"takes_media_urls": []})
    provider.script(calls(call("look")), reply(answer("A cat.")))
    agent = Agent(model=model, tools=[look], media={"allow_private_urls": True})
    await agent.generate([Image(f"{files.url}/cat.png")])
    assert len(files.requests) == 1
    for index in (0, 1):
        first = provider.requests[index].json["messages"][0]["content"]
        assert first == [{"type": "image_url", "image_url": {"url": DATA_URL}}]


async def test_a_url_of_this_machine_is_not_fetched(provider: Provider, files: Provider) -> None:
    agent = Agent(model=own_model(quirks={"takes_media_urls": []}))
    with pytest.raises(InvalidInputError, match="private|loopback|this machine"):
        await agent.generate([Image(f"{files.url}/cat.png")])
    assert files.requests == provider.requests == []


@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_picture_for_a_model_that_takes_none(provider: Provider, is_stream: bool) -> None:
    agent = Agent(model=MODEL)
    with pytest.raises(UnsupportedFeatureError, match="takes no images") as caught:
        await (agent.stream(Image(data=PNG)).result() if is_stream else agent.generate(Image(data=PNG)))
    assert caught.value.message.count("`ovhcloud/") == 4  # the model itself, and three that take them
    assert provider.requests == []


async def test_check_may_warn_or_be_off(provider: Provider) -> None:
    warned = await Agent(model=MODEL, check="warn").generate(Image(data=PNG))
    assert [warning.code for warning in warned.warnings] == ["unsupported_feature"]
    off = await Agent(model=MODEL, check="warn").generate(Image(data=PNG), check="off")
    assert off.warnings == []
    assert len(provider.requests) == 2
    with pytest.raises(UnsupportedFeatureError):
        await Agent(model=MODEL, check="off").generate(Image(data=PNG), check="raise")
    with pytest.raises(InvalidInputError, match="take one of raise, warn, off"):
        Agent(model=MODEL, check="maybe")  # type: ignore[arg-type]


async def test_a_file_for_a_model_that_takes_none(provider: Provider) -> None:
    with pytest.raises(UnsupportedFeatureError, match="PDF"):
        await Agent(model=MODEL).generate(File(data=b"%PDF-1.7 ..."))
    assert provider.requests == []


async def test_a_fallback_takes_the_picture_where_the_first_cannot(provider: Provider) -> None:
    result = await Agent(model=[MODEL, own_model()]).generate(Image(data=PNG))
    assert result.model == "ovhcloud/seeing"
    assert isinstance(result.attempts[0].error, UnsupportedFeatureError)


async def test_a_selection_chooses_and_falls_over(provider: Provider) -> None:
    selection = select(provider="ovhcloud", tools=True, min_context=100_000, sort="price")
    wanted = [candidate.label for candidate in selection.choose()]
    provider.script(reply({"error": {"message": "gone"}}, 404), reply({"error": {"message": "gone"}}, 404), reply())
    result = await Agent(model=selection, max_retries=0).generate("Go")
    assert result.model in wanted[1:]
    assert result.attempts[0].model == wanted[0]
    with pytest.raises(InvalidModelError, match="fits none of"):
        await Agent(model=select(provider="ovhcloud", min_context=10**9)).generate("Go")
