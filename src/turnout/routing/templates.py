"""Texts with ``${VARIABLE}`` in them, filled in from the environment, so that no file of a folder directs a key."""

from __future__ import annotations

import re
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import quote

import msgspec

from turnout.errors import ConfigurationError, InvalidModelError, MissingKeyError, redact_url
from turnout.routing.environment import Variable, read_json_file, read_profile, read_variable
from turnout.routing.hosts import base_url_variable, has_same_origin, is_loopback, read_base_url, refuse_message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnout.catalog.auth import URLVariable
    from turnout.catalog.types import Provider

_TEMPLATE = re.compile(r"\$\{(\w+)\}")
_HOST_VALUE = re.compile(r"[A-Za-z0-9._:-]+")
_HOST_LABEL = re.compile(r"[A-Za-z0-9-]+")
_MODEL = "{model}"
_CATALOG = "catalog"


class Filled(NamedTuple):
    """A template with its variables in their places."""

    text: str
    origins: frozenset[str] = frozenset()
    """Where the values were found: ``"environment"``, ``".env"``."""

    file: str | None = None
    """The file that decides whose host it is, where one does and the host is not on this machine."""


def list_names(template: str) -> list[str]:
    """Return the names of the variables of `template`, in order."""
    return list(dict.fromkeys(_TEMPLATE.findall(template)))


def fill_url(template: str, provider: Provider, wanted_by: str, untrusted_file: str | None = None) -> Filled:
    """Replace every ``${VARIABLE}`` of a URL from the environment or `.env`, as `provider` says.

    Raises `MissingKeyError` that names all variables that are not set (`wanted_by` says who needs them), and
    `ConfigurationError` for a value that cannot stand in a URL, or for a variable of the environment where the
    template itself comes from `untrusted_file`.
    """
    if "$" not in template:
        return Filled(template)
    found = _read_all(template, provider.variables, wanted_by, f"its URL {redact_url(template)}")
    _refuse_environment(found.values(), template, wanted_by, untrusted_file)
    host_end = _host_end(template)
    text, file = "", None
    last = 0
    for match in _TEMPLATE.finditer(template):
        name, variable = match[1], found[match[1]]
        rest = template[match.end() : host_end] if match.end() < host_end else ""
        text += template[last : match.start()] + _place(variable, match.start(), host_end, rest)
        last = match.end()
        spec = provider.variables.get(name)
        directs = match.start() < host_end and variable.origin not in ("environment", _CATALOG)
        if directs and not (spec and spec.is_place):
            file = variable.origin
    text += template[last:]
    return Filled(text, _origins(found), None if file is None or is_loopback(text) else file)


def fill_text(template: str, provider: Provider, wanted_by: str, untrusted_file: str | None = None) -> Filled:
    """Replace every ``${VARIABLE}`` of a text that is no URL: a header, a field of a body, a secret. Raises alike."""
    if "$" not in template:
        return Filled(template)
    found = _read_all(template, provider.variables, wanted_by, "its calls")
    _refuse_environment(found.values(), template, wanted_by, untrusted_file)
    return Filled(_TEMPLATE.sub(lambda match: found[match[1]].value, template), _origins(found))


def place_model(url: str, model: str) -> str:
    """Return `url` with ``{model}`` replaced by the id of the model: ``…/openai/deployments/{model}?api-version=…``.

    Raises `InvalidModelError` for an id that cannot be a part of a host's name, where one is asked for.
    """
    if _MODEL not in url:
        return url
    if url.find(_MODEL) < _host_end(url) and not _HOST_LABEL.fullmatch(model):
        raise InvalidModelError(f"`{model}` cannot stand in the host of {redact_url(url)}: check that URL", model=model)
    return url.replace(_MODEL, quote(model, safe=""))


def owns_url(provider: Provider, own_urls: list[str], url: str) -> bool:
    """Whether `url` is at the provider's own host, or at that of its ``<PROVIDER>_BASE_URL``."""
    override = read_variable(base_url_variable(provider.id))
    candidates = [*own_urls, *([override.value] if override else [])]
    for candidate in candidates:
        try:
            if has_same_origin(fill_url(candidate, provider, provider.id).text, url):
                return True
        except ConfigurationError:  # its own URL is not complete here, so it cannot be this one
            continue
    return False


def find_variable(name: str, variables: Mapping[str, URLVariable]) -> Variable | None:
    """Return the value of ``${name}``, by the rules of `variables`; ``"catalog"`` is the origin of a default."""
    spec = variables.get(name)
    if spec is None:
        return read_variable(name)
    found = (
        read_variable(name, *spec.names)
        or _read_json(name, spec)
        or (read_profile(spec.profile_key) if spec.profile_key else None)
        or _read_default(name, spec, variables)
    )
    return found._replace(value=_mend(found.value, spec)) if found and (spec.instead or spec.ending) else found


def _mend(value: str, spec: URLVariable) -> str:
    """Return what stands in the place of `value`, with the ending that it must have."""
    other = next((other for pattern, other in spec.instead.items() if fnmatchcase(value, pattern)), value)
    value = spec.instead.get(value, other)
    return value if value.rstrip("/").endswith(spec.ending) else value.rstrip("/") + spec.ending


def _read_default(name: str, spec: URLVariable, variables: Mapping[str, URLVariable]) -> Variable | None:
    if spec.default is None:
        return None
    inner = {part: find_variable(part, variables) for part in _TEMPLATE.findall(spec.default)}
    if any(value is None for value in inner.values()):
        return None
    values = {part: value for part, value in inner.items() if value is not None}
    origins = {value.origin for part, value in values.items() if not _is_place_of_file(value, variables.get(part))}
    origins -= {_CATALOG}
    origin = next((item for item in sorted(origins) if item != "environment"), "environment") if origins else _CATALOG
    told = next((value.name for value in values.values() if not _HOST_VALUE.fullmatch(value.value)), name)
    return Variable(told, _TEMPLATE.sub(lambda match: values[match[1]].value, spec.default), origin)


def _is_place_of_file(variable: Variable, spec: URLVariable | None) -> bool:
    """Whether a file only says which of the provider's own hosts is meant: it decides nothing about whose it is."""
    return variable.origin != "environment" and spec is not None and spec.is_place


def _read_json(name: str, spec: URLVariable) -> Variable | None:
    """Return what a variable or a file that holds a JSON object says.

    Raises `ConfigurationError` where a variable holds no such thing; what is wrong with a file, its own reader says.
    """
    if spec.json_env and (holder := read_variable(spec.json_env)):
        try:
            return _find_in(msgspec.json.decode(holder.value), name, spec, holder.origin)
        except (ValueError, RecursionError):
            raise ConfigurationError(
                f"`{holder.name}` in the {holder.origin} is no JSON: set it to the whole service key, on one line"
            ) from None
    return next((found for file in spec.json_files if (found := _read_json_file(file, name, spec))), None)


def _read_json_file(template: str, name: str, spec: URLVariable) -> Variable | None:
    parts = {part: variable for part in list_names(template) if (variable := read_variable(part))}
    if len(parts) < len(list_names(template)):
        return None
    path = _TEMPLATE.sub(lambda match: parts[match[1]].value, template)
    origin = min((variable.origin for variable in parts.values()), default="environment")  # ".env" before that
    with suppress(OSError, ValueError, RuntimeError):
        return _find_in(read_json_file(path), name, spec, origin)
    return None


def _find_in(facts: object, name: str, spec: URLVariable, origin: str) -> Variable | None:
    for way in spec.json_path.split("|"):
        value = facts
        for key in way.split("."):
            value = cast("dict[str, Any]", value).get(key) if isinstance(value, dict) else None
        if isinstance(value, str) and value.strip():
            return Variable(name, value.strip(), origin)
    return None


def _read_all(template: str, variables: Mapping[str, URLVariable], wanted_by: str, purpose: str) -> dict[str, Variable]:
    found: dict[str, Variable] = {}
    missing: list[str] = []
    for name in list_names(template):
        value = find_variable(name, variables)
        if value is None:
            missing.append(_say(name, variables))
        else:
            found[name] = value
    if missing:
        ways = list(dict.fromkeys(missing))
        told = " and ".join(f"({way})" if " or " in way and len(ways) > 1 else way for way in ways)
        raise MissingKeyError(f"`{wanted_by}` needs {told} for {purpose}: set it in the environment or in .env")
    return found


def _say(name: str, variables: Mapping[str, URLVariable]) -> str:
    """Return the variables that may hold a value, for a message."""
    spec = variables.get(name)
    if spec is None:
        return f"`{name}`"
    if spec.default and not spec.json_env and not spec.names:
        return " and ".join(_say(inner, variables) for inner in list_names(spec.default))
    holders = [f"`{spec.json_env}`"] if spec.json_env else []
    if spec.json_env and read_variable(spec.json_env):
        holders = [f"`{spec.json_path}` in `{spec.json_env}`"]  # it is set, and lacks that
    return " or ".join([*holders, *(f"`{item}`" for item in (name, *spec.names))])


def _refuse_environment(found: Any, template: str, wanted_by: str, untrusted_file: str | None) -> None:
    if untrusted_file is None:
        return
    names = [variable.name for variable in found if variable.origin == "environment"]
    if names:
        raise ConfigurationError(refuse_message(wanted_by, template, untrusted_file, " and ".join(names)))


def _host_end(template: str) -> int:
    """Return where the host of a URL ends; a template that begins with a variable has it in there."""
    start = template.find("://")
    end = re.compile(r"[/?#]|$").search(template, start + 3 if start >= 0 else 0)
    return end.start() if end else len(template)


def _place(variable: Variable, start: int, host_end: int, rest: str) -> str:
    """Return the value as it stands in a URL, before the `rest` of the host, which a value may repeat.

    Raises `ConfigurationError` for one that would change the rest of the URL.
    """
    value = variable.value
    if start == 0:
        try:
            return read_base_url(value)
        except InvalidModelError as error:
            raise ConfigurationError(f"`{variable.name}` in the {variable.origin}: {error.message}") from None
    if start >= host_end:
        if value in (".", ".."):
            raise ConfigurationError(f"`{variable.name}` in the {variable.origin} cannot be part of a URL: mend it")
        return quote(value, safe="@:._~-")
    host = value.removeprefix("https://").rstrip("/")
    if rest and "$" not in rest:
        host = host.removesuffix(rest)  # the whole host, where a part of it was asked for
    if not _HOST_VALUE.fullmatch(host):
        raise ConfigurationError(
            f"`{variable.name}` in the {variable.origin} cannot be part of a host's name: it holds other characters"
            " than letters, digits, dots and hyphens"
        )
    return host


def _origins(found: Mapping[str, Variable]) -> frozenset[str]:
    return frozenset(variable.origin for variable in found.values() if variable.origin != _CATALOG)
