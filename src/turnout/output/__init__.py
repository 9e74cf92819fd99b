"""Structured output: what type the answer is to be, and the answer read as it."""

from turnout.output.output import Output, OutputMismatch, read_output
from turnout.output.partial import PartialOutput

__all__ = ["Output", "OutputMismatch", "PartialOutput", "read_output"]
