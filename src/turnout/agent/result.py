"""What a whole run of an agent gives back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from turnout.messages import Message
from turnout.responses import Attempt, FinishReason, ModelResponse, Timing, Warning
from turnout.usage import Cost, Usage

if TYPE_CHECKING:
    from turnout.call import Answer
    from turnout.messages import ToolCall


class Step(Struct, kw_only=True):
    """One model call of a run: what was asked and answered, its tokens and its cost in USD."""

    response: ModelResponse
    finish_reason: FinishReason
    usage: Usage
    cost: Cost
    model: str
    provider: str
    attempts: list[Attempt]
    timing: Timing

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


class Result(Struct, kw_only=True):
    """The result of a run: ``result.text``, ``result.usage``, ``result.cost.total``.

    `text`, `refusal`, `tool_calls`, `reasoning`, `finish_reason` and `response` are those of the last step; `usage`
    and `cost` (USD) are summed over `steps`. `model` is the model as asked, ``response.model`` as answered.
    `messages` is the conversation so far without the instructions: hand it back with a new message to go on.
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
