from chassis.delivery import Delivery
from chassis.worker import Worker
from contracts.envelope import CloudEvent
from ingest.factory import Wired
from ingest.service.shelving import Fact


def register(worker: Worker, services: Wired) -> None:
    async def project_shelves(event: CloudEvent[Fact], delivery: Delivery) -> None:
        await services.shelves.project(event.data, once=delivery)

    worker.subscriber(project_shelves)
