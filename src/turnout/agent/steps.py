"""The state of a run between its model calls: what is asked next, which tools run, and when it ends."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, cast

from msgspec import structs

from turnout.agent.pending import PendingRun
from turnout.agent.plan import RunState, change_call, check_choice, pick_tools, read_messages, read_plan
from turnout.agent.result import Result, Step
from turnout.errors import BudgetError, OutputError
from turnout.messages import Message, ToolCall, ToolResult
from turnout.responses import Warning

if TYPE_CHECKING:
    from turnout.agent.plan import StepPlan
    from turnout.agent.run import Run, StepHook
    from turnout.call import Answer, Call
    from turnout.context import RequestContext
    from turnout.guards import GuardContext
    from turnout.messages import Part
    from turnout.responses import FinishReason, Timing
    from turnout.tools import CallRunner, Tool, ToolOutcome

_ASK_FOR_OUTPUT = "Now give your final answer as JSON."
_CUT = ("length", "content_filter")
_UNFINISHED = (*_CUT, "approval", "max_steps")
_MOST_GUARD_RETRIES = 2
_LONGEST_MENDED = 20_000


class Steps:
    """Goes from step to step: `next_call`, its answer, `begin_tools`, their results, `finish_step`."""

    __slots__ = (
        *("_base", "_calls", "_done", "_finish_reason", "_instructions", "_is_output_due", "_is_resumed"),
        *("_nested", "_paused", "_repairs", "_retries", "_retry", "_run", "_step_tools", "_tail", "_tools"),
        *("_unsaved", "_waiting", "answers", "is_done", "is_mending", "messages", "object", "pending", "steps"),
        *("warnings",),
    )

    def __init__(self, run: Run) -> None:
        self._run = run
        self.messages = list(run.messages)
        self.steps: list[Step] = []
        self.answers: list[Answer] = []
        self.warnings = list(run.warnings)
        self.object: Any = None
        self.pending: PendingRun | None = None
        self.is_done = False
        self.is_mending = False
        """Whether the step that begins mends the output of the one before it."""
        self._finish_reason: FinishReason | None = None
        self._tools = run.tools
        self._step_tools = run.tools
        self._base = run.call
        self._instructions = run.instructions
        self._tail: list[Message] = []  # an answer that has to be mended, and what asks for that: sent, and not kept
        self._paused: list[Part] = []  # what was said of a turn that goes on: sent, and kept when it is whole
        self._is_output_due = False
        self._repairs = run.output.repairs if run.output else 0
        self._unsaved = run.new_messages
        self._calls: list[ToolCall] = []
        self._waiting: list[ToolCall] = []
        self._done: dict[str, ToolResult] = {}
        self._nested: list[Result[Any]] = []
        self._is_resumed = False
        self._retry: str | None = None  # what a guard said of the answer, which is to be given again
        self._retries = _MOST_GUARD_RETRIES

    @property
    def number(self) -> int:
        """The number of the step that begins, or is under way; counts from 1."""
        return len(self.steps) + 1

    @property
    def is_refused(self) -> bool:
        """Whether a guard has the answer of the step given again."""
        return self._retry is not None

    def resume(self) -> CallRunner[ToolResult] | None:
        """Return the approved calls of a pending run; `None` where this run goes on with none."""
        pending = self._run.resumed
        if pending is None:
            return None
        self._is_resumed = True
        self.steps = list(pending.steps)
        self._calls = [part for part in self.messages[-1].content if isinstance(part, ToolCall)]
        self._done = {result.call_id: result for result in pending.results}
        approved: list[ToolCall] = []
        for call in pending.calls:
            reason = self._run.decisions[call.id]
            if reason is None:
                approved.append(call)
            else:
                self._done[call.id] = ToolResult(call.id, f"This call was not approved: {reason}", call.name, True)
        return self._start(approved)

    async def next_call(self) -> Call:
        """Return the call of the step that begins."""
        run = self._run
        plan = read_plan(await self._ask(run.prepare_step), "prepare_step") if run.prepare_step else None
        if plan is None and not (self._tools or run.output or self.steps or run.guards):
            return self._base
        call = self._build(plan)
        if run.guards:
            from turnout.guards import check_input

            messages = await check_input(run.guards, call.request.messages, self.guard_context())
            call = structs.replace(call, request=structs.replace(call.request, messages=messages))
        return call

    def guard_context(self) -> GuardContext:
        """Return what guards are told of the step that begins, or is under way."""
        from turnout.guards import GuardContext

        run, model = self._run, self._base.candidates[0].label
        return GuardContext(agent_id=run.agent_id, model=model, step=self.number, request_context=run.context)

    async def begin_tools(self, answer: Answer) -> CallRunner[ToolResult] | None:
        """Take in the answer of a step; return the tool calls that are to run now, or `None`."""
        self._retry = None
        self.is_mending = False
        self._calls, self._done, self._waiting, self._nested = [], {}, [], []
        if self._run.guards:
            await self._check_output(answer)
        self.answers.append(answer)
        self.steps.append(Step.of(answer))
        if self._retry is not None:
            return None
        self._calls = answer.response.tool_calls if self._step_tools else []
        self._is_output_due = answer.is_output_pending and not self._calls and not answer.response.is_paused
        if not self._calls:
            return None
        if len(self.steps) >= self._run.max_steps:
            self._end("max_steps", f"the run ended after {self._run.max_steps} steps: its last tool calls were not run")
            return None
        context = self._run.context
        self._waiting = [call for call in self._calls if _needs_approval(call, self._step_tools, context)]
        return self._start([call for call in self._calls if call not in self._waiting])

    async def finish_step(self) -> None:
        """End the step: keep what was said, and find out whether the run is done."""
        step = self.steps[-1]
        step.add_nested(self._nested)
        if self._waiting:
            await self._hold()
            return
        if not self._calls:
            is_kept = self._settle_answer(step)
        elif self._finish_reason is None:
            is_kept = self._keep_results(step)
        else:
            is_kept = self._keep(self._read_said(step))
        if not is_kept:
            return
        await self._save()
        await self._call_hooks()

    def make_result(self, timing: Timing) -> Result[Any]:
        """Return the result of a run that is done."""
        last = self.steps[-1]
        usage, cost = self.steps[0].total_usage, self.steps[0].total_cost
        for step in self.steps[1:]:
            usage, cost = usage + step.total_usage, cost + step.total_cost
        found = [warning for answer in self.answers for warning in answer.warnings]
        return Result(
            model=last.model,
            provider=last.provider,
            finish_reason=self._finish_reason or last.finish_reason,
            usage=usage,
            cost=cost,
            response=last.response,
            messages=self.messages,
            steps=self.steps,
            attempts=[attempt for step in self.steps for attempt in step.attempts],
            warnings=list(dict.fromkeys([*found, *self.warnings])),
            timing=timing,
            object=self.object,
            pending=self.pending,
        )

    async def _check_output(self, answer: Answer) -> None:
        """Let the guards look at an answer; they may change it, block it, or have it given again."""
        from turnout.errors import BlockedError
        from turnout.guards import Retry, check_output, retry_text

        response = answer.response
        verdict = await check_output(self._run.guards, response.message, self.guard_context())
        if not isinstance(verdict, Retry):
            response.message = verdict
            return
        if self._retries <= 0:
            raise BlockedError(
                f"a guard refused {_MOST_GUARD_RETRIES + 1} answers in a row, the last: {verdict.reason}",
                text=response.text,
            )
        self._retries -= 1
        self._retry = retry_text(verdict)

    def _start(self, calls: list[ToolCall]) -> CallRunner[ToolResult]:
        from turnout.tools import CallRunner

        return CallRunner(calls, self._run_tool, limit=self._run.max_parallel_tools)

    async def _run_tool(self, call: ToolCall) -> ToolResult:
        outcome = await self._call_tool(call)
        if isinstance(outcome.error, BudgetError):  # of an agent that the tool runs: no model can mend that
            raise outcome.error
        content, is_error, value = outcome.content, outcome.is_error, outcome.value
        if isinstance(value, Result):
            nested = cast("Result[Any]", value)
            self._nested.append(nested)
            self.warnings += nested.warnings
            if nested.finish_reason in _UNFINISHED:
                content = f"Error: the agent did not finish ({nested.finish_reason}). So far it says: {content}"
                is_error = True
        limit = self._run.max_tool_chars
        if len(content) > limit:  # it would be refused, or fill the context, at every step from now on
            content = f"Error: the tool returned {len(content):,} characters, and {limit:,} are taken: ask it for less"
            is_error = True
        result = self._done[call.id] = ToolResult(call.id, content, call.name, is_error)
        return result

    async def _call_tool(self, call: ToolCall) -> ToolOutcome:
        from turnout.call.budget import share_budgets
        from turnout.tools import run_call

        run = self._run
        with share_budgets(run.call.budgets):  # for agents that the tool runs; each call has a task of its own
            if run.watch is None:
                return await run_call(call, self._step_tools, run.context)
            from turnout.agent.watching import run_watched

            return await run_watched(call, self._step_tools, run, run.watch)

    async def _hold(self) -> None:
        """End the run until somebody decides about the calls that wait; what was said so far is in the thread then."""
        run = self._run
        self._keep(self._read_said(self.steps[-1]))
        await self._save()
        self._end("approval")
        self.pending = PendingRun(
            calls=self._waiting,
            messages=self.messages,
            steps=self.steps,
            agent=run.agent_id,
            results=list(self._done.values()),
            thread=run.history.thread if run.history else None,
            new_messages=self._unsaved,
        )

    def _settle_answer(self, step: Step) -> bool:
        """Take an answer without tool calls; return whether it is to be kept (else the next step mends it)."""
        output = self._run.output
        if self._retry is not None:
            return self._ask_again(step, self._retry, "a guard asked for another answer")
        if step.response.is_paused and step.response.message.content:
            return self._go_on(step)
        if output is None:
            self.is_done = True
            return self._keep(self._read_said(step))
        if self._is_output_due:
            return self._ask_again(step, _ASK_FOR_OUTPUT, "its structured output was not asked for yet")
        from turnout.output import OutputMismatch

        try:
            self.object = output.parse(self._check_whole(step))
        except OutputMismatch as mismatch:
            if self._repairs <= 0:
                raise self._output_error(step, f"the answer is not what was asked for: {mismatch}") from mismatch
            self._repairs -= 1
            self.is_mending = True
            return self._ask_again(step, output.repair_message(mismatch), f"its last answer does not fit: {mismatch}")
        self.is_done = True
        return self._keep(self._read_said(step))

    def _go_on(self, step: Step) -> bool:
        """Send what the provider said of a turn that it paused back as it is: it goes on from there."""
        if len(self.steps) >= self._run.max_steps:
            why = "the provider paused its turn, and would have gone on with it"
            self._end("max_steps", f"the run ended after {self._run.max_steps} steps: {why}")
            return self._keep(self._read_said(step))
        before = self._tail[:-1] if self._paused else self._tail
        self._paused = [*self._paused, *step.response.message.content]
        self._tail = [*before, Message("assistant", self._paused, provider=step.provider)]
        return False

    def _read_said(self, step: Step) -> Message:
        """Return the message of a step, after what was said of its turn before a pause."""
        message = step.response.message
        if not self._paused:
            return message
        return structs.replace(message, content=[*self._paused, *message.content], provider=step.provider)

    def _keep_results(self, step: Step) -> bool:
        """Keep the calls of the step with their results; a resumed step's calls are in the conversation already."""
        results = Message("tool", [self._done[call.id] for call in self._calls])
        return self._keep(results) if self._is_resumed else self._keep(self._read_said(step), results)

    def _check_whole(self, step: Step) -> str:
        response = step.response
        if response.refusal is not None and not response.text:
            raise self._output_error(step, f"the model refused: {response.refusal}")
        if step.finish_reason in _CUT:
            cure = "raise max_output_tokens" if step.finish_reason == "length" else "change the prompt"
            raise self._output_error(step, f"the answer was cut ({step.finish_reason}): {cure}")
        return response.text

    def _output_error(self, step: Step, message: str) -> OutputError:
        text = step.response.text or step.response.refusal or ""
        return OutputError(message, provider=step.provider, model=step.model, text=text)

    def _ask_again(self, step: Step, message: str, why: str) -> bool:
        if len(self.steps) >= self._run.max_steps:
            self._end("max_steps", f"the run ended after {self._run.max_steps} steps: {why}")
            return self._keep(self._read_said(step))
        said = _shorten(step.response.message)
        self._paused = []
        self._tail = [*self._tail, *([said] if said.content else []), Message.user(message)]
        return False

    def _keep(self, *messages: Message) -> bool:
        self._tail, self._paused = [], []
        self._is_resumed = False
        self._retries = _MOST_GUARD_RETRIES
        self.messages += messages
        self._unsaved += len(messages)
        return True

    async def _save(self) -> None:
        history = self._run.history
        if history is not None and self._unsaved:
            await history.remember(self.messages[-self._unsaved :], self.steps[-1].provider)
            self._unsaved = 0

    async def _call_hooks(self) -> None:
        run = self._run
        if run.on_step is not None:
            self._change(read_plan(await self._ask(run.on_step), "on_step"))
        if run.stop_when is not None and not self.is_done and await self._ask(run.stop_when):
            self.is_done = True

    async def _ask(self, hook: StepHook) -> Any:
        state = RunState(number=self.number, steps=self.steps, messages=self.messages, context=self._run.context)
        answer = hook(state)
        return await answer if inspect.isawaitable(answer) else answer

    def _change(self, plan: StepPlan | None) -> None:
        """Let a plan hold for all steps that follow."""
        if plan is None:
            return
        if plan.messages is not None:
            self.messages, self._unsaved = read_messages(plan.messages), 0
        if plan.instructions is not None:
            self._instructions = plan.instructions
        if plan.tools is not None:
            self._tools = pick_tools(plan.tools, self._run.tools)
        self._base = change_call(self._base, plan)

    def _build(self, plan: StepPlan | None) -> Call:
        run, call = self._run, self._base
        messages, instructions, tools = self.messages, self._instructions, self._tools
        choice = run.tool_choice if not self.steps or run.tool_choice in ("none", "auto") else None
        if plan is not None:
            call = change_call(call, plan)
            messages = messages if plan.messages is None else read_messages(plan.messages)
            instructions = instructions if plan.instructions is None else plan.instructions
            tools = tools if plan.tools is None else pick_tools(plan.tools, run.tools)
            choice = plan.tool_choice or choice
            check_choice(plan.tool_choice, tools)
        self._step_tools = tools
        asked = [*messages, *self._tail]
        is_last = self._is_output_due
        request = structs.replace(
            call.request,
            messages=[Message.system(instructions), *asked] if instructions else asked,
            tools=() if is_last else tuple(tool.spec for tool in tools.values()),
            tool_choice=None if is_last or not tools else choice,
            output=run.output.spec if run.output else None,
        )
        return structs.replace(call, request=request)

    def _end(self, reason: FinishReason, why: str = "") -> None:
        self.is_done = True
        self._finish_reason = reason
        if why:
            self.warnings.append(Warning(reason, why))


def _shorten(message: Message) -> Message:
    """Return an answer that is to be mended without what is too long to be sent back."""
    text = message.text
    return message if len(text) <= _LONGEST_MENDED else Message.assistant(f"{text[:_LONGEST_MENDED]}…")


def plain_result(run: Run, answer: Answer, timing: Timing) -> Result[Any]:
    """Return the result of a run that is one model call and nothing more."""
    step = Step.of(answer)
    return Result(
        model=step.model,
        provider=step.provider,
        finish_reason=step.finish_reason,
        usage=step.usage,
        cost=step.cost,
        response=step.response,
        messages=[*run.messages, step.response.message],
        steps=[step],
        attempts=list(step.attempts),
        warnings=list(dict.fromkeys(answer.warnings)) if answer.warnings else [],
        timing=timing,
    )


def _needs_approval(call: ToolCall, tools: dict[str, Tool], context: RequestContext) -> bool:
    tool = tools.get(call.name)
    if tool is None or not tool.needs_approval:
        return False
    from turnout.tools import find_fault

    if find_fault(call, tools) is not None:  # it goes back to the model as an error: nobody is asked about it
        return False
    return tool.asks_approval(call.arguments, context)
