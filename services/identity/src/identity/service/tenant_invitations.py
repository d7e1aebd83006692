"""Letters of orgs and partners, from org-partner's facts: whoever holds one may sign up where only the invited may."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import tenant
from chassis.clock import now
from chassis.database import Database
from chassis.delivery import Delivery
from chassis.errors import Invalid
from contracts import digests
from contracts.org_partner import InvitationEnded, InvitationSent
from identity.crud import tenant_invitations
from identity.models import TENANCY
from tenancy.contradictions import refuse_partner
from tenancy.errors import TENANT_CONTRADICTED


class TenantInvitationService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, event: InvitationSent | InvitationEnded, *, once: Delivery) -> None:
        """
        Raises:
            Invalid: the invitation is known as another org's, or its partner is; only with its partner does it move.
            Unavailable: that may be a move that is not wholly known yet.
        """
        values: dict[str, Any] = {
            "org_id": event.org_id,
            "partner_id": event.partner_id,
            "is_open": isinstance(event, InvitationSent),
            "noted_at": now(),
        }
        if isinstance(event, InvitationSent):
            values |= {
                "address_digest": bytes.fromhex(event.address_digest),
                "token_digest": bytes.fromhex(event.token_digest),
                "expires_at": event.expires_at,
                # Another letter may be for somebody else: whoever used the one before has another address by now.
                "used_at": None,
            }
        async with self._database.transaction(tenant.PLATFORM, once=once) as session:
            known = await tenant_invitations.get_place(session, event.invitation_id)
            if known is not None and not _is_of(event, known.org_id, known.partner_id):
                raise Invalid(TENANT_CONTRADICTED)
            moves = known is not None and known.org_id != event.org_id
            await refuse_partner(
                session, TENANCY, event.partner_id, org_id=event.org_id, moves=moves, attempt=once.attempt
            )
            await tenant_invitations.put(session, event.invitation_id, version=event.version, **values)


def _is_of(event: InvitationSent | InvitationEnded, org_id: UUID, partner_id: UUID | None) -> bool:
    return event.org_id == org_id or (event.partner_id is not None and event.partner_id == partner_id)


async def use(session: AsyncSession, token: str, *, email: str) -> UUID | None:
    """`token`: the letter's token or invite code, as it was typed.

    Returns:
        The invitation's id; None: it is none of this address's that is open.
    """
    return await _use(session, email, tokens={digests.of_token(token), digests.of_code(token)})


async def use_of_address(session: AsyncSession, email: str) -> UUID | None:
    """For somebody who has shown otherwise that the address is theirs. None: it has no open invitation."""
    return await _use(session, email, tokens=None)


async def forget_used(session: AsyncSession, email: str) -> None:
    """For an account that has another address now."""
    address = digests.of_address(email)
    await tenant.present(session, address)
    await tenant_invitations.delete_used(session, address)


async def forget(session: AsyncSession, email: str) -> None:
    """For an account that goes."""
    address = digests.of_address(email)
    await tenant.present(session, address)
    await tenant_invitations.delete_of_address(session, address)


async def _use(session: AsyncSession, email: str, *, tokens: set[bytes] | None) -> UUID | None:
    address = digests.of_address(email)
    await tenant.present(session, address)
    for found in await tenant_invitations.list_open(session, address, tokens=tokens):
        # Whether the org and the partner are active is written behind the same wall.
        await tenant.admit(session, found.org_id)
        if await tenant_invitations.is_active(session, found.org_id, found.partner_id):
            was_first = await tenant_invitations.update_used(session, found.invitation_id)
            return found.invitation_id if was_first else None
    return None
