from chassis.delivery import Delivery
from chassis.worker import Worker
from contracts.envelope import CloudEvent
from contracts.ingest import DocumentUploaded
from ingest.factory import Wired


def register(worker: Worker, services: Wired) -> None:
    async def process_document(event: CloudEvent[DocumentUploaded], delivery: Delivery) -> None:
        await services.processing.process(event.data, once=delivery)

    async def give_up(event: CloudEvent[DocumentUploaded], _reason: str) -> None:
        await services.processing.give_up(event.data)

    worker.subscriber(process_document, give_up=give_up)
