from chassis.delivery import Delivery
from chassis.worker import Worker
from contracts.envelope import CloudEvent
from contracts.identity import UserAnonymised, UserChanged, UserRegistered
from org_partner.factory import Wired


def subscribe(worker: Worker, wired: Wired) -> None:
    async def register_user(event: CloudEvent[UserRegistered | UserChanged], delivery: Delivery) -> None:
        await wired.users.register(event.data, delivery)

    async def erase_user(event: CloudEvent[UserAnonymised], delivery: Delivery) -> None:
        await wired.erasures.erase(event.data, delivery)

    worker.subscriber(register_user)
    worker.subscriber(erase_user)
