"""An OpenTelemetry collector, as far as traces sent by OTLP over HTTP (protobuf) go."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass
class Collector:
    """What it was told."""

    url: str
    traces: dict[str, set[str]] = field(default_factory=dict)
    """The traces that each service has a part in, by its name."""


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    collector = Collector("")

    async def take(request: web.Request) -> web.Response:
        told = ExportTraceServiceRequest.FromString(await request.read())
        for resource in told.resource_spans:
            names = [one.value.string_value for one in resource.resource.attributes if one.key == "service.name"]
            spans = [span.trace_id.hex() for scope in resource.scope_spans for span in scope.spans]
            collector.traces.setdefault("".join(names), set()).update(spans)
        return web.Response(content_type="application/x-protobuf")

    app = web.Application()
    app.router.add_post("/v1/traces", take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield collector
    finally:
        await runner.cleanup()
