"""What the doctor says of keys and models: which providers something is set for, and whether it is enough."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from turnout import catalog
from turnout.cli.finding import Finding
from turnout.errors import ConfigurationError, MissingKeyError, TurnoutError, redact_url
from turnout.protocols import find_protocol
from turnout.routing.access import GOOGLE_FILE, has_grant, list_grant_names, list_holders, say_needs
from turnout.routing.environment import list_variables, read_variable
from turnout.routing.hosts import base_url_variable, token_url_variable
from turnout.routing.model import Candidate
from turnout.routing.resolution import resolve, trace_candidate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnout.catalog.types import Provider
    from turnout.routing.environment import Variable


def examine_keys() -> Iterator[Finding]:
    """Yield what there is to say of `.env`, of each provider that something is set for, and of the default model.

    Raises `ConfigurationError` where a file that every look-up reads is damaged.
    """
    yield from _check_dotenv()
    yield from _check_providers()
    yield from _check_default_model()


def _check_dotenv() -> Iterator[Finding]:
    from dotenv import dotenv_values

    path = Path.cwd() / ".env"
    if not path.is_file():
        yield Finding("note", ".env", f"none in {path.parent}")
        return
    read_variable("")  # raises for one that is much too large, which would take minutes to read
    try:
        values = dotenv_values(path)
    except (OSError, UnicodeDecodeError) as error:
        yield Finding("broken", ".env", f"{path} cannot be read ({type(error).__name__}): save it as UTF-8 text")
        return
    names = ", ".join(f"{name}{'' if value else ' (empty)'}" for name, value in values.items())
    yield Finding("ok", ".env", f"sets {names}" if names else f"{path} sets nothing")


def _check_providers() -> Iterator[Finding]:
    """Look at every provider of which something is set."""
    count = 0
    for provider in catalog.providers():
        urls = (base_url_variable(provider.id), token_url_variable(provider.id))
        own = (*provider.api_key_env, *urls, *list_holders(provider))
        names = dict.fromkeys((*own, *provider.env, *list_grant_names(provider), *_list_other_names(provider)))
        found = [variable for name in names if (variable := read_variable(name))]
        if found:
            count += 1
            is_meant = any(variable.name in own for variable in found)  # AWS_REGION alone serves other programs too
            yield _check_provider(provider, found, "broken" if is_meant else "note")
    if not count:
        yield Finding("note", "providers", "no variable of any is set: the embedded model and anonymous ones need none")


def _list_other_names(provider: Provider) -> list[str]:
    """Return the other names of the variables that its URLs and calls are made of."""
    return [name for variable, spec in provider.variables.items() for name in (variable, *spec.names)]


def _check_provider(provider: Provider, found: list[Variable], worst: Literal["note", "broken"]) -> Finding:
    model = _choose_model(provider)
    listed = ", ".join(f"{variable.name} ({variable.origin})" for variable in found)
    try:
        route, missing = trace_candidate(Candidate(model=model))
        if missing:
            return Finding(worst, provider.id, f"{listed}, but no API key: set {say_needs(provider)}")
        find_protocol(route.protocol)
    except ConfigurationError as error:
        told = error.message.replace(f"`{model}`", f"`{provider.id}`", 1)
        if isinstance(error, MissingKeyError) and not _has_key(provider):
            told += f"; and no API key: set {say_needs(provider)}"
        return Finding(worst, provider.id, f"{listed}, but {told}")
    if route.grant is not None and route.grant.file and not Path(route.grant.file).is_file():
        return Finding("broken", provider.id, f"{listed}, but {route.grant.file} is no file: mend `{GOOGLE_FILE}`")
    calls = f"{listed}, calls go to {redact_url(route.base_url)}"
    if route.grant is None:
        return Finding("ok", provider.id, calls)
    how = next(step.partition(": ")[2] for step in route.steps if step.startswith("key: "))
    is_found = bool(route.grant.client_id or route.grant.file or route.grant.url)
    return Finding("ok" if is_found or worst == "broken" else "note", provider.id, f"{calls}; {how}")


def _choose_model(provider: Provider) -> str:
    """Return a model that goes to the provider's own URL on its own wire format, where there is one."""
    models = catalog.models(provider=provider.id, retired=False)
    usual = (model.id for model in models if model.base_url is None and model.protocol in (None, provider.protocol))
    return next(usual, models[0].id if models else f"{provider.id}/any")


def _has_key(provider: Provider) -> bool:
    """Whether there is a key, or what stands in its place; whether one is needed at all."""
    is_needed = bool(say_needs(provider)) and not provider.allows_anonymous
    return not is_needed or bool(read_variable(*provider.api_key_env)) or has_grant(provider, list_variables())


def _check_default_model() -> Iterator[Finding]:
    from turnout.cli.chat import DEFAULT_MODEL, MODEL_VARIABLE

    variable = read_variable(MODEL_VARIABLE)
    if variable is None:
        yield Finding("ok", "default model", f"{DEFAULT_MODEL} (`{MODEL_VARIABLE}` names another)")
        return
    try:
        resolve(variable.value)
    except TurnoutError as error:
        yield Finding("broken", "default model", f"{MODEL_VARIABLE} ({variable.origin}): {error.message}")
    else:
        yield Finding("ok", "default model", f"{variable.value} ({MODEL_VARIABLE} in the {variable.origin})")
