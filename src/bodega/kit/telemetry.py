"""Logs, metrics and traces of a service.

Logs are JSON lines on stdout with the trace's id; metrics are Prometheus'. Every request has a trace (W3C Trace
Context): its caller's, or one of its own. Traces go out by OTLP when `OTEL_EXPORTER_OTLP_ENDPOINT` is set, sampled by
the parent's decision.
"""

import logging
import os
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

import structlog
from opentelemetry import propagate, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import Counter, Gauge, Histogram

from bodega.kit.redact import redact

REQUESTS = Histogram(
    "http_request_seconds",
    "Time to answer",
    ["service", "method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
OUTBOX_LAG = Gauge("outbox_lag_seconds", "Age of the oldest event that the broker has not acknowledged", ["service"])
OUTBOX_SENT = Counter("outbox_sent_total", "Events acknowledged by the broker", ["service"])
CONSUMED = Counter("events_consumed_total", "Events by what became of them", ["service", "type", "outcome"])
CONSUME_DELAY = Histogram(
    "event_delay_seconds",
    "From the fact to its effect here",
    ["service", "type"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30),
)
PARKED = Gauge("events_parked", "Events that wait for people", ["service"])
SKIPPED = Counter("events_skipped_total", "Events that could not even be parked, and lie in a file", ["service"])
WAITING = Gauge("partitions_waiting", "Partitions that wait for trouble of our own to pass", ["group"])
LOOP_FAILURES = Counter("loop_failures_total", "Background loops that failed and began again", ["service", "loop"])
COST = Counter("traced_cost_total", "What traced requests have cost, by kind of work", ["service", "cause", "work"])
FLOW_STEPS = Counter("flow_steps_total", "Steps of long processes by outcome", ["service", "kind", "step", "outcome"])

_cause: ContextVar[str] = ContextVar("cause", default="")
_service: ContextVar[str] = ContextVar("service", default="")
"""Whose span this is. The span itself need not say: the framework opens some of its own."""
_tracers: dict[str, trace.Tracer] = {}
"""By service: each exports under its own name, also where several share a process."""
_tracer = trace.get_tracer("bodega")


def _redact(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    return {key: value if key == "event" else redact(value, key) for key, value in event.items()}


def _with_trace(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = format(context.trace_id, "032x")
    return event


def setup(service: str, *, log_format: str = "json", sample_ratio: float = 0.01) -> None:
    """For each service of the process, before it logs. `log_format`: json, or console for people."""
    renderer: Any = structlog.processors.JSONRenderer() if log_format == "json" else structlog.dev.ConsoleRenderer()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_trace,
    ]
    structlog.configure(
        processors=[
            *shared,
            structlog.processors.format_exc_info,
            _redact,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _redact, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    # The trace alone: what a stranger's `baggage` says is not carried into our events.
    propagate.set_global_textmap(TraceContextTextMapPropagator())
    if service not in _tracers:
        provider = _provider(service, sample_ratio)
        _tracers[service] = provider.get_tracer("bodega")
        if not isinstance(trace.get_tracer_provider(), TracerProvider):  # else another room of this process was first
            trace.set_tracer_provider(provider)


def _provider(service: str, sample_ratio: float) -> TracerProvider:
    provider = TracerProvider(
        resource=Resource.create({"service.name": f"bodega-{service}"}), sampler=ParentBasedTraceIdRatio(sample_ratio)
    )
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        provider.add_span_processor(_exporter())
    return provider


@cache
def _exporter() -> SpanProcessor:
    """One for all services of the process: it has a thread and a connection."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    return BatchSpanProcessor(OTLPSpanExporter())


def log(**bound: Any) -> Any:
    """A structured logger. Give facts as keywords, never inside the message."""
    return structlog.get_logger(**bound)


@contextmanager
def span(name: str, carrier: Mapping[str, str], *, cause: str | None = None, **attributes: str | int) -> Iterator[None]:
    """Continues the trace that `carrier` (headers with a traceparent) names. `cause`: as `count` says; of what is
    driven inside of another span it is that one's."""
    context = propagate.extract(dict(carrier))
    service = str(attributes.get("service", ""))
    tracer = _tracers.get(service, _tracer)
    whose, why = _service.set(service), _cause.set(cause or _cause.get())
    try:
        with tracer.start_as_current_span(name, context=context, attributes=attributes):
            yield
    finally:
        _cause.reset(why)
        _service.reset(whose)


def count(work: str, times: int = 1) -> None:
    """Notes what a traced request, and all that follows from it, has cost: `traced_cost_total`. Nothing, if it is not
    traced: background work that belongs to nobody is not counted either.

    `cause`: who waits for it: a request, an event, or nobody (background). `work`: sql (a round trip), commit (of a
    transaction that wrote), notify, event (told), delivery (of an event), call (to another service), or the name of an
    outside server.
    """
    if trace.get_current_span().is_recording():
        COST.labels(_service.get(), _cause.get() or "background", work).inc(times)


@contextmanager
def in_background() -> Iterator[None]:
    """Nobody waits for what is done here, unless a span within says who does."""
    why = _cause.set("background")
    try:
        yield
    finally:
        _cause.reset(why)


def nobody_waits() -> bool:
    """Whether this is background work or an event, and not what a request waits for."""
    return _cause.get() in ("background", "event")


def trace_headers() -> dict[str, str]:
    """The headers that carry the present trace on: `traceparent`, if there is one."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier
