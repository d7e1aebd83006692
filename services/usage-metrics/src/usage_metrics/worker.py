"""usage-metrics' message door: booking usage, knowing who is what where, keeping the ledger's partitions ahead."""

from prometheus_client import CollectorRegistry

from chassis.worker import Worker
from usage_metrics.config import Settings
from usage_metrics.events import tenancy, usage
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
    worker.background(wired.partitions.keep)
    return worker
