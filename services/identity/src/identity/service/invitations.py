"""Invitations to sign up, where not everybody may."""

from datetime import timedelta
from uuid import UUID

from chassis import audit
from chassis.auth import Principal
from chassis.database import Database
from chassis.errors import Conflict, NotFound
from chassis.ids import new_id
from chassis.paging import Slice
from identity.crud import invitations, users
from identity.errors import EMAIL_TAKEN, INVITATION_NOT_FOUND
from identity.models import Invitation
from identity.service import account_tokens
from identity.service.letters import Kind, Letters
from identity.service.permission import supervisor

LIFETIME = timedelta(days=7)


class InvitationService:
    def __init__(self, database: Database, letters: Letters) -> None:
        self._database = database
        self._letters = letters

    async def invite(self, caller: Principal, *, email: str, locale: str) -> Invitation:
        """A letter with a link; an open invitation of the same address is void.

        Raises:
            Forbidden: the caller is no supervisor.
            Conflict: the address has an account.
        """
        by, email, token = supervisor(caller), email.lower(), account_tokens.new()
        async with self._database.transaction() as session:
            if await users.get_by_email(session, email) is not None:
                raise Conflict(EMAIL_TAKEN)
            invitation = await invitations.put(
                session,
                by,
                invitation_id=new_id(),
                email=email,
                digest=account_tokens.digest(token),
                lifetime=LIFETIME,
            )
            hours = int(LIFETIME.total_seconds()) // 3600
            await self._letters.put(session, Kind.INVITATION, to=email, locale=locale, token=token, hours=hours)
            target = f"invitation/{invitation.invitation_id}"
            await audit.record(session, "user.invited", actor=caller, target=target)
        return invitation

    async def list_all(self, caller: Principal, page: Slice, *, is_open: bool | None) -> list[Invitation]:
        """Newest first, one more than asked.

        Raises:
            Forbidden: the caller is no supervisor.
        """
        by = supervisor(caller)
        async with self._database.transaction() as session:
            return await invitations.list_all(session, by, page, is_open=is_open)

    async def revoke(self, caller: Principal, invitation_id: UUID) -> None:
        """
        Raises:
            Forbidden: the caller is no supervisor.
            NotFound: there is no such invitation, or it was used.
        """
        by = supervisor(caller)
        async with self._database.transaction() as session:
            if not await invitations.delete_open(session, by, invitation_id):
                raise NotFound(INVITATION_NOT_FOUND)
            await audit.record(session, "invitation.revoked", actor=caller, target=f"invitation/{invitation_id}")
