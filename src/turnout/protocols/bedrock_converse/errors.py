"""Error answers of Bedrock: as of all wire formats, with the field that a model does not take as `param`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from turnout.protocols import errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from turnout.errors import APIStatusError

FORCED_CHOICE = "tool_choice"
"""What a forced `toolChoice` is called where it is learned that a model does not take it."""

_REFUSED = re.compile(r"support the ([\w.]+) field", re.IGNORECASE)
_NAMES = {"toolConfig.toolChoice.any": FORCED_CHOICE, "toolConfig.toolChoice.tool": FORCED_CHOICE}


def decode_error(status: int, headers: Mapping[str, str], body: bytes, secrets: Sequence[str] = ()) -> APIStatusError:
    """Return the error that an answer with an error status stands for; see `turnout.protocols.errors.decode_error`.

    Bedrock says ``This model doesn't support the toolConfig.toolChoice.any field.``
    """
    error = errors.decode_error(status, headers, body, secrets)
    found = _REFUSED.search(error.message)
    if found is not None and error.param is None:
        error.param = _NAMES.get(found[1]) or found[1].removeprefix("inferenceConfig.")
    return error
