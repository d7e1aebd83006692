"""Who has a role in an org and its partners, as those who run them see it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from chassis import tenant
from chassis.auth import Principal
from chassis.database import Database
from chassis.errors import Conflict, NotFound
from chassis.paging import Slice
from contracts.org_partner import Role
from org_partner.crud import memberships as rows
from org_partner.crud import users
from org_partner.errors import ALREADY_MEMBER, MEMBERSHIP_NOT_FOUND, PARTNER_NOT_FOUND, USER_UNKNOWN
from org_partner.models import Membership
from org_partner.service import memberships, permission, places


class MemberService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_for_org(
        self,
        caller: Principal,
        org_id: UUID,
        page: Slice,
        *,
        role: str | None = None,
        partner_id: UUID | None = None,
        text: str | None = None,
        ended: bool = False,
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """Of the org and of all its partners. `text`: a part of name or address; `ended`: who was a member before.

        Raises:
            NotFound: no such org for the caller, or no such partner in it.
            Forbidden: the caller does not administer the org.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.ADMINISTER)
            await permission.narrowed(session, scope, partner_id=partner_id)
            return await rows.list_for_scope(session, scope, page, rows.Filter(role, partner_id, text, ended))

    async def list_for_partner(
        self,
        caller: Principal,
        partner_id: UUID,
        page: Slice,
        *,
        role: str | None = None,
        text: str | None = None,
        ended: bool = False,
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """
        Raises:
            NotFound: no such partner for the caller.
            Forbidden: the caller does not own it.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_partner(session, caller, partner_id, allowed=permission.OWN)
            return await rows.list_for_scope(session, scope, page, rows.Filter(role, None, text, ended))

    async def add(self, caller: Principal, partner_id: UUID, *, email: str, role: Role) -> Membership:
        """Give a user who has signed up a role in the partner. Again: the same membership.

        Raises:
            NotFound: no such partner for the caller, or no such user.
            Forbidden: the caller may not give this role.
            Conflict: the user has another role there, or has not verified the address.
            Invalid: the org takes members of its own domains alone.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_partner(session, caller, partner_id, allowed=permission.GIVEN_BY[role])
            await places.hold(session, scope)
            user = await memberships.find_user(session, email)
            membership = await memberships.grant(session, caller, scope, user, role)
            if membership.role != role:
                raise Conflict(ALREADY_MEMBER)
        return membership

    async def change_role(self, caller: Principal, partner_id: UUID, membership_id: UUID, *, role: Role) -> Membership:
        """
        Raises:
            NotFound: no such partner for the caller, or no such member in it.
            Forbidden: the caller may not give this role, or not take the present one away.
            Conflict: it is the last owner's.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_partner(session, caller, partner_id, allowed=permission.GIVEN_BY[role])
            await places.hold(session, scope)
            membership = await rows.find(session, scope, membership_id)
            if membership is None:
                raise NotFound(MEMBERSHIP_NOT_FOUND)
            allowed = permission.GIVEN_BY[Role(membership.role)]
            await permission.in_partner(session, caller, partner_id, allowed=allowed)
            return await memberships.change_role(session, caller, scope, membership, role)

    async def revoke(self, caller: Principal, place: permission.Where, membership_id: UUID) -> None:
        """
        Raises:
            NotFound: no such org or partner for the caller, or no such member in it.
            Forbidden: the caller may not take this role away.
            Conflict: it is the last administrator's or the last owner's.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.at(
                session, caller, place, in_org_to=permission.ADMINISTER, in_partner_to=permission.OWN
            )
            await rows.hold_partner(session, scope, membership_id)
            membership = await rows.find(session, scope, membership_id)
            if membership is None:
                raise NotFound(MEMBERSHIP_NOT_FOUND)
            allowed = permission.GIVEN_BY[Role(membership.role)]
            await permission.at(session, caller, place, in_org_to=allowed, in_partner_to=allowed)
            await memberships.revoke(session, caller, scope, membership)

    async def move(self, caller: Principal, partner_id: UUID, membership_id: UUID, *, into_id: UUID) -> Membership:
        """The same role in another partner of the org: it ends in the one and begins in the other.

        Raises:
            NotFound: no such partner for the caller, no such member in it, or no such other partner in the org.
            Forbidden: the caller does not administer the org.
            Conflict: the member has a role there already, or is the last owner here.
            Invalid: the org takes members of its own domains alone by now, and the member's address is no such one.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_partner(session, caller, partner_id, allowed=permission.ADMINISTER)
            into = await permission.in_partner(session, caller, into_id, allowed=permission.ADMINISTER)
            if into.org_id != scope.org_id:
                raise NotFound(PARTNER_NOT_FOUND)
            for place in (scope, into):
                await places.hold(session, place)
            # The person before their role, in the order in which an erasure takes the two.
            user_id = await rows.get_user_id(session, scope, membership_id)
            user = await users.get(session, user_id) if user_id is not None else None
            membership = await rows.find(session, scope, membership_id)
            if membership is None:
                raise NotFound(MEMBERSHIP_NOT_FOUND)
            if user is None:
                raise NotFound(USER_UNKNOWN)
            if await rows.get(session, into, user_id=membership.user_id):
                raise Conflict(ALREADY_MEMBER)
            role = Role(membership.role)
            await memberships.revoke(session, caller, scope, membership)
            return await memberships.grant(session, caller, into, user, role)
