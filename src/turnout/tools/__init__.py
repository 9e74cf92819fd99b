"""Tools: functions that a model may call."""

from turnout.tools.calls import CallRunner, find_fault, run_call
from turnout.tools.execution import run_tool
from turnout.tools.outcome import ToolOutcome
from turnout.tools.reading import as_tool, read_tools
from turnout.tools.tool import Tool, tool

__all__ = ["CallRunner", "Tool", "ToolOutcome", "as_tool", "find_fault", "read_tools", "run_call", "run_tool", "tool"]
