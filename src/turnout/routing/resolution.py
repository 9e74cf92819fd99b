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
from turnout.routing.access import Door, authorise
from turnout.routing.environment import Variable, read_variable
from turnout.routing.hosts import (
    ENDPOINTS,
    TASK_FORMATS,
    base_url_variable,
    is_loopback,
    join_path,
    name_origin,
    read_base_url,
)
from turnout.routing.model import Candidate, ModelConfig, read_model
from turnout.routing.route import CUSTOM, Route, SecretHeaders
from turnout.routing.templates import fill_text, fill_url, owns_url, place_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnout.requests import Task

LOCAL = "local"
"""The provider whose server turnout starts itself."""

_LAUNCHED_URL = "http://127.0.0.1/v1"  # its port is known once it runs


class Place(Struct, kw_only=True):
    """What follows from the id (and the url) alone: whose model it is, how it is called, and what to say about it."""

    provider: Provider
    model: str
    facts: Model | None
    base_url: str
    protocol: str
    needs_key: bool = True
    untrusted_file: str | None = None
    is_listed: bool = False
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
    place = _locate(config, task)
    provider, protocol = place.provider, place.protocol
    base_url = place_model(place.base_url, place.model)
    filled = {name: _fill(value, place, candidate) for name, value in provider.headers.items()}
    given = {**filled, **config.headers, **(headers or {}), **candidate.headers}
    route = Route(
        asked=candidate.label,
        provider=place.provider.id,
        maker=name_origin(base_url, CUSTOM) if place.provider.id == CUSTOM else place.provider.id,
        model=place.model,
        protocol=protocol,
        base_url=base_url,
        url=join_path(base_url, ENDPOINTS.get(protocol, "")),
        headers=SecretHeaders({name.lower(): value for name, value in given.items()}),
        exact_model=_find_exact_model(place),
        facts=place.facts,
        quirks=provider.quirks_in(protocol, place.facts),
        warnings=list(place.warnings),
        is_launched=place.is_launched,
        steps=[*place.steps, f"wire format: {protocol}"],
        body_fields={name: _fill(value, place, candidate) for name, value in provider.body_fields.items()},
    )
    door = Door(
        provider=provider, needs_key=place.needs_key, untrusted_file=place.untrusted_file, is_listed=place.is_listed
    )
    return route, authorise(route, door, api_key or config.api_key)


def _find_exact_model(place: Place) -> str | None:
    """Return how the provider spells the model, where that is known to differ from what is sent at first."""
    facts = place.facts
    if facts is None or facts.sent_as is not None:
        return None
    exact = facts.wire_id or facts.short_id
    return exact if exact != place.model else None


def _fill(template: str, place: Place, candidate: Candidate) -> str:
    return fill_text(template, place.provider, candidate.label, place.provider.redirected_by).text


_TASKS: dict[Task, str] = {
    "embedding": "embeddings",
    "image": "images",
    "speech": "speech",
    "transcription": "transcriptions",
    "rerank": "reranking",
}


def _find_protocol(config: ModelConfig, facts: Model | None, provider: Provider, task: Task) -> str:
    """Return the wire format of a call: that of the config, of the model or of its provider, fit for the task."""
    protocol = config.protocol or (facts and facts.protocol) or provider.protocol
    formats = TASK_FORMATS.get(task)
    if formats is None:
        return protocol
    for found in formats.values():
        if found in provider.base_urls and config.protocol is None:
            return found
    found = formats.get(protocol)
    if found is None:  # a second URL for chats says nothing of other tasks
        raise ConfigurationError(
            f"`{config.id}` answers on the wire format `{protocol}`, for which this version has no {_TASKS[task]}:"
            " take a model of another provider",
            provider=provider.id, model=config.id.partition("/")[2],
        )  # fmt: skip
    return found


def _locate(config: ModelConfig, task: Task) -> Place:
    if config.url is None:
        return _locate_listed(config, task)
    base_url = read_base_url(config.url, config.protocol)
    segment, _, rest = config.id.partition("/")
    named = config.provider or (segment if rest else "")
    provider = _find_or_make_provider(named, is_certain=config.provider is not None or named.lower() == CUSTOM)
    if provider is None or not _may_use(provider, config, base_url):
        return _locate_foreign(config, base_url, task, is_provider_like=provider is not None)
    model = rest if rest and segment.lower() == provider.id else config.id
    facts = catalog.find(f"{provider.id}/{model}")
    model = (facts and facts.sent_as) or model
    steps = [
        f"url: {redact_url(base_url)} (from the config)",
        f"provider: {provider.id}",
        f"model on the wire: {model}",
    ]
    file = provider.redirected_by
    return Place(
        provider=provider, model=model, facts=facts, base_url=base_url, warnings=_retired_hint(facts), steps=steps,
        protocol=_find_protocol(config, facts, provider, task),
        untrusted_file=file and _untrusted(file, base_url),
        needs_key=config.provider is None and not provider.allows_anonymous,
    )  # fmt: skip


def _locate_listed(config: ModelConfig, task: Task) -> Place:
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
    protocol = _find_protocol(config, facts, provider, task)
    base_url, origin, untrusted_file = _find_base_url(provider, facts, override, config.id, protocol)
    model = (facts and facts.sent_as) or rest
    steps = [
        f"provider: {provider.id} ({provider.name})",
        f"model on the wire: {model}",
        f"url: {redact_url(base_url)} (from {origin})"
        if origin
        else "url: a server on this machine, started on first use",
    ]
    return Place(
        provider=provider, model=model, facts=facts, base_url=base_url, steps=steps, protocol=protocol,
        needs_key=not provider.allows_anonymous,
        untrusted_file=untrusted_file,
        is_listed=not override,
        is_launched=provider.id == LOCAL and not override,
        warnings=_retired_hint(facts) if facts or provider.id == LOCAL else [_unknown_hint(f"{provider.id}/{rest}")],
    )  # fmt: skip


class _BaseURL(NamedTuple):
    """A base URL, where it was found (empty: turnout starts the server itself), and the untrusted file that sets it."""

    url: str
    origin: str
    untrusted_file: str | None = None


def _find_base_url(
    provider: Provider, facts: Model | None, override: Variable | None, asked: str, protocol: str
) -> _BaseURL:
    """Return the base URL of a listed provider."""
    if override:
        url = read_base_url(override.value)
        return _BaseURL(url, f"`{override.name}` in the {override.origin}", _untrusted(override.origin, url))
    own = facts if facts and facts.base_url and _speaks(facts, provider, protocol) else provider
    listed = _find_listed_url(provider, protocol) if own is provider else None
    if template := listed or own.base_url:
        file = own.redirected_by or provider.redirected_by
        url, _, directed_by = fill_url(template, provider, asked, file and _untrusted(file, template))
        return _BaseURL(url.rstrip("/"), file or "the catalog", (file and _untrusted(file, url)) or directed_by)
    if provider.id == LOCAL:
        return _BaseURL(_LAUNCHED_URL, "")
    _check_is_spoken(provider, protocol, asked)
    raise InvalidModelError(
        f"the catalog knows no URL for `{provider.id}`: set `{base_url_variable(provider.id)}` or pass url="
        " in a model config",
        provider=provider.id, model=asked.partition("/")[2],
    )  # fmt: skip


def _find_listed_url(provider: Provider, protocol: str) -> str | None:
    """Return the URL listed for a wire format; one for another task stands at that of a chat format which has it."""
    if protocol in provider.base_urls:
        return provider.base_urls[protocol]
    none: dict[str, str] = {}
    formats = next((formats for formats in TASK_FORMATS.values() if protocol in formats), none)
    if formats.get(provider.protocol) == protocol:
        return None
    return next((url for name, url in provider.base_urls.items() if formats.get(name) == protocol), None)


def _untrusted(origin: str, url: str) -> str | None:
    """Return the file of the working directory that sends a call to another machine; it may be somebody else's."""
    return None if origin == "environment" or is_loopback(url) else origin


def _speaks(facts: Model, provider: Provider, protocol: str) -> bool:
    """Whether the model's own URL is one for `protocol`: another format may have been asked for."""
    return protocol == (facts.protocol or provider.protocol) or protocol not in provider.base_urls


def _check_is_spoken(provider: Provider, protocol: str, asked: str) -> None:
    if protocol not in ENDPOINTS:
        raise ConfigurationError(
            f"`{asked}` answers on the wire format `{protocol}`, which this version does not speak:"
            f" `{provider.id}` has no URL for one of {', '.join(ENDPOINTS)}",
            provider=provider.id, model=asked.partition("/")[2],
        )  # fmt: skip


def _locate_foreign(config: ModelConfig, base_url: str, task: Task, *, is_provider_like: bool) -> Place:
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
        protocol=_find_protocol(config, None, provider, task),
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
    own = [url for url in (provider.base_url, *provider.base_urls.values(), facts and facts.base_url) if url]
    return owns_url(provider, own, base_url)


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
