"""What the calls of models that are no chat models have in common: options, a plan, one call, its result."""

from turnout.tasks.options import TaskOptions
from turnout.tasks.result import TaskResult

__all__ = ["TaskOptions", "TaskResult"]
