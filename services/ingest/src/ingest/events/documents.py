from chassis.delivery import Delivery
from chassis.worker import Worker
from contracts.envelope import CloudEvent
from contracts.ingest import DocumentUploaded
from ingest.factory import Wired


def register(worker: Worker, services: Wired) -> None:
    async def process_document(event: CloudEvent[DocumentUploaded], _delivery: Delivery) -> None:
        await services.queue.admit(event.data)

    worker.subscriber(process_document)
