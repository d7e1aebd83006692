from chassis.delivery import Delivery
from chassis.worker import Worker
from contracts.envelope import CloudEvent
from contracts.identity import UserChanged, UserRegistered
from org_partner.factory import Wired


def subscribe(worker: Worker, wired: Wired) -> None:
    async def register_user(event: CloudEvent[UserRegistered | UserChanged], delivery: Delivery) -> None:
        await wired.users.register(event.data, delivery)

    worker.subscriber(register_user)
