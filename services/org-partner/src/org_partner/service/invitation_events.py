"""What is told of invitations, in the transaction of the change: who holds such a letter may sign up with it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import outbox
from chassis.clock import now
from contracts import digests
from contracts.org_partner import InvitationEnded, InvitationSent
from org_partner.crud.scopes import ClassScope
from org_partner.models import Invitation, InviteCode

# A code's letter is sent once, and taken back once.
_CODE_SENT, _CODE_ENDED = 1, 2


async def sent(session: AsyncSession, invitation: Invitation) -> None:
    await outbox.add(
        session,
        InvitationSent(
            invitation_id=invitation.invitation_id,
            org_id=invitation.org_id,
            partner_id=invitation.partner_id,
            address_digest=digests.of_address(invitation.email).hex(),
            token_digest=invitation.token_hash.hex(),
            version=invitation.version,
            expires_at=invitation.expires_at,
            sent_at=invitation.sent_at,
        ),
    )


async def ended(session: AsyncSession, invitation: Invitation, *, version: int | None = None) -> None:
    """`version`: of a row that is gone, and had no next one."""
    event = InvitationEnded(
        invitation_id=invitation.invitation_id,
        org_id=invitation.org_id,
        partner_id=invitation.partner_id,
        version=version or invitation.version,
        ended_at=now(),
    )
    await outbox.add(session, event)


async def code_sent(
    session: AsyncSession, scope: ClassScope, invite_code_id: UUID, *, email: str, code: str, expires_at: datetime
) -> None:
    """A letter with a code of the person's own."""
    await outbox.add(
        session,
        InvitationSent(
            invitation_id=invite_code_id,
            org_id=scope.org_id,
            partner_id=scope.partner_id,
            address_digest=digests.of_address(email).hex(),
            token_digest=digests.of_code(code).hex(),
            version=_CODE_SENT,
            expires_at=expires_at,
            sent_at=now(),
        ),
    )


async def code_ended(session: AsyncSession, code: InviteCode) -> None:
    """Nothing is told of a code that was no one person's, or whose recipient is forgotten: it had ended before."""
    if code.recipient_hash is None:
        return
    event = InvitationEnded(
        invitation_id=code.invite_code_id,
        org_id=code.org_id,
        partner_id=code.partner_id,
        version=_CODE_ENDED,
        ended_at=now(),
    )
    await outbox.add(session, event)
