"""How a call is authenticated: a key in its header, or what is exchanged for a token before it is sent.

Nothing is sent here. Where a key is exchanged or a request is signed, the route gets a `Grant`, and `call.credentials`
does it. A secret of the environment never goes where a file of the working directory sends it (decision 0010).
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, NoReturn

from msgspec import Struct, structs

from turnout.catalog.auth import EXCHANGED_KEYS, TokenSource
from turnout.catalog.types import Provider
from turnout.errors import ConfigurationError, MissingKeyError
from turnout.responses import Warning
from turnout.routing.environment import read_variable
from turnout.routing.hosts import is_loopback, read_base_url, refuse_message, token_url_variable
from turnout.routing.route import Grant, is_secret_header
from turnout.routing.templates import fill_text, fill_url, list_names

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from turnout.routing.environment import Variable
    from turnout.routing.route import Route

KEY_HEADERS = {"anthropic_messages": "x-api-key", "gemini": "x-goog-api-key"}
"""The header that carries the key in a wire format, where it is not ``Authorization: Bearer``. Sources: the API
references of Anthropic and of the Gemini API."""

AWS_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
GOOGLE_FILE = "GOOGLE_APPLICATION_CREDENTIALS"
_BEARER = "authorization"


class Door(Struct, frozen=True, kw_only=True):
    """What authentication must know of the place that a call goes to."""

    provider: Provider
    needs_key: bool
    untrusted_file: str | None = None
    """The file of the working directory that sends the call there."""

    is_listed: bool = True
    """Whether the base URL is the catalog's own: a token may name another one of the provider's hosts then."""


def authorise(route: Route, door: Door, given_key: str | None) -> MissingKeyError | None:
    """Put the key into the route's headers, or a `Grant` on the route; return the error where it lacks one.

    Raises `ConfigurationError` where a file of the working directory would direct a secret of the environment.
    """
    provider, headers = door.provider, route.headers
    route.secrets = tuple(value.split(" ")[-1] for name, value in headers.items() if is_secret_header(name))
    own_header = provider.api_key_header or _BEARER
    header = KEY_HEADERS.get(route.protocol, own_header)
    if not given_key and (given := next((name for name in (_BEARER, header, own_header) if name in headers), None)):
        route.shown_by = f"the {given.title()} header that was given"
        route.steps.append(f"key: {route.shown_by}")
        return None
    key, origin = (given_key or "").strip(), "the argument `api_key=` or the config"
    if not key and (variable := read_variable(*provider.api_key_env)):
        _check_origin(route, door.untrusted_file, variable)
        key, origin = variable.value, f"`{variable.name}` in the {variable.origin}"
    route.shown_by = f"the key of {origin}" if key else ""
    if provider.auth in EXCHANGED_KEYS and key:
        return _grant_for_key(route, door, key, origin)
    if key:
        headers[header] = f"Bearer {key}" if header == _BEARER else key
        route.secrets += (key,)
        route.steps.append(f"key: found ({origin})")
        return None
    grant = _GRANTS.get(provider.auth)
    if grant is not None and (missing := grant(route, door)) is not None:
        return missing if door.needs_key else None
    return None if grant is not None else _do_without(route, door)


def has_grant(provider: Provider, variables: Container[str]) -> bool:
    """Whether `provider` can be called by what its mechanism needs beside a key; `variables` are the names that are
    set."""
    if provider.auth == "aws":
        return all(name in variables for name in AWS_KEYS)
    if provider.auth == "google_oauth":
        return GOOGLE_FILE in variables
    if provider.auth == "oauth_client_credentials" and provider.token is not None:
        names = list_names(provider.token.client_id + provider.token.client_secret)
        return all(
            name in variables or ((spec := provider.variables.get(name)) and (spec.json_env or "") in variables)
            for name in names
        )
    return False


def list_grant_names(provider: Provider) -> list[str]:
    """Return the variables that the mechanism of `provider` reads beside a key's, for a report of what is set."""
    if provider.auth == "aws":
        return [*AWS_KEYS, "AWS_PROFILE"]
    if provider.auth == "google_oauth":
        return [GOOGLE_FILE]
    if provider.auth != "oauth_client_credentials" or provider.token is None:
        return []
    names = list_names((provider.token.url or "") + provider.token.client_id + provider.token.client_secret)
    return list(dict.fromkeys([*names, *list_holders(provider)]))


def list_holders(provider: Provider) -> list[str]:
    """Return the variables that hold all that calls of `provider` need, as one JSON object: a service key."""
    return list(dict.fromkeys(spec.json_env for spec in provider.variables.values() if spec.json_env))


def say_needs(provider: Provider) -> str:
    """Return the variables that authenticate calls of `provider`, in words; empty where there are none."""
    ways = [f"`{name}`" for name in provider.api_key_env]
    if provider.auth == "aws":
        ways.append(" and ".join(f"`{name}`" for name in AWS_KEYS))
    elif provider.auth == "google_oauth":
        ways.append(f"`{GOOGLE_FILE}`")
    elif provider.auth == "oauth_client_credentials" and provider.token is not None:
        names = list_names(provider.token.client_id + provider.token.client_secret)
        specs = [provider.variables.get(name) for name in names]
        holders = {spec.json_env for spec in specs if spec and spec.json_env}
        ways += [f"`{holder}`" for holder in sorted(holders)]
        if not holders:
            urls = list_names(provider.token.url or "")
            ways.append(" and ".join(f"`{name}`" for name in (*urls, *names)))
    return " or ".join(ways)


def _do_without(route: Route, door: Door) -> MissingKeyError | None:
    """Send the call without a key, or return the error where one is needed."""
    provider = door.provider
    wanted = " or ".join(f"`{name}`" for name in provider.api_key_env)
    if not door.needs_key:
        route.steps.append("key: none; the call is sent without one")
        if wanted and provider.source:
            hint = f"`{route.asked}` is called without a key, which limits the rate: set {wanted} for more"
            route.warnings.append(Warning("anonymous_call", hint))
        return None
    if not wanted:
        route.steps.append("key: none is listed for this provider")
        return None
    return _missing(route, f"set {wanted} or pass `api_key=`")


def _missing(route: Route, cure: str) -> MissingKeyError:
    route.steps.append(f"key: not found; {cure}")
    return MissingKeyError(
        f"`{route.asked}` needs an API key: {cure}", provider=route.provider, model=route.model, url=route.url
    )


def _grant_for_key(route: Route, door: Door, key: str, origin: str) -> None:
    source = door.provider.token or TokenSource()
    url = _find_token_url(route, door, source, is_of_environment="environment" in origin)
    headers = {name: fill_text(value, door.provider, route.asked).text for name, value in source.headers.items()}
    route.secrets += (key,)
    route.grant = Grant(
        mechanism=door.provider.auth, secret=key, url=url, headers=headers, scope=source.scope,
        moves_to=source.moves_to if door.is_listed else (),
    )  # fmt: skip
    route.steps.append(f"key: found ({origin}), and exchanged for a token before the call")


def _grant_for_client(route: Route, door: Door) -> MissingKeyError | None:
    provider, source = door.provider, door.provider.token or TokenSource()
    try:
        client = fill_text(source.client_id, provider, route.asked)
        secret = fill_text(source.client_secret, provider, route.asked)
    except MissingKeyError:
        return _missing(route, f"set {say_needs(provider)}, or pass `api_key=`")
    is_of_environment = "environment" in secret.origins
    if is_of_environment and door.untrusted_file:
        _refuse(route, door.untrusted_file, say_needs(provider))
    try:
        url = _find_token_url(route, door, source, is_of_environment=is_of_environment)
    except MissingKeyError as error:
        return _missing(route, f"it{error.message.partition('`' + route.asked + '`')[2]}")
    route.secrets += (secret.text,)
    route.grant = Grant(
        mechanism=provider.auth, secret=secret.text, client_id=client.text, url=url, scope=source.scope,
        headers={name.lower(): route.headers[name.lower()] for name in provider.headers},
        deployments=_find_deployment(route, source),
    )  # fmt: skip
    route.shown_by = f"the client that {say_needs(provider)} tell of"
    route.steps.append("key: a client's id and secret, exchanged for a token before the call")
    return None


def _find_deployment(route: Route, source: TokenSource) -> str:
    """Send the call to the deployment that is named, or return the URL that lists the running ones."""
    if not source.deployments or source.deployment_path in route.base_url:
        return ""
    named = read_variable(source.deployment_env) if source.deployment_env else None
    if named is None:
        return route.base_url + source.deployments
    from urllib.parse import quote

    route.send_to(f"{route.base_url}{source.deployment_path}{quote(named.value, safe='')}", None)
    return ""


def _grant_for_aws(route: Route, door: Door) -> MissingKeyError | None:
    provider, source = door.provider, door.provider.token or TokenSource()
    access, secret = (read_variable(name) for name in AWS_KEYS)
    session = read_variable("AWS_SESSION_TOKEN")
    region = fill_text(source.region, provider, route.asked).text
    label = route.base_url.partition("://")[2].partition(".")[0]
    bare = Grant(mechanism="aws", region=region, service=source.services.get(label, source.service))
    if access and secret:
        for variable in (access, secret):
            _check_origin(route, door.untrusted_file, variable)
        if session and session.origin != secret.origin:
            session = None  # it belongs to other keys
        route.secrets += (secret.value, *([session.value] if session else []))
        route.grant = structs.replace(
            bare, secret=secret.value, client_id=access.value, session_token=session and session.value
        )
        route.shown_by = f"the signature by `{access.name}` in the {access.origin}"
        route.steps.append(f"key: `{access.name}` in the {access.origin}, which signs the request")
        return None
    if not _is_installed("botocore"):
        return _missing(
            route,
            f"set {say_needs(provider)}, pass `api_key=`, or install turnout[aws] for profiles and roles",
        )
    if door.untrusted_file:
        _refuse(route, door.untrusted_file, say_needs(provider))
    profile = read_variable("AWS_PROFILE")
    route.grant = structs.replace(bare, secret=profile.value if profile else "")
    route.shown_by = "the signature by " + (f"the AWS profile `{profile.value}`" if profile else "this machine's role")
    route.steps.append("key: the AWS profile or role of this machine, which signs the request")
    return None


def _grant_for_google(route: Route, door: Door) -> MissingKeyError | None:
    if not _is_installed("google.auth"):
        return _missing(route, "install turnout[vertex] (google-auth), or pass an access token as `api_key=`")
    file = read_variable(GOOGLE_FILE)
    if door.untrusted_file and (file is None or file.origin == "environment"):
        _refuse(route, door.untrusted_file, f"`{GOOGLE_FILE}`")
    source = door.provider.token or TokenSource()
    route.grant = Grant(mechanism="google_oauth", file=file.value if file else "", scope=source.scope)
    what = f"`{GOOGLE_FILE}` in the {file.origin}" if file else "Application Default Credentials of this machine"
    route.shown_by = f"the token for {what}"
    route.steps.append(f"key: {what}, exchanged for a token before the call")
    return None


_GRANTS: dict[str, Callable[[Route, Door], MissingKeyError | None]] = {
    "oauth_client_credentials": _grant_for_client,
    "aws": _grant_for_aws,
    "google_oauth": _grant_for_google,
}


def _find_token_url(route: Route, door: Door, source: TokenSource, *, is_of_environment: bool) -> str:
    """Return where a secret is exchanged; a file of the working directory sends none of the environment there."""
    provider = door.provider
    override = read_variable(token_url_variable(provider.id))
    if override:
        url, file = read_base_url(override.value), None if override.origin == "environment" else override.origin
    else:
        filled = fill_url(source.url or "", provider, route.asked, provider.redirected_by)
        url, file = filled.text, filled.file or provider.redirected_by
    if not url:
        raise ConfigurationError(
            f"`{provider.id}` exchanges its key for a token, and the catalog knows no URL for that:"
            f" set `{token_url_variable(provider.id)}`",
            provider=route.provider, model=route.model,
        )  # fmt: skip
    if file and is_of_environment and not is_loopback(url):
        message = refuse_message(route.asked, url, file, "the key")
        raise ConfigurationError(message, provider=route.provider, model=route.model)
    return url


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # not even the package that it is in
        return False


def _check_origin(route: Route, untrusted_file: str | None, variable: Variable) -> None:
    if untrusted_file and variable.origin == "environment":
        _refuse(route, untrusted_file, f"`{variable.name}`")


def _refuse(route: Route, file: str, names: str) -> NoReturn:
    message = refuse_message(route.asked, route.base_url, file, names)
    raise ConfigurationError(message, provider=route.provider, model=route.model)
