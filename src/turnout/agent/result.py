"""What a whole run of an agent gives back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic

from msgspec import Struct

from turnout.messages import Message
from turnout.responses import Attempt, FinishReason, ModelResponse, Timing, Warning
from turnout.usage import Cost, Usage

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from turnout.agent.pending import PendingRun  # noqa: TC004 - no JSON is read into a result
    from turnout.call import Answer
    from turnout.messages import ToolCall

    T = TypeVar("T", default=Any)
else:
    from typing import TypeVar

    T = TypeVar("T")


class Step(Struct, kw_only=True):
    """One model call of a run: what was asked and answered, its tokens and its cost in USD.

    `nested` holds the results of other agents that ran as tools in this step; what they took is in `nested_usage` and
    `nested_cost`.
    """

    response: ModelResponse
    finish_reason: FinishReason
    usage: Usage
    cost: Cost
    model: str
    provider: str
    attempts: list[Attempt]
    timing: Timing
    nested: list[Any] = []
    nested_usage: Usage | None = None
    nested_cost: Cost | None = None

    @classmethod
    def of(cls, answer: Answer) -> Step:
        """Return the step that `answer` makes."""
        return cls(
            response=answer.response,
            finish_reason=answer.response.finish_reason,
            usage=answer.response.usage,
            cost=answer.cost,
            model=answer.asked,
            provider=answer.provider,
            attempts=answer.attempts,
            timing=answer.timing,
        )

    @property
    def text(self) -> str:
        """The text of this step, untrimmed."""
        return self.response.text

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The tool calls that the model asks for in this step."""
        return self.response.tool_calls

    @property
    def total_usage(self) -> Usage:
        """The tokens of this step and of the agents that ran in it."""
        return self.usage if self.nested_usage is None else self.usage + self.nested_usage

    @property
    def total_cost(self) -> Cost:
        """The cost in USD of this step and of the agents that ran in it."""
        return self.cost if self.nested_cost is None else self.cost + self.nested_cost

    def add_nested(self, results: list[Result[Any]]) -> None:
        """Note the results of agents that ran as tools in this step."""
        for result in results:
            self.nested = [*self.nested, result]
            self.nested_usage = result.usage if self.nested_usage is None else self.nested_usage + result.usage
            self.nested_cost = result.cost if self.nested_cost is None else self.nested_cost + result.cost


class Result(Struct, Generic[T], kw_only=True):
    """The result of a run: ``result.text``, ``result.usage``, ``result.cost.total``.

    `text`, `refusal`, `tool_calls`, `reasoning`, `finish_reason` and `response` are those of the last step; `usage`
    and `cost` (USD) are summed over `steps`, agents that ran as tools included. `object` is the structured output, of
    the type that was asked for; `None` where none was, or where the run ended before it. `pending` is what
    `Agent.resume` goes on with when `finish_reason` is ``"approval"``. `model` is the model as asked,
    ``response.model`` as answered. `messages` is the conversation so far without the instructions: hand it back with a
    new message to go on.
    `attempts` holds every try of every step, also those that never left; `timing` is that of the whole run.
    """

    model: str
    provider: str
    finish_reason: FinishReason
    usage: Usage
    cost: Cost
    response: ModelResponse
    messages: list[Message]
    steps: list[Step]
    attempts: list[Attempt]
    warnings: list[Warning]
    timing: Timing
    object: T = None  # pyright: ignore[reportAssignmentType] - only a run that was asked for output is typed
    pending: PendingRun | None = None

    @property
    def text(self) -> str:
        """The text of the answer, exactly as it came; reasoning and refusal are not in it."""
        return self.response.text

    @property
    def refusal(self) -> str | None:
        """What the model said instead of answering; `None` when it did not refuse."""
        return self.response.refusal

    @property
    def reasoning(self) -> str:
        """What the model thought, as far as the provider tells it."""
        return self.response.reasoning

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The tool calls that the model asks for and that were not run."""
        return self.response.tool_calls

    @property
    def request_id(self) -> str | None:
        """The provider's id of the last request, for its support."""
        return self.response.request_id

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the last HTTP answer, names in lower case."""
        return self.response.headers

    def __repr__(self) -> str:
        return (
            f"Result({self.text[:60]!r}{'…' if len(self.text) > 60 else ''}, {self.finish_reason}, {self.model},"
            f" {self.usage}, {self.cost})"
        )

    def __str__(self) -> str:
        return self.text
