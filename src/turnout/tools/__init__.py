"""Tools: functions that a model may call."""

from turnout.tools.calls import find_fault, run_call, run_calls
from turnout.tools.execution import run_tool
from turnout.tools.outcome import ToolOutcome
from turnout.tools.reading import as_tool, read_tools
from turnout.tools.tool import Tool, tool

__all__ = ["Tool", "ToolOutcome", "as_tool", "find_fault", "read_tools", "run_call", "run_calls", "run_tool", "tool"]
