from chassis.delivery import Delivery
from chassis.worker import Worker
from contracts.audit import AuditEntry
from contracts.envelope import CloudEvent
from usage_metrics.factory import Wired


def register(worker: Worker, services: Wired) -> None:
    async def record_audit(event: CloudEvent[AuditEntry], delivery: Delivery) -> None:
        await services.audit.record(event.data, once=delivery)

    worker.subscriber(record_audit)
