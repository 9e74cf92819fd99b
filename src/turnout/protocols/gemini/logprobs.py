"""The log probabilities of an answer's tokens."""

from __future__ import annotations

from typing import Any

from turnout.protocols.json_reading import as_number, is_object, objects
from turnout.responses import TokenLogprob


def read_logprobs(value: object) -> list[TokenLogprob]:
    """Return the tokens in a `logprobsResult`; what cannot be read counts as absent.

    The likeliest tokens stand in a list of their own, one entry for each token:
    https://ai.google.dev/api/generate-content#LogprobsResult.
    """
    if not is_object(value):
        return []
    chosen, top = objects(value.get("chosenCandidates")), objects(value.get("topCandidates"))
    top += [{}] * (len(chosen) - len(top))
    return [
        TokenLogprob(token=token, logprob=number, top=_read_top(beside))
        for item, beside in zip(chosen, top, strict=False)
        if isinstance(token := item.get("token"), str) and (number := as_number(item.get("logProbability"))) is not None
    ]


def _read_top(beside: dict[str, Any]) -> tuple[TokenLogprob, ...]:
    return tuple(read_logprobs({"chosenCandidates": beside.get("candidates")}))
