from chassis.delivery import Delivery
from chassis.worker import Worker
from contracts.envelope import CloudEvent
from contracts.erasure import Erasure
from identity.factory import Wired


def register(worker: Worker, services: Wired) -> None:
    async def note_erasure(event: CloudEvent[Erasure], delivery: Delivery) -> None:
        await services.erasures.note(event.data, delivery)

    worker.subscriber(note_erasure)
