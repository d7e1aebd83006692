from chassis.delivery import Delivery
from chassis.worker import Worker
from contracts.envelope import CloudEvent
from contracts.org_partner import InvitationEnded, InvitationSent
from identity.factory import Wired


def register(worker: Worker, services: Wired) -> None:
    async def note_invitation(event: CloudEvent[InvitationSent | InvitationEnded], delivery: Delivery) -> None:
        await services.tenant_invitations.note(event.data, once=delivery)

    worker.subscriber(note_invitation)
