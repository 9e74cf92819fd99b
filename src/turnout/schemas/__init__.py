"""From types to JSON schemas and from JSON to values, for tools and for structured output alike; no I/O."""

from turnout.schemas.refs import inline_refs
from turnout.schemas.strict import StrictSchema, drop_nulls, make_strict
from turnout.schemas.types import TypeSchema

__all__ = ["StrictSchema", "TypeSchema", "drop_nulls", "inline_refs", "make_strict"]
