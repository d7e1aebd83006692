from chassis.delivery import Delivery
from chassis.worker import Worker
from contracts.envelope import CloudEvent
from contracts.event import Event
from identity.factory import Wired


def register(worker: Worker, services: Wired) -> None:
    async def project_tenancy(event: CloudEvent[Event], delivery: Delivery) -> None:
        await services.tenancy.project(event.data, once=delivery)

    worker.subscriber(project_tenancy)
