"""What every change of an account does besides the change: the others are told, and sessions end where they must."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit, outbox
from chassis.auth import Principal
from chassis.clock import now
from chassis.errors import Conflict
from contracts.audit import AuditOutcome
from contracts.identity import SessionRevoked, Tier, UserChanged, UserStatus
from identity.crud import sessions, users
from identity.crud.scopes import Own
from identity.errors import LAST_SUPERVISOR
from identity.models import User


async def announce(session: AsyncSession, user: User) -> None:
    """Tell the others the row as it is now. `users.update` has counted its version up."""
    await outbox.add(
        session,
        UserChanged(
            user_id=user.user_id,
            email=user.email,
            display_name=user.display_name,
            tier=Tier(user.tier),
            locale=user.locale,
            status=UserStatus(user.status),
            token_epoch=user.token_epoch,
            version=user.version,
            changed_at=now(),
            email_verified=user.email_verified_at is not None,
        ),
    )


async def end_sessions(session: AsyncSession, user: User, *, reason: str, keep: UUID | None = None) -> None:
    """End every session and every token of a user whose row is locked; call `announce` afterwards.

    `keep`: a session that goes on. Its access tokens end as well, and its refresh token gets a new one.
    """
    await sessions.update_all_revoked(session, user.user_id, reason=reason, keep=keep)
    await end_tokens(session, user)


async def end_tokens(session: AsyncSession, user: User) -> None:
    """End every access token of a user whose row is locked; call `announce` afterwards.

    Sessions go on, and their next token is good for what they are good for by then.
    """
    await users.update(session, user, token_epoch=user.token_epoch + 1)
    event = SessionRevoked(user_id=user.user_id, token_epoch=user.token_epoch, revoked_at=now())
    await outbox.add(session, event)


async def end_session(
    session: AsyncSession,
    session_id: UUID,
    *,
    reason: str,
    actor: Principal | None,
    own: Own | None = None,
    action: str = "session.revoked",
    outcome: AuditOutcome = AuditOutcome.SUCCEEDED,
) -> bool:
    """End one session, of whomever it is or of its own user alone. False: there is no such live one."""
    ended = await sessions.update_revoked(session, session_id, own=own, reason=reason)
    if ended is None:
        return False
    user_id, epoch = ended
    event = SessionRevoked(user_id=user_id, session_id=session_id, token_epoch=epoch, revoked_at=now())
    await outbox.add(session, event)
    target = f"session/{session_id}"
    await audit.record(session, action, actor=actor, target=target, outcome=outcome, reason=reason)
    return True


async def spare_last_supervisor(session: AsyncSession, user_id: UUID) -> None:
    """Before a supervisor goes: somebody must be left who runs the platform. Call it before the row is locked.

    Raises:
        Conflict: the user is the last supervisor who may log in.
    """
    if await users.lock_supervisors(session) == [user_id]:
        raise Conflict(LAST_SUPERVISOR)
