"""URLs of servers: read and compared, so that a key only ever goes to the host that it belongs to."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from urllib.parse import urlsplit

from turnout.errors import InvalidModelError, redact_url

ENDPOINTS = {
    "openai_chat": "/chat/completions",
    "openai_responses": "/responses",
    "openai_embeddings": "/embeddings",
    "anthropic_messages": "/messages",
    "gemini": "",
    "vertex_gemini": "",
    "bedrock_converse": "",
    "vertex_anthropic": "",
    "bedrock_anthropic": "",
    "watsonx_chat": "",
    "sap_orchestration": "",
    "cohere_chat": "",
    "openai_images": "/images/generations",
    "openai_speech": "/audio/speech",
    "openai_transcription": "/audio/transcriptions",
    "rerank": "/rerank",
}
"""The path that each wire format adds to the base URL; empty where its `encode` writes the URL of each request."""

TASK_FORMATS: dict[str, dict[str, str]] = {
    task: {**dict.fromkeys(("openai_chat", "openai_responses", *others), name), name: name}
    for task, name, others in (
        ("embedding", "openai_embeddings", ()),
        ("image", "openai_images", ()),
        ("speech", "openai_speech", ()),
        ("transcription", "openai_transcription", ()),
        ("rerank", "rerank", ("cohere_chat",)),
    )
}
"""For each task but chat: its wire format at the base URL of each wire format for chats."""

_DEFAULT_PORTS = {"http": 80, "https": 443}


@lru_cache(maxsize=64)
def read_base_url(url: str, protocol: str | None = None) -> str:
    """Return `url` as a base URL: without a trailing slash, and without the endpoint's path if it ends with it.

    Raises `InvalidModelError` when it is no http or https URL.
    """
    cleaned = url.strip()
    try:
        parts = urlsplit(cleaned)
        is_http = parts.scheme in _DEFAULT_PORTS and bool(parts.hostname)
    except ValueError:  # a bracket that is not closed
        is_http = False
    if not is_http or re.search(r"[\s\\\x00-\x1f]", cleaned):
        raise InvalidModelError(
            f"the url {redact_url(cleaned)!r} is not an http or https URL: give the server's base URL,"
            ' such as "http://127.0.0.1:8000/v1"'
        )
    base, mark, query = cleaned.partition("#")[0].partition("?")
    base = base.rstrip("/")
    for name, path in ENDPOINTS.items():
        if protocol in (None, name):
            base = base.removesuffix(path)
    return base.rstrip("/") + mark + query


def join_path(base_url: str, path: str) -> str:
    """Return the URL of `path` below `base_url`; a query of the base URL (``?api-version=…``) stays at the end."""
    base, mark, query = base_url.partition("?")
    return base.rstrip("/") + path + mark + query


def has_same_origin(one: str, other: str) -> bool:
    """Whether two URLs have the same scheme, host and port."""
    return _origin(one) == _origin(other)


def name_origin(url: str, prefix: str) -> str:
    """Return a name for the scheme, host and port of `url`: ``"custom@5d41402abc4b2a76"``.

    It does not show them: messages that hold it may be handed on.
    """
    scheme, host, port = _origin(url)
    return f"{prefix}@{blake2b(f'{scheme}://{host}:{port}'.encode(), digest_size=8).hexdigest()}"


def refuse_message(asked: str, url: str, file: str, variables: str) -> str:
    """Say that a file of the folder sends a call elsewhere, and that the environment stays here."""
    return (
        f"{file} sends calls of `{asked}` to {redact_url(url)}, and a file of the working directory gets nothing from"
        f" the environment for that: set {variables} in .env as well, pass api_key=, or set the URL in the environment"
    )


def is_loopback(url: str) -> bool:
    """Whether `url` is on this machine."""
    from ipaddress import ip_address

    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def base_url_variable(provider: str) -> str:
    """Return the name of the variable that overrides a provider's base URL, such as ``OVHCLOUD_BASE_URL``."""
    return _variable_prefix(provider) + "_BASE_URL"


def token_url_variable(provider: str) -> str:
    """Return the name of the variable that overrides where a provider's tokens come from: ``WATSONX_TOKEN_URL``."""
    return _variable_prefix(provider) + "_TOKEN_URL"


def _variable_prefix(provider: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", provider.upper())


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    try:
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        port = None
    return parts.scheme.lower(), (parts.hostname or "").rstrip("."), port
