"""`ModelId`: any model id as a string; editors complete the ids of the catalog from `model_ids.pyi`."""

from __future__ import annotations

from typing import TypeAlias

KnownModelId: TypeAlias = str
"""The id of a model of the packaged catalog. For type checkers it is a `Literal` of all of them."""

ModelId: TypeAlias = str
"""A full model id such as ``"ovhcloud/gpt-oss-120b"``: completes in editors, and takes any other string too."""
