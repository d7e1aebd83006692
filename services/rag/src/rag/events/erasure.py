from chassis.delivery import Delivery
from chassis.worker import Worker
from contracts.envelope import CloudEvent
from contracts.identity import UserAnonymised
from rag.factory import Wired


def register(worker: Worker, services: Wired) -> None:
    async def erase_user(event: CloudEvent[UserAnonymised], delivery: Delivery) -> None:
        await services.erasure.erase(event.data.user_id, once=delivery)

    worker.subscriber(erase_user)
