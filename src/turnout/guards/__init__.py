"""Guards: what looks at the input and output of a model, and may change it, block it, or ask for another answer.

::

    from turnout.guards import RedactPII

    agent = Agent(model="ovhcloud/gpt-oss-120b", guards=[RedactPII()])
"""

from turnout.guards.chunks import ChunkGate
from turnout.guards.guard import (
    Block,
    Guard,
    GuardContext,
    InputGuard,
    OutputGuard,
    Retry,
    StreamFilter,
    StreamGuard,
    check_input,
    check_output,
    read_guards,
    retry_text,
)
from turnout.guards.pii import RedactPII
from turnout.guards.streams import Gate, open_gate

__all__ = [
    "Block",
    "ChunkGate",
    "Gate",
    "Guard",
    "GuardContext",
    "InputGuard",
    "OutputGuard",
    "RedactPII",
    "Retry",
    "StreamFilter",
    "StreamGuard",
    "check_input",
    "check_output",
    "open_gate",
    "read_guards",
    "retry_text",
]
