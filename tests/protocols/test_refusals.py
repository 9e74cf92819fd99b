"""Which field of a request an error refuses, by what the server says of it."""

from __future__ import annotations

import pytest

from turnout.errors import BadRequestError, ContextLengthError, ServerError
from turnout.protocols.refusals import refused_field

ADDED = frozenset({"stream_options"})
TRANSLATED = frozenset({"max_tokens", "reasoning_effort"})


def refused(message, param=None, status=400, kind=BadRequestError):
    told = f"{message.rstrip('.')} (status {status}, invalid_request_error): check `{param or 'the messages'}`"
    return refused_field(kind(told, param=param, status=status), ADDED, TRANSLATED)


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ("boom", "stream_options"),
        ("boom", "stream_options.include_usage"),
        ("no stream_options here", None),
        ("Unrecognized request argument supplied: stream_options", None),
    ],
)
def test_a_field_that_turnout_added_is_refused_by_any_mention(message, param):
    assert refused(message, param) == "stream_options"
    assert refused(message, param, 422) == "stream_options"
    assert refused(message, param, 500, ServerError) is None
    assert refused(message, param, 400, ContextLengthError) is None


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ("Unsupported parameter: 'reasoning_effort' is not supported with this model.", "reasoning_effort"),
        ("Unsupported parameter: 'reasoning_effort' is not supported with this model. Use 'x' instead.", None),
        ("Unrecognized request argument supplied: reasoning_effort", None),
        ("Unknown parameter: 'reasoning_effort'.", "reasoning_effort"),
        ("Unknown parameter", "reasoning_effort"),
        ("reasoning_effort: Extra inputs are not permitted", "reasoning_effort"),
        ("reasoning_effort: Extra inputs are not permitted", None),
        ("`reasoning_effort` is not supported with this model", None),
        ("property 'reasoning_effort' is unsupported", None),
        ('Invalid JSON payload received. Unknown name "reasoning_effort": Cannot find field.', None),
        ("json: unknown field `reasoning_effort`, expected one of `model`, `messages`", None),
        ("Additional properties are not allowed ('reasoning_effort' was unexpected)", None),
        ("got an unexpected keyword argument 'reasoning_effort'", None),
        ("This model does not support the parameter reasoning_effort.", None),
        ("Argument not supported on this model: reasoning_effort", None),
        ("The following parameters are not supported: reasoning_effort", None),
    ],
)
def test_a_field_that_turnout_translated_is_refused_where_the_server_knows_no_such_field(message, param):
    assert refused(message, param) == "reasoning_effort"


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ("max_tokens: must be positive", None),
        ("max_tokens: must be positive", "max_tokens"),
        ("max_tokens is too large: 9. It must be at most 8.", "max_tokens"),
        ("max_tokens must be <= 8", None),
        ("max_tokens: unsupported value 9", None),
        ("max_tokens of 9 is not supported", None),
        ("this model does not support max_tokens above 8", None),
        ("the parameter max_tokens=9 is not supported", None),
        ("reasoning_effort: use low, medium, high", None),
        ("reasoning_effort: use low, medium, high", "reasoning_effort"),
        ("Unsupported value: 'minimal'", "reasoning_effort"),
        (
            "Unsupported value: 'reasoning_effort' does not support 'minimal' with this model. Use 'low'.",
            "reasoning_effort",
        ),
        ("Value 'minimal' is not supported with this model", "reasoning_effort"),
        ("cannot answer: please explain reasoning_effort", None),
        ("`reasoning_effort` is not supported, said the prompt", "messages[0].content"),
        ("my_reasoning_effort is not supported", None),
        ("max_completion_tokens is not supported", None),
        ("boom", "messages[0].role"),
        ("boom", None),
    ],
)
def test_a_value_that_the_server_dislikes_is_the_users_to_mend(message, param):
    assert refused(message, param) is None


@pytest.mark.parametrize("odd", [" ", "not supported ", "unknown the ", '"', "parameter (", "reasoning_effort "])
def test_an_odd_message_is_read_at_once(odd):
    assert refused("not supported" + odd * 500 + "x") is None
