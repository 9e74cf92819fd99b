"""`resolve`: from a model id or config to the route of one call."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Coroutine
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from msgspec import Struct

from turnout import catalog
from turnout.catalog.types import Model, Provider
from turnout.context import RequestContext
from turnout.errors import ConfigurationError, InvalidModelError, MissingKeyError, UnknownProviderError, redact_url
from turnout.responses import Warning
from turnout.routing.environment import Variable, read_variable
from turnout.routing.hosts import (
    EMBEDDING_FORMATS,
    ENDPOINTS,
    base_url_variable,
    fill_template,
    is_loopback,
    join_path,
    owns_url,
    read_base_url,
    refuse_message,
)
from turnout.routing.model import Candidate, ModelConfig, read_model
from turnout.routing.route import Route, SecretHeaders, is_secret_header

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnout.requests import Task

LOCAL = "local"
"""The provider whose server turnout starts itself."""

_LAUNCHED_URL = "http://127.0.0.1/v1"  # its port is known once it runs

CUSTOM = "custom"
"""The first segment of an id that says: this is my own server, cut me off."""


class Place(Struct, kw_only=True):
    """What follows from the id (and the url) alone: whose model it is, how it is called, and what to say about it."""

    provider: Provider
    model: str
    facts: Model | None
    base_url: str
    needs_key: bool = True
    untrusted_file: str | None = None
    is_launched: bool = False
    warnings: list[Warning] = []
    steps: list[str] = []


def resolve(
    model: object,
    request_context: RequestContext | Mapping[str, Any] | None = None,
    *,
    api_key: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Route:
    """Return where a call of `model` goes: ``resolve("ovhcloud/gpt-oss-120b").url``.

    `model` is all that an agent takes; of a list, the first entry is resolved; a function is called with the request
    context (an async one cannot be awaited here). Reads the environment and `.env` at each call, and no other file.
    Raises `UnknownProviderError`, `MissingKeyError` or `InvalidModelError`.
    """
    if callable(model):
        model = model(RequestContext(request_context or {}))
        if isinstance(model, Awaitable):
            if isinstance(model, Coroutine):
                cast("Coroutine[Any, Any, Any]", model).close()  # nobody will await it
            raise InvalidModelError("resolve() cannot await an async model function: pass it what the function returns")
    return resolve_candidate(read_model(model)[0], api_key=api_key, headers=headers)


def resolve_candidate(
    candidate: Candidate,
    *,
    api_key: str | None = None,
    headers: Mapping[str, str] | None = None,
    task: Task = "chat",
) -> Route:
    """Return the route of one candidate; `api_key` and `headers` (of the call) win over those of the config."""
    route, missing = trace_candidate(candidate, api_key=api_key, headers=headers, task=task)
    if missing:
        raise missing
    return route


def trace_candidate(
    candidate: Candidate,
    *,
    api_key: str | None = None,
    headers: Mapping[str, str] | None = None,
    task: Task = "chat",
) -> tuple[Route, MissingKeyError | None]:
    """Do as `resolve_candidate`, but return the error of a missing API key beside the route that lacks it."""
    if candidate.selection is not None:
        candidate = candidate.selection.choose()[0]
    config = candidate.model if isinstance(candidate.model, ModelConfig) else ModelConfig(id=candidate.model)
    place = _locate(config)
    protocol = config.protocol or (place.facts and place.facts.protocol) or place.provider.protocol
    if task == "embedding":
        protocol = _find_embedding_format(protocol, place, config)
    given = {**place.provider.headers, **config.headers, **(headers or {}), **candidate.headers}
    route = Route(
        asked=candidate.label,
        provider=place.provider.id,
        model=place.model,
        protocol=protocol,
        base_url=place.base_url,
        url=join_path(place.base_url, ENDPOINTS.get(protocol, "")),
        headers=SecretHeaders({name.lower(): value for name, value in given.items()}),
        exact_model=place.facts.wire_id if place.facts else None,
        facts=place.facts,
        quirks=(place.facts and place.facts.quirks) or place.provider.quirks,
        warnings=list(place.warnings),
        is_launched=place.is_launched,
        steps=[*place.steps, f"wire format: {protocol}"],
    )
    return route, _authorise(route, place, api_key or config.api_key)


def _find_embedding_format(protocol: str, place: Place, config: ModelConfig) -> str:
    found = EMBEDDING_FORMATS.get(protocol)
    if found is None:
        raise ConfigurationError(
            f"`{config.id}` answers on the wire format `{protocol}`, for which this version has no embeddings:"
            " take a model of another provider",
            provider=place.provider.id, model=place.model,
        )  # fmt: skip
    return found


def _locate(config: ModelConfig) -> Place:
    if config.url is None:
        return _locate_listed(config)
    base_url = read_base_url(config.url, config.protocol)
    segment, _, rest = config.id.partition("/")
    named = config.provider or (segment if rest else "")
    provider = _find_or_make_provider(named, is_certain=config.provider is not None or named.lower() == CUSTOM)
    if provider is None or not _may_use(provider, config, base_url):
        return _locate_foreign(config, base_url, is_provider_like=provider is not None)
    model = rest if rest and segment.lower() == provider.id else config.id
    facts = catalog.find(f"{provider.id}/{model}")
    steps = [
        f"url: {redact_url(base_url)} (from the config)",
        f"provider: {provider.id}",
        f"model on the wire: {model}",
    ]
    file = provider.redirected_by
    return Place(
        provider=provider, model=model, facts=facts, base_url=base_url, warnings=_retired_hint(facts), steps=steps,
        untrusted_file=file and _untrusted(file, base_url),
        needs_key=config.provider is None and not provider.allows_anonymous,
    )  # fmt: skip


def _locate_listed(config: ModelConfig) -> Place:
    """Locate a catalog id: ``provider/model``, split at the first slash."""
    segment, slash, rest = config.id.partition("/")
    if config.provider:
        segment, rest = config.provider, rest if segment.lower() == config.provider.lower() else config.id
    elif not slash or not segment or not rest:
        raise InvalidModelError(_no_provider_message(config.id))
    provider = catalog.find_provider(segment)
    if provider is None:
        raise UnknownProviderError(_unknown_provider_message(segment, config.id), provider=segment, model=rest)
    facts = catalog.find(f"{provider.id}/{rest}")
    override = read_variable(base_url_variable(provider.id))
    base_url, origin, untrusted_file = _find_base_url(provider, facts, override, config.id)
    steps = [
        f"provider: {provider.id} ({provider.name})",
        f"model on the wire: {rest}",
        f"url: {redact_url(base_url)} (from {origin})"
        if origin
        else "url: a server on this machine, started on first use",
    ]
    return Place(
        provider=provider, model=rest, facts=facts, base_url=base_url, steps=steps,
        needs_key=not provider.allows_anonymous,
        untrusted_file=untrusted_file,
        is_launched=provider.id == LOCAL and not override,
        warnings=_retired_hint(facts) if facts or provider.id == LOCAL else [_unknown_hint(f"{provider.id}/{rest}")],
    )  # fmt: skip


class _BaseURL(NamedTuple):
    """A base URL, where it was found (empty: turnout starts the server itself), and the untrusted file that sets it."""

    url: str
    origin: str
    untrusted_file: str | None = None


def _find_base_url(provider: Provider, facts: Model | None, override: Variable | None, asked: str) -> _BaseURL:
    """Return the base URL of a listed provider."""
    if override:
        url = read_base_url(override.value)
        return _BaseURL(url, f"`{override.name}` in the {override.origin}", _untrusted(override.origin, url))
    own = facts if facts and facts.base_url else provider
    if own.base_url:
        file = own.redirected_by or provider.redirected_by
        url = fill_template(own.base_url, asked, file and _untrusted(file, own.base_url))
        return _BaseURL(url.rstrip("/"), file or "the catalog", file and _untrusted(file, url))
    if provider.id == LOCAL:
        return _BaseURL(_LAUNCHED_URL, "")
    _check_is_spoken(provider, facts, asked)
    raise InvalidModelError(
        f"the catalog knows no URL for `{provider.id}`: set `{base_url_variable(provider.id)}` or pass url="
        " in a model config",
        provider=provider.id, model=asked.partition("/")[2],
    )  # fmt: skip


def _untrusted(origin: str, url: str) -> str | None:
    """Return the file of the working directory that sends a call to another machine; it may be somebody else's."""
    return None if origin == "environment" or is_loopback(url) else origin


def _check_is_spoken(provider: Provider, facts: Model | None, asked: str) -> None:
    protocol = (facts and facts.protocol) or provider.protocol
    if protocol not in ENDPOINTS:
        raise ConfigurationError(
            f"`{asked}` answers on the wire format `{protocol}`, which this version does not speak:"
            f" `{provider.id}` has no URL for one of {', '.join(ENDPOINTS)}",
            provider=provider.id, model=asked.partition("/")[2],
        )  # fmt: skip


def _locate_foreign(config: ModelConfig, base_url: str, *, is_provider_like: bool) -> Place:
    """A server of the caller's own: the id is sent whole, and no provider's key is used."""
    warnings: list[Warning] = []
    if is_provider_like:
        segment = config.id.partition("/")[0]
        hint = (
            f"`{config.id}` is sent whole and without the key of `{segment}`,"
            f" because {redact_url(base_url)} is not its host:"
            f' add provider="{segment}" to the config if it is'
        )
        warnings.append(Warning("id_sent_whole", hint))
    provider = Provider(id=config.provider or CUSTOM, base_url=base_url)
    steps = [
        f"url: {redact_url(base_url)} (from the config; no provider's own host)",
        f"model on the wire: {config.id}",
    ]
    return Place(
        provider=provider, model=config.id, facts=None, base_url=base_url, needs_key=False,
        warnings=warnings, steps=steps,
    )  # fmt: skip


def _find_or_make_provider(name: str, *, is_certain: bool) -> Provider | None:
    """Return the catalog's provider, or, where the caller names one that it lacks, one with the usual variable."""
    if provider := catalog.find_provider(name) if name else None:
        return provider
    if not is_certain:
        return None
    variable = re.sub(r"[^A-Z0-9]", "_", name.upper()) + "_API_KEY"
    return Provider(id=name.lower(), name=name, env=(variable,), api_key_env=(variable,), allows_anonymous=True)


def _may_use(provider: Provider, config: ModelConfig, base_url: str) -> bool:
    """Whether the provider's name is cut from the id and its key used at this URL."""
    if config.provider is not None or provider.id == CUSTOM:
        return True
    facts = catalog.find(config.id)
    own = [url for url in (provider.base_url, facts and facts.base_url) if url]
    return owns_url(provider, own, base_url)


def _authorise(route: Route, place: Place, given_key: str | None) -> MissingKeyError | None:
    """Put the key into the route's headers. Returns the error where one is needed and none is there."""
    provider, headers = place.provider, route.headers
    route.secrets = tuple(value.split(" ")[-1] for name, value in headers.items() if is_secret_header(name))
    if "authorization" in headers and not given_key:
        route.steps.append("key: the Authorization header that was given")
        return None
    key, origin = (given_key or "").strip(), "the argument or the config"
    if not key and (variable := read_variable(*provider.api_key_env)):
        if place.untrusted_file and variable.origin == "environment":
            message = refuse_message(route.asked, place.base_url, place.untrusted_file, f"`{variable.name}`")
            raise ConfigurationError(message, provider=route.provider, model=route.model)
        key, origin = variable.value, f"`{variable.name}` in the {variable.origin}"
    if key:
        headers["authorization"] = f"Bearer {key}"
        route.secrets += (key,)
        route.steps.append(f"key: found ({origin})")
        return None
    wanted = " or ".join(f"`{name}`" for name in provider.api_key_env)
    if not place.needs_key:
        route.steps.append("key: none; the call is sent without one")
        if wanted and provider.source:
            hint = f"`{route.asked}` is called without a key, which limits the rate: set {wanted} for more"
            route.warnings.append(Warning("anonymous_call", hint))
        return None
    if not wanted:  # it takes no key at all, or one of another kind than a bearer key
        route.steps.append("key: none is listed for this provider")
        return None
    route.steps.append(f"key: not found; set {wanted}")
    return MissingKeyError(
        f"`{route.asked}` needs an API key: set {wanted} or pass `api_key=`",
        provider=route.provider, model=route.model, url=route.url,
    )  # fmt: skip


def _retired_hint(facts: Model | None) -> list[Warning]:
    return [Warning("retired_model", retired_message(facts))] if facts and facts.retired else []


def retired_message(facts: Model) -> str:
    """Say that a model is retired, and what to take instead."""
    instead = f": use `{facts.successor}`" if facts.successor else ""
    return f"`{facts.id}` was retired on {facts.retired}{instead}"


def _unknown_hint(full_id: str) -> Warning:
    near = _suggest(full_id)
    question = f": did you mean {near}?" if near else ""
    return Warning("unknown_model", f"`{full_id}` is not in the catalog and is sent as it is{question}")


@lru_cache(maxsize=256)
def _suggest(text: str) -> str:
    return " or ".join(f"`{found}`" for found in catalog.suggest(text))


def _no_provider_message(asked: str) -> str:
    near = "" if not asked or catalog.find_provider(asked) else _suggest(asked)
    question = f" (did you mean {near}?)" if near else ""
    return f"`{asked}` names no provider: write `provider/model`, such as `ovhcloud/gpt-oss-120b`{question}"


def _unknown_provider_message(segment: str, asked: str) -> str:
    near = _suggest(asked)
    question = f"did you mean {near}?" if near else "`turnout models` lists them."
    return f"no provider is called `{segment}`: {question} A server of your own is a config with url= and id="
