from chassis.delivery import Delivery
from chassis.worker import Worker
from contracts.envelope import CloudEvent
from contracts.ingest import VectorReadSwitched
from rag.factory import Wired


def register(worker: Worker, services: Wired) -> None:
    async def follow_vector_reads(event: CloudEvent[VectorReadSwitched], delivery: Delivery) -> None:
        await services.vector_reads.project(event.data, once=delivery)

    worker.subscriber(follow_vector_reads)
