from chassis.delivery import Delivery
from chassis.worker import Worker
from contracts.envelope import CloudEvent
from contracts.rag import ShadowSearchesCompared
from ingest.factory import Wired


def register(worker: Worker, services: Wired) -> None:
    async def note_shadow_searches(event: CloudEvent[ShadowSearchesCompared], delivery: Delivery) -> None:
        await services.migration_work.note_shadow(event.data, once=delivery)

    worker.subscriber(note_shadow_searches)
