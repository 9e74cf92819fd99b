"""Wire formats are found by name."""

from __future__ import annotations

import pytest

from turnout.errors import ConfigurationError
from turnout.protocols import PROTOCOLS, find_protocol, openai_chat


def test_every_wire_format_is_found_by_its_name():
    assert find_protocol("openai_chat") is openai_chat
    for name in PROTOCOLS:
        assert callable(find_protocol(name).encode)


@pytest.mark.parametrize("name", ["refusals", "os", ""])
def test_any_other_name_is_an_error_that_tells_the_names(name):
    names = ", ".join(PROTOCOLS)
    with pytest.raises(ConfigurationError, match=f"choose one of {names} with protocol= in the model config"):
        find_protocol(name)
