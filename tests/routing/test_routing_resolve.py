"""`resolve`: ids, configs, keys and hosts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from turnout import ModelConfig, RequestContext, catalog
from turnout.errors import (
    ConfigurationError,
    InvalidInputError,
    InvalidModelError,
    MissingKeyError,
    UnknownProviderError,
)
from turnout.routing import read_model, resolve
from turnout.routing.environment import read_variable
from turnout.routing.learned import Lessons

OVH = "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1"
KEY = "planted-key-0001"


def bearer(headers: dict[str, str]) -> str | None:
    return headers.get("authorization")


@pytest.fixture(autouse=True)
def fresh_catalog() -> Iterator[None]:
    yield
    catalog.current.cache_clear()


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("OVHCLOUD_API_KEY", KEY)
    return KEY


def test_a_catalog_id(key: str) -> None:
    route = resolve("ovhcloud/gpt-oss-120b")
    assert (route.url, route.base_url) == (OVH + "/chat/completions", OVH)
    assert (route.provider, route.model, route.protocol) == ("ovhcloud", "gpt-oss-120b", "openai_chat")
    assert bearer(route.headers) == f"Bearer {KEY}"
    assert route.facts == catalog.find("ovhcloud/gpt-oss-120b")
    assert route.warnings == []
    assert route.quirks.single_system_message


def test_an_id_is_split_at_the_first_slash_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    route = resolve("openrouter/openai/gpt-oss-120b")
    assert (route.provider, route.model) == ("openrouter", "openai/gpt-oss-120b")


def test_the_provider_ignores_case_and_the_model_is_sent_as_written(key: str) -> None:
    route = resolve("OVHCloud/GPT-OSS-120B")
    assert (route.provider, route.model) == ("ovhcloud", "GPT-OSS-120B")
    assert route.facts is not None


def test_without_a_key_a_provider_that_allows_it_is_called_anonymously() -> None:
    route = resolve("ovhcloud/gpt-oss-120b")
    assert bearer(route.headers) is None
    assert [warning.code for warning in route.warnings] == ["anonymous_call"]


@pytest.mark.parametrize("empty", ["", "   "])
def test_an_empty_variable_is_not_a_key(monkeypatch: pytest.MonkeyPatch, empty: str) -> None:
    monkeypatch.setenv("GROQ_API_KEY", empty)
    with pytest.raises(MissingKeyError, match=r"`groq/x` needs an API key: set `GROQ_API_KEY` or pass `api_key=`"):
        resolve("groq/x")


def test_the_argument_goes_before_the_config_the_environment_and_dotenv(monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"id": "groq/x", "api_key": "of-the-config"}
    Path(".env").write_text("GROQ_API_KEY=of-the-dotenv\nGROQ_BASE_URL=http://127.0.0.1:1/v1\n")
    assert bearer(resolve("groq/x").headers) == "Bearer of-the-dotenv"
    assert resolve("groq/x").base_url == "http://127.0.0.1:1/v1"
    monkeypatch.setenv("GROQ_API_KEY", "of-the-environment")
    assert bearer(resolve("groq/x").headers) == "Bearer of-the-environment"
    assert bearer(resolve(config).headers) == "Bearer of-the-config"
    assert bearer(resolve(config, api_key="of-the-call").headers) == "Bearer of-the-call"


def test_environment_and_dotenv_are_read_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("one-key", "two-key"):
        monkeypatch.setenv("GROQ_API_KEY", value)
        assert bearer(resolve("groq/x").headers) == f"Bearer {value}"
    monkeypatch.delenv("GROQ_API_KEY")
    for value in ("three-key", "four-keys"):
        Path(".env").write_text(f"export GROQ_API_KEY='{value}'\n")
        assert bearer(resolve("groq/x").headers) == f"Bearer {value}"
    Path(".env").unlink()
    with pytest.raises(MissingKeyError):
        resolve("groq/x")


def test_dotenv_is_not_put_into_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("GROQ_API_KEY=secret-of-dotenv\n")
    resolve("groq/x")
    assert "GROQ_API_KEY" not in os.environ


def test_a_dotenv_folder_is_passed_over_and_a_binary_one_is_an_error() -> None:
    Path(".env").mkdir()
    with pytest.raises(MissingKeyError):
        resolve("groq/x")
    Path(".env").rmdir()
    os.mkfifo(".env")
    with pytest.raises(MissingKeyError):
        resolve("groq/x")
    Path(".env").unlink()
    Path(".env").write_bytes(b"#" * (1 << 21))
    with pytest.raises(ConfigurationError, match="make it smaller"):
        resolve("groq/x")
    Path(".env").write_bytes(b"GROQ_API_KEY=\xff\xfe\n")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        resolve("groq/x")


def test_the_base_url_variable_overrides_the_catalog(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("OVHCLOUD_BASE_URL", "http://127.0.0.1:8000/v1/")
    route = resolve("ovhcloud/gpt-oss-120b")
    assert route.url == "http://127.0.0.1:8000/v1/chat/completions"
    assert bearer(route.headers) == f"Bearer {KEY}"


def test_the_base_url_variable_of_a_provider_with_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = next(row for row in catalog.providers() if "-" in row.id and row.api_key_env and row.base_url)
    monkeypatch.setenv(provider.api_key_env[0], KEY)
    monkeypatch.setenv(provider.id.upper().replace("-", "_").replace(".", "_") + "_BASE_URL", "http://127.0.0.1:1")
    assert resolve(f"{provider.id}/anything").base_url == "http://127.0.0.1:1"


def test_a_url_template_is_filled_or_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDFLARE_API_KEY", KEY)
    with pytest.raises(MissingKeyError, match="CLOUDFLARE_ACCOUNT_ID"):
        resolve("cloudflare-workers-ai/some-model")
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", "acc123")
    route = resolve("cloudflare-workers-ai/some-model")
    assert "/acc123/" in route.url
    assert bearer(route.headers) == f"Bearer {KEY}"


def test_an_unknown_provider_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(UnknownProviderError, match="ovhcloud/gpt-oss-120b"):
        resolve("ovcloud/gpt-oss-120b")


@pytest.mark.parametrize("asked", ["gpt-oss-120b", "/gpt", "ovhcloud/", "", "/"])
def test_an_id_without_both_halves_says_how_to_write_it(asked: str) -> None:
    with pytest.raises(InvalidModelError, match="write `provider/model`"):
        resolve(asked)


def test_a_function_of_the_context() -> None:
    def select(request_context: RequestContext) -> str:
        return f"ovhcloud/{request_context.task}"

    assert resolve(select, {"task": "a"}).model == "a"
    assert resolve(select).model == "None"

    async def select_async(request_context: RequestContext) -> str:
        return "ovhcloud/a"

    class Promise:
        def __await__(self) -> Iterator[str]:
            yield "ovhcloud/a"

    for unawaited in (select_async, lambda context: Promise()):
        with pytest.raises(InvalidModelError, match="await"):
            resolve(unawaited)


# ---- configs with a url: whose key goes where ----


def config(url: str, id: str, **more: object) -> dict[str, object]:
    return {"url": url, "id": id, **more}


def test_at_the_providers_own_host_the_segment_is_cut_and_its_key_used(key: str) -> None:
    for url in (
        OVH,
        OVH + "/",
        OVH + "/chat/completions",
        OVH.replace("https://", "HTTPS://"),
        OVH.replace("/v1", ":443/v1"),
    ):
        route = resolve(config(url, "ovhcloud/deepseek-r1-distill-llama-70b", headers={"X-Custom-Header": "value"}))
        assert route.model == "deepseek-r1-distill-llama-70b"
        assert bearer(route.headers) == f"Bearer {KEY}"
        assert route.headers["x-custom-header"] == "value"
        assert route.url.endswith("/v1/chat/completions")
        assert route.provider == "ovhcloud"
        assert route.facts is not None


FOREIGN = [
    "http://127.0.0.1:8000/v1",
    "https://oai.endpoints.kepler.ai.cloud.ovh.net.evil.example/v1",
    "https://evil.example/oai.endpoints.kepler.ai.cloud.ovh.net/v1",
    "https://oai.endpoints.kepler.ai.cloud.ovh.net@evil.example/v1",
    "https://oai.endpoints.kepler.ai.cloud.ovh.net:8443/v1",
    "http://oai.endpoints.kepler.ai.cloud.ovh.net/v1",
    "https://evil.example/?https://oai.endpoints.kepler.ai.cloud.ovh.net/v1",
    "https://evil.example/#@oai.endpoints.kepler.ai.cloud.ovh.net/v1",
]


@pytest.mark.parametrize("url", FOREIGN)
def test_a_key_never_goes_to_a_foreign_host(key: str, url: str) -> None:
    route = resolve(config(url, "ovhcloud/gpt-oss-120b"))
    assert bearer(route.headers) is None
    assert route.model == "ovhcloud/gpt-oss-120b"
    assert [warning.code for warning in route.warnings] == ["id_sent_whole"]


def test_at_the_host_of_the_base_url_variable_it_is_the_providers(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("OVHCLOUD_BASE_URL", "http://127.0.0.1:8000/v1")
    route = resolve(config("http://127.0.0.1:8000/other", "ovhcloud/gpt-oss-120b"))
    assert (route.model, bearer(route.headers)) == ("gpt-oss-120b", f"Bearer {KEY}")
    foreign = resolve(config("http://127.0.0.1:8001/v1", "ovhcloud/gpt-oss-120b"))
    assert (foreign.model, bearer(foreign.headers)) == ("ovhcloud/gpt-oss-120b", None)


def test_provider_says_whose_it_is(key: str) -> None:
    for given in ({"provider": "ovhcloud"}, {"providerId": "OVHcloud"}):
        route = resolve(config("http://127.0.0.1:8000/v1", "ovhcloud/gpt-oss-120b", **given))
        assert (route.model, bearer(route.headers), route.provider) == ("gpt-oss-120b", f"Bearer {KEY}", "ovhcloud")
    whole = resolve(config("http://127.0.0.1:8000/v1", "Qwen/Qwen3-32B", provider="ovhcloud"))
    assert (whole.model, bearer(whole.headers)) == ("Qwen/Qwen3-32B", f"Bearer {KEY}")


def test_custom_is_cut_and_has_a_variable_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve(config("http://127.0.0.1:8000/v1", "custom/my/model")).model == "my/model"
    monkeypatch.setenv("CUSTOM_API_KEY", KEY)
    assert bearer(resolve(config("http://127.0.0.1:8000/v1", "custom/model")).headers) == f"Bearer {KEY}"


@pytest.mark.parametrize("model", ["Qwen/Qwen3-32B", "openai/gpt-oss-20b", "plain", "a/b/c"])
def test_an_id_at_a_server_of_ones_own_is_sent_whole(monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    route = resolve(config("http://127.0.0.1:8000/v1", model))
    assert (route.model, bearer(route.headers), route.protocol) == (model, None, "openai_chat")
    assert [warning.code for warning in route.warnings] == (["id_sent_whole"] if model.startswith("openai/") else [])


def test_own_host_without_a_needed_key_says_so() -> None:
    with pytest.raises(MissingKeyError, match="GROQ_API_KEY"):
        resolve(config("https://api.groq.com/openai/v1", "groq/llama-3.3-70b-versatile"))


def test_an_authorization_header_takes_the_place_of_a_key() -> None:
    route = resolve({"id": "groq/x", "headers": {"Authorization": "Bearer mine-own-token"}})
    assert bearer(route.headers) == "Bearer mine-own-token"
    assert "mine-own-token" in route.secrets


def test_a_config_without_url_is_a_catalog_id_with_more(key: str) -> None:
    route = resolve(ModelConfig(id="ovhcloud/gpt-oss-120b", headers={"X-A": "b"}))
    assert (route.base_url, route.headers["x-a"], bearer(route.headers)) == (OVH, "b", f"Bearer {KEY}")


def test_protocol_is_forced_and_its_path_added() -> None:
    route = resolve(config("http://127.0.0.1:8000/v1", "m", protocol="openai_chat"))
    assert route.url == "http://127.0.0.1:8000/v1/chat/completions"


@pytest.mark.parametrize(
    "url", ["http://[::1", "ftp://a/b", "127.0.0.1:8000", "", "http://", "http://a b/", "http://a\\@b/"]
)
def test_a_url_that_is_none_says_what_to_give(url: str) -> None:
    with pytest.raises(InvalidModelError, match="url|id"):
        resolve(config(url, "a/b") | {"url": url or " "})


def test_none_means_not_given(key: str) -> None:
    given = {"id": "ovhcloud/gpt-oss-120b", "url": None, "apiKey": None, "headers": None, "protocol": None}
    route = resolve(given)
    assert (route.base_url, bearer(route.headers)) == (OVH, f"Bearer {KEY}")


def test_nothing_that_is_shown_holds_the_key(key: str) -> None:
    route = resolve({"id": "ovhcloud/gpt-oss-120b", "headers": {"X-Token": "other-secret"}})
    shown = f"{route} {route!r} {route.headers!r} {route.steps}"
    assert KEY not in shown
    assert "other-secret" not in shown
    assert set(route.secrets) == {KEY, "other-secret"}


def test_the_steps_tell_where_everything_came_from(key: str) -> None:
    steps = "\n".join(resolve("ovhcloud/gpt-oss-120b").steps)
    for word in ("provider: ovhcloud", "gpt-oss-120b", OVH, "openai_chat", "`OVHCLOUD_API_KEY` in the environment"):
        assert word in steps


def test_a_local_path_is_the_launchers(key: str) -> None:
    route = resolve("local//path/to/model.gguf")
    assert (route.model, route.is_launched, route.warnings) == ("/path/to/model.gguf", True, [])


def test_resolving_again_and_again_opens_nothing(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve("ovhcloud/gpt-oss-120b")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a file was opened")

    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr("io.open", refuse)
    for _ in range(100):
        resolve("ovhcloud/gpt-oss-120b")


def test_a_wire_format_that_is_not_spoken_is_said_before_a_url_is_asked_for() -> None:
    catalog.register(provider={"id": "acme-of-its-own", "protocol": "acme_talk"})
    with pytest.raises(ConfigurationError, match="wire format `acme_talk`"):
        resolve("acme-of-its-own/m")


def test_nothing_names_the_value_of_a_variable(key: str) -> None:
    found = read_variable("OVHCLOUD_API_KEY")
    assert repr(found) == "Variable('OVHCLOUD_API_KEY' from environment)"


def test_a_template_url_that_is_not_complete_here_is_nobodys_own_host() -> None:
    route = resolve(config("https://api.cloudflare.com/client/v4", "cloudflare-workers-ai/model"))
    assert (route.model, bearer(route.headers)) == ("cloudflare-workers-ai/model", None)


def test_a_port_that_is_no_number_belongs_to_nobody(key: str) -> None:
    route = resolve(config("https://oai.endpoints.kepler.ai.cloud.ovh.net:port/v1", "ovhcloud/gpt-oss-120b"))
    assert bearer(route.headers) is None


def test_a_provider_may_be_named_beside_the_id(key: str) -> None:
    for id in ("gpt-oss-120b", "ovhcloud/gpt-oss-120b"):
        route = resolve({"id": id, "provider": "OVHcloud"})
        assert (route.provider, route.model, bearer(route.headers)) == ("ovhcloud", "gpt-oss-120b", f"Bearer {KEY}")


def test_a_provider_without_a_url_asks_for_one() -> None:
    catalog.register(provider={"id": "acme-without-url", "api_key_env": ["ACME_API_KEY"]})
    with pytest.raises(InvalidModelError, match="set `ACME_WITHOUT_URL_BASE_URL`"):
        resolve("acme-without-url/m")


def test_a_provider_that_takes_no_key_is_sent_none() -> None:
    catalog.register(provider={"id": "acme-open", "base_url": "http://127.0.0.1:1/v1"})
    route = resolve("acme-open/m")
    assert bearer(route.headers) is None
    assert "key: none is listed for this provider" in route.steps


def test_own_rows_have_capabilities_and_a_price() -> None:
    Path("turnout.toml").write_text(
        '[providers.acme]\nbase_url = "http://127.0.0.1:1/v1"\napi_key_env = ["ACME_API_KEY"]\n'
        '[providers.acme.models."big/one"]\ncontext = 1000\ninput_price = 0.5\noutput_price = 1\n'
    )
    Path(".env").write_text(f"ACME_API_KEY={KEY}\n")
    route = resolve("acme/big/one")
    assert (route.url, route.model, bearer(route.headers)) == (
        "http://127.0.0.1:1/v1/chat/completions",
        "big/one",
        f"Bearer {KEY}",
    )
    assert route.facts is not None
    assert route.facts.context == 1000
    assert route.warnings == []


def test_a_launched_route_is_sent_to_its_server() -> None:
    for key in ("key-of-the-server", ""):
        route = resolve("local/smollm2-135m-instruct")
        route.send_to("http://127.0.0.1:4/v1", key)
        assert route.url == "http://127.0.0.1:4/v1/chat/completions"
        assert bearer(route.headers) == (f"Bearer {key}" if key else None)
        assert route.secrets == ((key,) if key else ())


def test_a_base_url_variable_keeps_the_local_model_from_being_launched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_BASE_URL", "http://127.0.0.1:5/v1")
    assert not resolve("local/anything").is_launched


def test_candidates_and_configs_are_taken_as_they_are() -> None:
    (candidate,) = read_model("ovhcloud/gpt-oss-120b")
    assert read_model(candidate) == (candidate,)
    assert repr(candidate) == "Candidate('ovhcloud/gpt-oss-120b')"
    assert read_model({"model": {"model": "a/b"}}) == read_model("a/b")
    with pytest.raises(InvalidModelError, match="disabled"):
        read_model({"model": {"model": "a/b", "enabled": False}})
    with pytest.raises(InvalidInputError, match="headers"):
        read_model({"id": "a/b", "headers": "no mapping"})


def test_the_package_offers_its_names_and_no_others() -> None:
    import turnout.routing

    assert turnout.routing.ModelConfig is ModelConfig
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        turnout.routing.nothing  # noqa: B018


def test_lessons_are_kept_by_place_and_model(key: str) -> None:
    lessons, one, other = Lessons(), resolve("ovhcloud/gpt-oss-120b"), resolve("ovhcloud/gpt-oss-20b")
    lessons.drop_field(one, "stream_options")
    lessons.rename_model(one, "GPT")
    assert (lessons.recall(one).dropped, lessons.recall(one).model) == (frozenset({"stream_options"}), "GPT")
    assert (lessons.recall(other).dropped, lessons.recall(other).model) == (frozenset(), None)


def test_the_oldest_lessons_go_where_there_are_too_many(key: str) -> None:
    lessons, route = Lessons(), resolve("ovhcloud/gpt-oss-120b")
    places = [structs.replace(route, model=f"m-{number}") for number in range(1025)]
    for place in places[:1024]:
        lessons.drop_field(place, "seed")
    lessons.rename_model(places[0], "m")  # what is used again is not old
    lessons.drop_field(places[1024], "seed")
    assert [bool(lessons.recall(places[at]).dropped) for at in (0, 1, 2, 1024)] == [True, False, True, True]
    assert lessons.recall(places[0]).model == "m"


# ---- a working directory may be somebody else's ----

REDIRECT = '[providers.ovhcloud]\nbase_url = "https://evil.example/v1"\n'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".env", "OVHCLOUD_BASE_URL=https://evil.example/v1\n"),
        ("turnout.toml", REDIRECT),
        ("turnout.toml", '[providers.ovhcloud.models."gpt-oss-120b"]\nbase_url = "https://evil.example/v1"\n'),
    ],
)
def test_a_file_of_the_folder_cannot_send_a_key_of_the_environment_elsewhere(key: str, name: str, text: str) -> None:
    Path(name).write_text(text)
    with pytest.raises(ConfigurationError, match=rf"{name} sends calls of `ovhcloud/gpt-oss-120b` to https://evil"):
        resolve("ovhcloud/gpt-oss-120b")
    assert bearer(resolve("ovhcloud/gpt-oss-120b", api_key="given-for-it").headers) == "Bearer given-for-it"


def test_a_key_of_the_same_folder_goes_where_the_folder_says() -> None:
    Path("turnout.toml").write_text(REDIRECT)
    Path(".env").write_text("OVHCLOUD_API_KEY=of-the-folder\n")
    route = resolve("ovhcloud/gpt-oss-120b")
    assert (route.base_url, bearer(route.headers)) == ("https://evil.example/v1", "Bearer of-the-folder")
    assert any("turnout.toml" in step for step in route.steps)


def test_a_redirected_template_gets_nothing_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMEBODYS_TOKEN_", KEY)
    Path("turnout.toml").write_text(REDIRECT.replace("/v1", "/${SOMEBODYS_TOKEN_}"))
    with pytest.raises(ConfigurationError, match="gets nothing from the environment"):
        resolve("ovhcloud/gpt-oss-120b")


def test_a_folder_may_send_calls_to_this_machine(key: str) -> None:
    for host in ("127.0.0.1:8000", "localhost", "[::1]:8000"):
        Path(".env").write_text(f"OVHCLOUD_BASE_URL=http://{host}/v1\n")
        assert bearer(resolve("ovhcloud/gpt-oss-120b").headers) == f"Bearer {KEY}"
    Path(".env").write_text("OVHCLOUD_BASE_URL=http://127.evil.example/v1\n")
    with pytest.raises(ConfigurationError):
        resolve("ovhcloud/gpt-oss-120b")


def test_a_provider_that_only_the_folder_defines_has_its_own_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_API_KEY", KEY)
    Path("turnout.toml").write_text(
        '[providers.acme]\nbase_url = "https://llm.acme.example/v1"\napi_key_env = ["ACME_API_KEY"]\n'
    )
    assert bearer(resolve("acme/m").headers) == f"Bearer {KEY}"


def test_a_changed_key_variable_is_a_redirection_too(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_SECRET", "not-for-them")
    Path("turnout.toml").write_text('[providers.ovhcloud]\napi_key_env = ["OTHER_SECRET"]\n')
    for asked in ("ovhcloud/gpt-oss-120b", config(OVH, "ovhcloud/gpt-oss-120b")):
        with pytest.raises(ConfigurationError, match="OTHER_SECRET"):
            resolve(asked)


def test_an_endpoint_of_another_wire_format_is_part_of_the_url() -> None:
    given = config("http://127.0.0.1:8000/v1/chat/completions", "m", protocol="some_other")
    assert resolve(given).base_url == "http://127.0.0.1:8000/v1/chat/completions"
