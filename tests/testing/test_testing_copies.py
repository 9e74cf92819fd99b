"""Scripted models are copied and pickled, and say what a script is."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from turnout.testing import ScriptedModel
from turnout.testing.script import ScriptError


def test_a_copy_goes_on_with_the_same_script_and_a_pickled_one_has_its_own() -> None:
    model = ScriptedModel(["one", "two"], model="groq/a")
    assert copy.copy(model) is model
    assert copy.deepcopy({"model": model})["model"] is model
    twin = pickle.loads(pickle.dumps(model))
    assert twin is not model
    assert (twin.remaining, twin.as_candidate().model.id) == (2, "a")


@pytest.mark.parametrize("script", [5, None, 1.5, object()])
def test_what_is_no_script_is_refused(script: Any) -> None:
    with pytest.raises(ScriptError, match="a script is no .*: give a list of answers, or a function"):
        ScriptedModel(script)


def test_one_dict_is_one_answer() -> None:
    assert ScriptedModel({"a": 1, "b": 2}).remaining == 1
