"""Invitations as those who send them see them. What the invited person does with one is in `acceptances`."""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import tenant
from chassis.auth import Principal
from chassis.database import Database
from chassis.errors import Conflict, Locale, NotFound
from chassis.ids import new_id
from chassis.mail import MailQueue
from chassis.paging import Slice
from contracts import digests
from contracts.org_partner import Role
from org_partner.crud import invitations, memberships, orgs, users
from org_partner.crud.invitations import Filter
from org_partner.crud.scopes import OrgScope, PartnerScope
from org_partner.errors import (
    ALREADY_MEMBER,
    INVITATION_JUST_SENT,
    INVITATION_NOT_FOUND,
    INVITATION_OVER,
    INVITATION_PENDING,
)
from org_partner.models import Invitation
from org_partner.service import acts, domains, invitation_events, letter_limits, letters, permission, places
from org_partner.service.rate_limits import limited

LIFETIME = timedelta(days=7)
# Between two letters of one invitation: the first may still be on its way.
PAUSE = timedelta(minutes=5)
_TOKEN_BYTES = 32


class InvitationService:
    def __init__(self, database: Database, mails: MailQueue, *, public_url: str) -> None:
        self._database = database
        self._mails = mails
        self._public_url = public_url.rstrip("/")

    async def invite_to_org(self, caller: Principal, org_id: UUID, *, email: str, locale: Locale) -> Invitation:
        """To be an administrator of the org.

        Raises:
            NotFound: no such org for the caller.
            Forbidden: the caller does not administer the org.
            Conflict: the person is one already, or their invitation waits.
            Invalid: the org takes members of its own domains alone.
            RateLimited: the org has written too many letters today, or the address has got too many just now.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.GIVEN_BY[Role.ORG_ADMIN])
            return await self.invite(session, caller, scope, email=email, role=Role.ORG_ADMIN, locale=locale)

    async def invite_to_partner(
        self, caller: Principal, partner_id: UUID, *, email: str, role: Role, locale: Locale
    ) -> Invitation:
        """
        Raises:
            NotFound: no such partner for the caller.
            Forbidden: the caller may not give this role.
            Conflict: the person has a role there already, or their invitation waits.
            Invalid: the org takes members of its own domains alone.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_partner(session, caller, partner_id, allowed=permission.GIVEN_BY[role])
            return await self.invite(session, caller, scope, email=email, role=role, locale=locale)

    async def invite(
        self,
        session: AsyncSession,
        caller: Principal,
        scope: OrgScope | PartnerScope,
        *,
        email: str,
        role: Role,
        locale: Locale,
    ) -> Invitation:
        """In the caller's transaction: the row, its letter and the record of it."""
        await places.hold(session, scope)
        # Their role is held, then asked for again: who takes it away waits and finds this invitation, or came first.
        await memberships.lock_roles(session, scope, user_id=caller.user_id)
        await permission.to_give(session, caller, scope, role)
        email = email.lower()
        await domains.check_email(session, scope, email)
        user = await users.get_by_email(session, email)
        # Who merely names the address keeps no invitation from whoever it belongs to.
        if user is not None and user.email_verified and await memberships.get(session, scope, user_id=user.user_id):
            raise Conflict(ALREADY_MEMBER)
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        invitation = await invitations.add(
            session,
            scope,
            invitation_id=new_id(),
            lifetime=LIFETIME,
            email=email,
            role=role.value,
            locale=locale.value,
            token_hash=digests.of_token(token),
            invited_by=caller.user_id,
        )
        if invitation is None:
            raise Conflict(INVITATION_PENDING)
        await self._write(session, scope, invitation, token)
        await _record(session, caller, "invitation.sent", scope, invitation)
        return invitation

    async def list_for_org(
        self,
        caller: Principal,
        org_id: UUID,
        page: Slice,
        *,
        state: str | None = None,
        partner_id: UUID | None = None,
        text: str | None = None,
    ) -> Sequence[Invitation]:
        """Those to its partners as well.

        Raises:
            NotFound: no such org for the caller, or no such partner in it.
            Forbidden: the caller does not administer the org.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.ADMINISTER)
            await permission.narrowed(session, scope, partner_id=partner_id)
            return await invitations.list_for_scope(session, scope, page, Filter(state, partner_id, text))

    async def list_for_partner(
        self, caller: Principal, partner_id: UUID, page: Slice, *, state: str | None = None, text: str | None = None
    ) -> Sequence[Invitation]:
        """
        Raises:
            NotFound: no such partner for the caller.
            Forbidden: the caller does not own it.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_partner(session, caller, partner_id, allowed=permission.OWN)
            return await invitations.list_for_scope(session, scope, page, Filter(state, None, text))

    async def revoke(self, caller: Principal, place: permission.Where, invitation_id: UUID) -> None:
        """Its token is worth nothing any more. Again: nothing changes.

        Raises:
            NotFound: no such org or partner for the caller, or no such invitation in it.
            Forbidden: the caller may not give the invitation's role.
            Conflict: it was accepted.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope, invitation = await _find(session, caller, place, invitation_id)
            if invitation.state == "revoked":
                return
            revoked = await invitations.update_revoked(session, scope, invitation_id)
            if revoked is None:
                raise Conflict(INVITATION_OVER)
            await invitation_events.ended(session, revoked)
            await _record(session, caller, "invitation.revoked", scope, invitation)

    async def resend(self, caller: Principal, place: permission.Where, invitation_id: UUID) -> Invitation:
        """Another letter with a new token, good for as long again; the one before is worth nothing.

        Raises:
            NotFound: no such org or partner for the caller, or no such invitation in it.
            Forbidden: the caller may not give the invitation's role.
            Conflict: it was accepted or revoked.
            RateLimited: its latest letter was written just now, or as for inviting.
        """
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        async with self._database.transaction(tenant.of(caller)) as session:
            scope, found = await _find(session, caller, place, invitation_id)
            wait = await invitations.get_wait(session, scope, invitation_id, pause=PAUSE)
            if wait is not None and found.state not in ("accepted", "revoked"):
                raise limited(INVITATION_JUST_SENT, wait)
            # Whoever sends it again is who offers it from now on: with their role it ends.
            sent = await invitations.update_sent(
                session,
                scope,
                invitation_id,
                by=caller.user_id,
                token_hash=digests.of_token(token),
                lifetime=LIFETIME,
            )
            if sent is None:
                raise Conflict(INVITATION_OVER)
            await self._write(session, scope, sent, token)
            await _record(session, caller, "invitation.resent", scope, sent)
        return sent

    async def _write(
        self, session: AsyncSession, scope: OrgScope | PartnerScope, invitation: Invitation, token: str
    ) -> None:
        await letter_limits.spend(session, scope, invitation.email)
        await invitation_events.sent(session, invitation)
        letter = letters.invitation(
            Locale(invitation.locale),
            place=await orgs.get_place_name(session, scope, invitation.partner_id),
            role=Role(invitation.role),
            # Behind the #, so that no server on the way writes the token into its log.
            link=f"{self._public_url}/accept-invitation#token={token}",
            token=token,
            days=LIFETIME.days,
        )
        await self._mails.put(session, to=invitation.email, subject=letter.subject, text=letter.text)


async def _find(
    session: AsyncSession, caller: Principal, place: permission.Where, invitation_id: UUID
) -> tuple[OrgScope | PartnerScope, Invitation]:
    scope = await permission.at(session, caller, place, in_org_to=permission.ADMINISTER, in_partner_to=permission.OWN)
    # As for inviting; before the invitation, as whoever takes the role away does.
    await memberships.lock_roles(session, scope, user_id=caller.user_id)
    invitation = await invitations.find(session, scope, invitation_id)
    if invitation is None:
        raise NotFound(INVITATION_NOT_FOUND)
    allowed = permission.GIVEN_BY[Role(invitation.role)]
    await permission.at(session, caller, place, in_org_to=allowed, in_partner_to=allowed)
    return scope, invitation


async def _record(
    session: AsyncSession, caller: Principal, action: str, scope: OrgScope | PartnerScope, invitation: Invitation
) -> None:
    target = f"invitation/{invitation.invitation_id}"
    await acts.record(session, caller, action, scope, target=target, role=invitation.role)
