"""Accepting an invitation: the one step in which the holder of a letter gets the role that it offers."""

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import tenant
from chassis.auth import Principal
from chassis.database import Database
from chassis.errors import Conflict, NotFound
from contracts import digests
from contracts.org_partner import Role
from org_partner.crud import invitations, users
from org_partner.crud.scopes import InvitationScope
from org_partner.errors import ACCOUNT_ON_ITS_WAY, INVITATION_REFUSED, TOO_MANY_WRONG_INVITATIONS
from org_partner.models import Membership, User
from org_partner.service import acts, guessing, memberships, permission, places


class AcceptanceService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def accept(self, caller: Principal, token: str) -> Membership:
        """The role, or the one that the caller has there already.

        Whoever holds the token and has the address that the letter went to is the invited person.

        Raises:
            NotFound: wrong, expired, used, revoked, another person's, or of a suspended tenant; one answer for all.
            RateLimited: too many wrong ones within an hour.
            Conflict: the account is so new that identity's event about it has not arrived, or the partner has just
                moved.
            Invalid: the org takes members of its own domains alone by now.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            user = await users.get(session, caller.user_id)
            if user is None:
                raise Conflict(ACCOUNT_ON_ITS_WAY)
            await guessing.refuse(session, permission.own(caller), TOO_MANY_WRONG_INVITATIONS)
            scope = await permission.by_invitation(session, caller, digests.of_token(token))
            membership = await _accept(session, caller, scope, user) if scope else None
            # Counted in this transaction, so the error is raised after it: raised inside, it would undo the count.
            if membership is None:
                await guessing.count(session, permission.own(caller))
        if membership is None:
            raise NotFound(INVITATION_REFUSED)
        return membership


async def _accept(session: AsyncSession, caller: Principal, scope: InvitationScope, user: User) -> Membership | None:
    if user.email is None:
        return None
    await places.hold(session, scope)
    invitation = await invitations.update_accepted(session, scope, email=user.email)
    if invitation is None:
        return None
    target = f"invitation/{invitation.invitation_id}"
    await acts.record(session, caller, "invitation.accepted", scope, target=target, role=invitation.role)
    return await memberships.grant(session, caller, scope, user, Role(invitation.role))
