"""Giving a role, changing it, taking it away: row, event and record together, in the caller's transaction."""

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import outbox
from chassis.auth import Principal
from chassis.errors import Conflict, NotFound
from chassis.ids import new_id
from contracts.org_partner import MembershipGranted, MembershipRevoked, Role
from org_partner.crud import invitations, memberships, users
from org_partner.crud.scopes import InvitationScope, OrgScope, PartnerScope
from org_partner.errors import LAST_ADMIN, LAST_OWNER, MEMBERSHIP_NOT_FOUND, USER_UNKNOWN, USER_UNVERIFIED
from org_partner.models import Invitation, Membership, User
from org_partner.service import acts, domains, invitation_events, permission

_LAST = {Role.ORG_ADMIN: LAST_ADMIN, Role.PARTNER_OWNER: LAST_OWNER}


async def find_user(session: AsyncSession, email: str) -> User:
    """Whoever holds the address and has verified it: anybody can sign up with an address that is another's.

    Raises:
        NotFound: nobody signed up with it, or identity's event is still on its way.
        Conflict: its holder has not verified it.
    """
    user = await users.get_by_email(session, email.lower())
    if user is None:
        raise NotFound(USER_UNKNOWN)
    if not user.email_verified:
        raise Conflict(USER_UNVERIFIED)
    return user


async def grant(
    session: AsyncSession, actor: Principal, scope: OrgScope | PartnerScope | InvitationScope, user: User, role: Role
) -> Membership:
    """Whoever has a role in that very org or partner keeps it, and nothing is told.

    Raises:
        Invalid: the org takes members of its own domains alone, and this address is of none or was not verified.
        Conflict: somebody else gave it and took it away at the same time.
    """
    held = await memberships.get(session, scope, user_id=user.user_id)
    if held is not None:
        return held
    # Whoever holds the letter of an invitation has shown by it that the address is theirs.
    proven = user.email_verified or isinstance(scope, InvitationScope)
    await domains.check_email(session, scope, user.email if proven else None)
    added = await memberships.add(session, scope, membership_id=new_id(), user_id=user.user_id, role=role.value)
    if added is None:
        return await _given_meanwhile(session, scope, user)
    await tell_granted(session, added)
    await _record(session, actor, "membership.granted", scope, added)
    return added


async def _given_meanwhile(
    session: AsyncSession, scope: OrgScope | PartnerScope | InvitationScope, user: User
) -> Membership:
    membership = await memberships.get(session, scope, user_id=user.user_id)
    if membership is None:
        # And taken away again since this one waited for the row.
        raise Conflict(MEMBERSHIP_NOT_FOUND)
    return membership


async def change_role(
    session: AsyncSession, actor: Principal, scope: PartnerScope, membership: Membership, role: Role
) -> Membership:
    """
    Raises:
        Conflict: it is the last owner's.
        NotFound: it was taken away meanwhile.
    """
    if membership.role == role:
        return membership
    await _spare_last(session, scope, membership)
    before = Role(membership.role)
    changed = await memberships.update_role(session, scope, membership.membership_id, role=role.value)
    if changed is None:
        raise NotFound(MEMBERSHIP_NOT_FOUND)
    await tell_granted(session, changed)
    await _record(session, actor, "membership.changed", scope, changed)
    await _end_invitations(session, actor, scope, changed, before)
    return changed


async def revoke(
    session: AsyncSession, actor: Principal, scope: OrgScope | PartnerScope, membership: Membership
) -> None:
    """
    Raises:
        Conflict: it is the last administrator's of the org, or the last owner's of the partner.
        NotFound: it was taken away meanwhile.
    """
    await _spare_last(session, scope, membership)
    before = Role(membership.role)
    revoked = await memberships.update_revoked(session, scope, membership.membership_id)
    if revoked is None:
        raise NotFound(MEMBERSHIP_NOT_FOUND)
    await tell_revoked(session, revoked)
    await _record(session, actor, "membership.revoked", scope, revoked)
    email = await users.get_email(session, revoked.user_id)
    await _end_invitations(session, actor, scope, revoked, before, email=email)


async def _end_invitations(
    session: AsyncSession,
    actor: Principal,
    scope: OrgScope | PartnerScope,
    membership: Membership,
    before: Role,
    *,
    email: str | None = None,
) -> None:
    """What the member offered by the role that they had, and could not offer any more, is offered no longer.

    `email`: the address of a member who is none any more. An older letter to it must not bring them back.
    """
    sender, partner_id = membership.user_id, membership.partner_id
    pending = await invitations.lock_pending_of(session, scope, user_id=sender, email=email, partner_id=partner_id)
    # They are locked, so of two roles that end at once the second to come sees that the first is gone.
    for each in pending:
        if each.email == email and each.partner_id == partner_id:
            await _end_invitation(session, actor, scope, each, reason="role_revoked")
            continue
        held = await memberships.list_roles(session, scope, user_id=sender, partner_id=each.partner_id)
        if permission.may_give([before], Role(each.role)) and not permission.may_give(held, Role(each.role)):
            await _end_invitation(session, actor, scope, each, reason="inviter_lost_role")


async def _end_invitation(
    session: AsyncSession, actor: Principal, scope: OrgScope | PartnerScope, invitation: Invitation, *, reason: str
) -> None:
    """Of one that is pending, and locked."""
    revoked = await invitations.update_revoked(session, scope, invitation.invitation_id)
    assert revoked is not None  # noqa: S101  it is pending, and locked
    await invitation_events.ended(session, revoked)
    target = f"invitation/{invitation.invitation_id}"
    await acts.record(session, actor, "invitation.revoked", scope, target=target, role=invitation.role, reason=reason)


async def tell_granted(session: AsyncSession, membership: Membership) -> None:
    await outbox.add(
        session,
        MembershipGranted(
            membership_id=membership.membership_id,
            user_id=membership.user_id,
            org_id=membership.org_id,
            partner_id=membership.partner_id,
            role=Role(membership.role),
            version=membership.version,
            granted_at=membership.granted_at,
        ),
    )


async def tell_revoked(session: AsyncSession, membership: Membership) -> None:
    assert membership.revoked_at is not None  # noqa: S101  that is what is told
    await outbox.add(
        session,
        MembershipRevoked(
            membership_id=membership.membership_id,
            user_id=membership.user_id,
            org_id=membership.org_id,
            partner_id=membership.partner_id,
            version=membership.version,
            revoked_at=membership.revoked_at,
        ),
    )


async def _spare_last(session: AsyncSession, scope: OrgScope | PartnerScope, membership: Membership) -> None:
    message = _LAST.get(Role(membership.role))
    if message is None:
        return
    await memberships.lock_place(session, scope, membership)
    if not await memberships.has_other(session, scope, membership):
        raise Conflict(message)


async def _record(
    session: AsyncSession,
    actor: Principal,
    action: str,
    scope: OrgScope | PartnerScope | InvitationScope,
    membership: Membership,
) -> None:
    target = f"membership/{membership.membership_id}"
    await acts.record(
        session, actor, action, scope, target=target, user_id=str(membership.user_id), role=membership.role
    )
