"""A new account, by whichever way somebody comes: its row, its announcement, its entry in the audit log."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit, outbox
from chassis.clock import now
from chassis.errors import Conflict
from chassis.ids import new_id
from contracts.identity import Tier, UserRegistered
from identity.crud import users
from identity.errors import EMAIL_TAKEN
from identity.models import User


async def register(
    session: AsyncSession,
    *,
    email: str,
    display_name: str,
    locale: str,
    is_verified: bool,
    tier: Tier = Tier.USER,
    invitation_id: UUID | None = None,
    **facts: Any,
) -> User:
    """`is_verified`: somebody has shown already that the address is theirs. `invitation_id`: whose letter let them in.
    `facts`: for the audit log.

    Raises:
        Conflict: the address has an account.
    """
    user = await users.add(
        session,
        user_id=new_id(),
        email=email.lower(),
        display_name=display_name,
        tier=tier.value,
        locale=locale,
        email_verified_at=now() if is_verified else None,
    )
    if user is None:
        raise Conflict(EMAIL_TAKEN)
    event = UserRegistered(
        user_id=user.user_id,
        email=user.email,
        display_name=display_name,
        tier=tier,
        locale=locale,
        registered_at=now(),
        email_verified=is_verified,
    )
    await outbox.add(session, event)
    if invitation_id is not None:
        facts["invitation_id"] = str(invitation_id)
    await audit.record(session, "user.signed_up", actor=None, target=f"user/{user.user_id}", **facts)
    return user
