"""One trace runs from the HTTP request through the outbox, the relay and the bus into the handler."""

import json
import logging

import httpx
import pytest
from fastapi import APIRouter
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from chassis import outbox
from chassis.app import create_app
from chassis.telemetry import _JsonLines
from contracts.envelope import decode


@pytest.fixture(scope="session")
def exporter() -> InMemorySpanExporter:
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider()
        trace.set_tracer_provider(provider)
    found = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(found))
    return found


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> InMemorySpanExporter:
    exporter.clear()
    return exporter


@pytest.fixture
async def door(spans, publisher, usage, access_with):
    router = APIRouter()

    @router.post("/documents/{name}")
    async def upload(name: str) -> str:
        async with publisher.database.transaction() as session:
            return str(await outbox.add(session, usage(reference=name)))

    app = create_app(
        service="ingest",
        title="ingest",
        routers=[router],
        access=access_with(),
        wired=None,
        registry=CollectorRegistry(),
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door") as client:
        yield client


def trace_of(span: ReadableSpan) -> str:
    return format(span.context.trace_id, "032x")


async def test_one_trace_from_the_request_to_the_handler(
    spans, door, relayed, start_worker, store, nats_bus, eventually
) -> None:
    seen: dict[str, str] = {}

    async def handle(event, delivery) -> None:
        seen[event.data.reference] = format(trace.get_current_span().get_span_context().trace_id, "032x")
        await store.effect(event, delivery)

    await start_worker(record_usage=handle)
    await door.post("/documents/first")
    given = "4bf92f3577b34da6a3ce929d0e0e4736"
    await door.post("/documents/second", headers={"traceparent": f"00-{given}-00f067aa0ba902b7-01"})
    assert len(await eventually(store.effects, until=lambda ids: len(ids) == 2)) == 2

    requests = {
        span.attributes["url.path"]: trace_of(span)
        for span in spans.get_finished_spans()
        if span.kind is trace.SpanKind.SERVER
    }
    assert seen == {"first": requests["/documents/first"], "second": given}
    assert requests["/documents/second"] == given
    assert seen["first"] != given
    kinds = {span.kind for span in spans.get_finished_spans() if trace_of(span) == given}
    assert {trace.SpanKind.SERVER, trace.SpanKind.PRODUCER, trace.SpanKind.CONSUMER} <= kinds
    messages = await nats_bus.messages("INGEST")
    assert [decode(message.data).traceparent.split("-")[1] for message in messages] == [seen["first"], given]


async def test_health_questions_leave_no_trace(spans, door) -> None:
    for path in ("/health", "/ready", "/metrics"):
        assert (await door.get(path)).status_code == 200
    assert spans.get_finished_spans() == ()


def test_a_log_line_is_json_with_the_trace_s_id(spans) -> None:
    def line_of(**details: object) -> dict:
        record = logging.LogRecord("rag", logging.INFO, "x.py", 1, "문서 %s", ("안내서",), details.get("exc_info"))
        return json.loads(_JsonLines("rag").format(record))

    assert "trace_id" not in line_of()
    with trace.get_tracer("test").start_as_current_span("work") as span:
        line = line_of()
    assert (line["message"], line["service"], line["level"]) == ("문서 안내서", "rag", "INFO")
    assert line["trace_id"] == format(span.get_span_context().trace_id, "032x")
    error = ValueError("no")
    assert "ValueError: no" in line_of(exc_info=(ValueError, error, None))["exception"]
