"""From types to JSON schemas and from JSON to values, for tools and for structured output alike; no I/O."""

from turnout.schemas.refs import inline_refs
from turnout.schemas.strict import drop_nulls, make_strict, strict_obstacle
from turnout.schemas.types import TypeSchema
from turnout.schemas.walk import SchemaMismatch

__all__ = ["SchemaMismatch", "TypeSchema", "drop_nulls", "inline_refs", "make_strict", "strict_obstacle"]
