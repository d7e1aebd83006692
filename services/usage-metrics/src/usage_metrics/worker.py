"""usage-metrics' message door: usage, audit events, who is what where, erasure; and partitions kept ahead."""

from prometheus_client import CollectorRegistry

from chassis.worker import Worker
from usage_metrics.config import Settings
from usage_metrics.events import audit_events, erasure, tenancy, usage
from usage_metrics.factory import wire
from usage_metrics.models import ACCESS


def create_worker(settings: Settings | None = None, *, registry: CollectorRegistry | None = None) -> Worker:
    settings = settings or Settings()
    wired = wire(settings)
    worker = Worker(
        service="usage_metrics",
        settings=settings,
        database=wired.database,
        registry=registry or CollectorRegistry(),
        follows=ACCESS.platform,
    )
    usage.register(worker, wired)
    tenancy.register(worker, wired)
    audit_events.register(worker, wired)
    erasure.register(worker, wired)
    worker.background(wired.partitions.keep)
    return worker
