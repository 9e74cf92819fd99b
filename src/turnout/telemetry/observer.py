"""The observer that makes OpenTelemetry spans and metrics of what an agent does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from turnout.errors import ConfigurationError
from turnout.hooks import ErrorEvent, process_observers
from turnout.telemetry import attributes
from turnout.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, TracerProvider

    from turnout.chunks import Chunk
    from turnout.hooks import RequestEvent, ResponseEvent, RunEnd, RunStart, ToolEnd, ToolStart

_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS = tuple(4**power for power in range(14))
"""The bucket boundaries that the conventions ask for: 1 to 67,108,864."""


class _Open:
    """A span that is not ended yet, and what its end needs."""

    __slots__ = ("context", "facts", "span", "started", "token")

    def __init__(self, span: Span, context: Context, facts: Mapping[str, Any], token: object = None) -> None:
        self.span = span
        self.context = context
        self.facts = facts
        self.token = token
        self.started = time.monotonic()

    @property
    def duration_s(self) -> float:
        """The seconds since it began."""
        return time.monotonic() - self.started


class OpenTelemetry:
    """An observer for `hooks=` that makes spans and metrics: ``Agent(…, hooks=[OpenTelemetry()])``.

    A run is a span ``invoke_agent {name}``; in it are one ``chat {model}`` for each request (a retry is one of its own)
    and one ``execute_tool {name}`` for each tool, inside of which the tool's own spans are. Metrics are
    ``gen_ai.client.operation.duration``, ``gen_ai.client.token.usage``, the time to the first chunk of a stream
    (``gen_ai.client.operation.time_to_first_chunk``), ``gen_ai.invoke_agent.duration`` and
    ``gen_ai.execute_tool.duration``. Providers that are not given are those that OpenTelemetry is set up with.
    Messages, arguments, results and what errors say are in the spans with `includes_content` only; keys and headers
    never are. A stream that is left ends its spans.

    Source: https://github.com/open-telemetry/semantic-conventions-genai (in development there). The provider's name is
    turnout's id. Raises `ConfigurationError` where the package ``opentelemetry-api`` is missing.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        includes_content: bool = False,
    ) -> None:
        try:
            from opentelemetry import context, metrics, trace
        except ImportError:
            raise ConfigurationError(
                "OpenTelemetry is not installed: pip install 'turnout[otel]', and an SDK with an exporter"
            ) from None
        self._context = context
        self._trace = trace
        self._includes_content = includes_content
        self._tracer = trace.get_tracer("turnout", __version__, tracer_provider)
        meter = metrics.get_meter("turnout", __version__, meter_provider)

        def measure(name: str, unit: str, what: str, bounds: Sequence[float]) -> metrics.Histogram:
            return meter.create_histogram(name, unit, what, explicit_bucket_boundaries_advisory=bounds)

        self._duration = measure("gen_ai.client.operation.duration", "s", "GenAI operation duration.", _SECONDS)
        self._tokens = measure("gen_ai.client.token.usage", "{token}", "Number of tokens used.", _TOKENS)
        first_chunk = "gen_ai.client.operation.time_to_first_chunk"
        self._first_chunk = measure(first_chunk, "s", "Time to the first chunk of a stream.", _SECONDS)
        self._run_duration = measure("gen_ai.invoke_agent.duration", "s", "Duration of a run of an agent.", _SECONDS)
        self._tool_duration = measure("gen_ai.execute_tool.duration", "s", "Duration of a tool.", _SECONDS)

    def start_run(self, event: RunStart) -> object:
        """Begin the span ``invoke_agent``, inside of the span that the caller is in."""
        facts = attributes.of_run(event)
        content = attributes.of_run_content(event) if self._includes_content else {}
        return self._open(f"invoke_agent {event.agent_name}", None, facts, content)

    def end_run(self, run: object, event: RunEnd) -> None:
        """End the span of the run."""
        if isinstance(run, _Open):
            content = attributes.of_answer(event.message, event.finish_reason) if self._includes_content else {}
            run.span.set_attributes({**attributes.of_run_end(event), **content})
            failed = self._fail(run.span, event.error)
            run.span.end()
            self._run_duration.record(run.duration_s, {**attributes.pick_metric(run.facts), **failed}, run.context)

    def start_request(self, run: object, event: RequestEvent) -> object:
        """Begin the span ``chat``, or ``embeddings``."""
        facts = attributes.of_request(event)
        content = attributes.of_request_content(event) if self._includes_content else {}
        name = f"{attributes.name_operation(event)} {event.model}"
        return self._open(name, run, facts, content, is_client=True)

    def note_chunks(self, request: object, event: RequestEvent, chunks: Sequence[Chunk]) -> None:
        """Do nothing: a span for each chunk would be too many."""

    def end_request(self, request: object, event: ResponseEvent | ErrorEvent) -> None:
        """End the span of the request, and measure it."""
        if not isinstance(request, _Open):
            return
        measured = attributes.pick_metric(request.facts)
        failed: dict[str, str] = {}
        if isinstance(event, ErrorEvent):
            failed = self._fail(request.span, event.error)
        else:
            self._note_answer(request, event, measured)
        request.span.end()
        self._duration.record(event.duration_s, {**measured, **failed}, request.context)

    def start_tool(self, run: object, event: ToolStart) -> object:
        """Begin the span ``execute_tool``, and let it be the current one of the task."""
        facts = attributes.of_tool(event)
        content = attributes.of_tool_content(event) if self._includes_content else {}
        opened = self._open(f"execute_tool {event.name}", run, facts, content)
        opened.token = self._context.attach(opened.context)
        return opened

    def end_tool(self, tool: object, event: ToolEnd) -> None:
        """End the span of the tool."""
        if not isinstance(tool, _Open):
            return
        if tool.token is not None:
            self._context.detach(tool.token)  # pyright: ignore[reportArgumentType] - what attach returned
        if self._includes_content:
            tool.span.set_attribute("gen_ai.tool.call.result", event.content)
        failed = self._fail(tool.span, event.error, "tool_error" if event.is_error else None)
        tool.span.end()
        self._tool_duration.record(tool.duration_s, {**attributes.pick_metric(tool.facts), **failed}, tool.context)

    def _open(
        self, name: str, run: object, facts: dict[str, Any], content: dict[str, Any], *, is_client: bool = False
    ) -> _Open:
        """Begin a span inside of that of `run`, or of the current one."""
        kind = self._trace.SpanKind.CLIENT if is_client else self._trace.SpanKind.INTERNAL
        parent = run.context if isinstance(run, _Open) else None
        span = self._tracer.start_span(name, parent, kind, attributes={**facts, **content})
        return _Open(span, self._trace.set_span_in_context(span, parent), facts)

    def _note_answer(self, request: _Open, event: ResponseEvent, measured: dict[str, Any]) -> None:
        facts = attributes.of_response(event)
        response = event.response
        if response is not None and self._includes_content:
            facts.update(attributes.of_answer(response.message, response.finish_reason))
        request.span.set_attributes(facts)
        if event.first_chunk_s is not None:
            self._first_chunk.record(event.first_chunk_s, measured, request.context)
        if response is None:
            return
        if response.model:
            measured["gen_ai.response.model"] = response.model
        counts = {"input": response.usage.input_tokens, "output": response.usage.output_tokens}
        for kind, count in counts.items():
            if count is not None:
                self._tokens.record(count, {**measured, "gen_ai.token.type": kind}, request.context)

    def _fail(self, span: Span, error: BaseException | None, kind: str | None = None) -> dict[str, str]:
        """Note `error` on the span; return the attribute that measurements have of it."""
        if error is None and kind is None:
            return {}
        name = kind or "error" if error is None else type(error).__name__
        span.set_attribute("error.type", name)
        told = "" if error is None or not self._includes_content else str(error)  # it may quote what was said
        span.set_status(self._trace.StatusCode.ERROR, told or None)
        return {"error.type": name}


def instrument(
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    includes_content: bool = False,
) -> OpenTelemetry:
    """Let every run of the process make spans and metrics, until `uninstrument`; see `OpenTelemetry`.

    A second call replaces the first. Raises `ConfigurationError` where ``opentelemetry-api`` is missing.
    """
    observer = OpenTelemetry(
        tracer_provider=tracer_provider, meter_provider=meter_provider, includes_content=includes_content
    )
    uninstrument()
    process_observers().append(observer)
    return observer


def uninstrument() -> None:
    """Take back what `instrument` did; runs that have begun end their spans."""
    observers = process_observers()
    observers[:] = [observer for observer in observers if not isinstance(observer, OpenTelemetry)]
