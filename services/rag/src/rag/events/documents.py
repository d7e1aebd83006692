from chassis.delivery import Delivery
from chassis.worker import Worker
from contracts.envelope import CloudEvent
from contracts.ingest import ChunksEmbedded, DocumentDeleted, DocumentShared
from rag.factory import Wired

type Fact = ChunksEmbedded | DocumentShared | DocumentDeleted


def register(worker: Worker, services: Wired) -> None:
    async def admit_document(event: CloudEvent[Fact], delivery: Delivery) -> None:
        await services.documents.project(event.data, once=delivery)

    worker.subscriber(admit_document)
