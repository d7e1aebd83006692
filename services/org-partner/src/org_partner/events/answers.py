from chassis.delivery import Delivery
from chassis.worker import Worker
from contracts.envelope import CloudEvent
from contracts.rag import MessageAnswered
from org_partner.factory import Wired


def subscribe(worker: Worker, wired: Wired) -> None:
    async def note_answer(event: CloudEvent[MessageAnswered], delivery: Delivery) -> None:
        await wired.activities.note_answer(event.data, delivery)

    worker.subscriber(note_answer)
