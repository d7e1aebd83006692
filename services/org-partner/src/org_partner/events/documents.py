from chassis.delivery import Delivery
from chassis.worker import Worker
from contracts.envelope import CloudEvent
from contracts.ingest import ChunksEmbedded, DocumentDeleted, DocumentShared, DocumentUploaded
from org_partner.factory import Wired


def subscribe(worker: Worker, wired: Wired) -> None:
    async def note_document(
        event: CloudEvent[DocumentUploaded | ChunksEmbedded | DocumentShared | DocumentDeleted], delivery: Delivery
    ) -> None:
        await wired.documents.note(event.data, delivery)

    worker.subscriber(note_document)
