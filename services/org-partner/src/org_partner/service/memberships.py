"""Giving a role to somebody who is named by e-mail."""

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import outbox
from chassis.errors import NotFound
from chassis.ids import new_id
from contracts.org_partner import MembershipGranted, Role
from org_partner.crud import memberships, users
from org_partner.crud.scopes import OrgScope, PartnerScope
from org_partner.errors import USER_UNKNOWN
from org_partner.models import Membership, User


async def find_user(session: AsyncSession, email: str) -> User:
    """
    Raises:
        NotFound: nobody signed up with it, or identity's event is still on its way.
    """
    user = await users.get_by_email(session, email.lower())
    if user is None:
        raise NotFound(USER_UNKNOWN)
    return user


async def grant(session: AsyncSession, scope: OrgScope | PartnerScope, user: User, role: Role) -> Membership:
    """In the caller's transaction. Whoever has a role in that very org or partner keeps it, and nothing is told."""
    membership = await memberships.add(session, scope, membership_id=new_id(), user_id=user.user_id, role=role.value)
    if membership is None:
        return await memberships.get(session, scope, user_id=user.user_id)
    await outbox.add(
        session,
        MembershipGranted(
            membership_id=membership.membership_id,
            user_id=membership.user_id,
            org_id=membership.org_id,
            partner_id=membership.partner_id,
            role=role,
            version=membership.version,
            granted_at=membership.granted_at,
        ),
    )
    return membership
