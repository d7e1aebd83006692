"""identity's message door: it publishes and consumes nothing yet."""

from prometheus_client import CollectorRegistry

from chassis.worker import Worker
from identity.config import Settings
from identity.factory import wire


def create_worker(settings: Settings | None = None, *, registry: CollectorRegistry | None = None) -> Worker:
    settings = settings or Settings()
    return Worker(
        service="identity",
        settings=settings,
        database=wire(settings).database,
        registry=registry or CollectorRegistry(),
    )
