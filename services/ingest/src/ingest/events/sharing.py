from chassis.delivery import Delivery
from chassis.worker import Worker
from contracts.envelope import CloudEvent
from contracts.org_partner import ClassConfigured
from ingest.factory import Wired


def register(worker: Worker, services: Wired) -> None:
    async def share_materials(event: CloudEvent[ClassConfigured], delivery: Delivery) -> None:
        await services.sharing.share(event.data, once=delivery)

    worker.subscriber(share_materials)
