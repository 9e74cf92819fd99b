"""The log probabilities of an answer's tokens, in the two shapes that servers send."""

from __future__ import annotations

from typing import Any

from turnout.protocols.json_reading import as_number, is_array, is_object, objects
from turnout.responses import TokenLogprob


def read_logprobs(value: object) -> list[TokenLogprob]:
    """Return the tokens in the `logprobs` of a choice, whole or a piece; what cannot be read counts as absent.

    OpenAI's shape has `content`, a list of objects (https://platform.openai.com/docs/api-reference/chat/object); that
    of the older completions, which some servers keep, has `tokens` and `token_logprobs` side by side.
    """
    if not is_object(value):
        return []
    if is_array(value.get("content")):
        return [token for item in objects(value["content"]) if (token := _read_token(item)) is not None]
    tokens, numbers = value.get("tokens"), value.get("token_logprobs")
    if not is_array(tokens) or not is_array(numbers):
        return []
    pairs = zip(tokens, numbers, strict=False)
    return [token for name, number in pairs if (token := _make_token(name, number)) is not None]


def _read_token(item: dict[str, Any]) -> TokenLogprob | None:
    top = [token for other in objects(item.get("top_logprobs")) if (token := _read_token(other)) is not None]
    return _make_token(item.get("token"), item.get("logprob"), item.get("bytes"), tuple(top))


def _make_token(
    token: object, logprob: object, data: object = None, top: tuple[TokenLogprob, ...] = ()
) -> TokenLogprob | None:
    number = as_number(logprob)
    if not isinstance(token, str) or number is None:
        return None
    return TokenLogprob(token=token, logprob=number, data=_read_bytes(data), top=top)


def _read_bytes(value: object) -> bytes | None:
    try:
        return bytes(value) if is_array(value) else None
    except (TypeError, ValueError):  # not numbers, or not those of bytes
        return None
