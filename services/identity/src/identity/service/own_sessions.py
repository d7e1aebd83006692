"""One's own sessions: which there are, and the end of those that one does not know."""

from uuid import UUID

from chassis import audit, outbox
from chassis.auth import Principal
from chassis.clock import now
from chassis.database import Database
from chassis.errors import NotFound
from chassis.paging import Slice
from contracts.identity import SessionRevoked
from identity.crud import sessions
from identity.errors import SESSION_NOT_FOUND
from identity.models import Session
from identity.service import changes
from identity.service.permission import own


class OwnSessionService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_live(self, caller: Principal, page: Slice, *, ip: str | None = None) -> list[Session]:
        """The live ones, newest first, one more than asked; with `ip`, those that were opened from there."""
        async with self._database.transaction() as session:
            return await sessions.list_own(session, own(caller), page, ip=ip)

    async def end(self, caller: Principal, session_id: UUID) -> None:
        """
        Raises:
            NotFound: there is no such live session, or it is another's.
        """
        async with self._database.transaction() as session:
            ended = await changes.end_session(
                session, session_id, own=own(caller), reason="revoked by its user", actor=caller
            )
        if not ended:
            raise NotFound(SESSION_NOT_FOUND)

    async def end_others(self, caller: Principal) -> None:
        """All but the one that asks."""
        async with self._database.transaction() as session:
            ended = await sessions.update_others_revoked(
                session, own(caller), keep=caller.session_id, reason="revoked by its user"
            )
            for session_id in ended:
                event = SessionRevoked(
                    user_id=caller.user_id, session_id=session_id, token_epoch=caller.token_epoch, revoked_at=now()
                )
                await outbox.add(session, event)
            if ended:
                target = f"user/{caller.user_id}"
                await audit.record(session, "session.revoked", actor=caller, target=target, sessions=len(ended))
