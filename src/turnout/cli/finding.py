"""One line of `turnout doctor`."""

from __future__ import annotations

from typing import Literal

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """One line of the doctor: ``ok``, a ``note`` (not there, not needed) or ``broken`` (the text says the cure)."""

    state: Literal["ok", "note", "broken"]
    subject: str
    text: str
