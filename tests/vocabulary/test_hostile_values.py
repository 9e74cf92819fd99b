"""Values that no model takes are refused at the door, with a cure."""

from __future__ import annotations

import math
from typing import Any

import pytest

from turnout.errors import InvalidInputError
from turnout.requests import ModelSettings, read_settings


@pytest.mark.parametrize(
    "settings",
    [
        {"max_output_tokens": -5},
        {"maxTokens": 0},
        {"top_k": -2},
        {"top_logprobs": -1},
        {"temperature": -0.1},
        {"temperature": math.nan},
        {"presence_penalty": math.inf},
        {"top_p": -1},
        ModelSettings(max_output_tokens=0),
        ModelSettings(max_output_tokens=True),
        ModelSettings(seed=1.5),  # type: ignore[arg-type]
        ModelSettings(top_p="much"),  # type: ignore[arg-type]
    ],
)
def test_a_number_out_of_range_is_refused(settings: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"settings: `\w+` is .*: give a (whole )?number"):
        read_settings(settings)


def test_numbers_at_the_edge_pass() -> None:
    given = {"max_output_tokens": 1, "top_k": -1, "top_logprobs": 0, "temperature": 0, "seed": -7}
    assert read_settings(given) == ModelSettings(**given)
    assert read_settings(ModelSettings(presence_penalty=-2)) == ModelSettings(presence_penalty=-2)
