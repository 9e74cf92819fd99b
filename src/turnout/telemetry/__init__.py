"""OpenTelemetry: spans and metrics of runs, model calls and tools, by the GenAI semantic conventions (extra ``otel``).

::

    from turnout import telemetry

    telemetry.instrument()  # every run of the process, over the providers that OpenTelemetry is set up with

or for one agent: ``Agent(…, hooks=[telemetry.OpenTelemetry()])``.
"""

from turnout.telemetry.observer import OpenTelemetry, instrument, uninstrument

__all__ = ["OpenTelemetry", "instrument", "uninstrument"]
