from chassis.delivery import Delivery
from chassis.worker import Worker
from contracts.envelope import CloudEvent
from contracts.usage import ModelUsage
from usage_metrics.factory import Wired


def register(worker: Worker, services: Wired) -> None:
    async def record_usage(event: CloudEvent[ModelUsage], delivery: Delivery) -> None:
        await services.ledger.record(event.data, event_id=event.id, once=delivery)

    worker.subscriber(record_usage)
