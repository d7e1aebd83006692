"""Who may do what, decided here alone: from the tenant in which the target lives, never from what the caller says.

Default deny. Without any role there a thing is not found, so that nobody learns what other tenants have; with a
role that is too small it is forbidden. A supervisor may do everything that an org's administrator may. The
answer is a scope, without which no query over tenants can be made.

In an org that is suspended or closed no role counts; in a suspended partner of an active org, the org's
administrators' alone, who can give it back. Their people are told so: they know that the tenant exists.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import tenant
from chassis.auth import Principal
from chassis.errors import Forbidden, Invalid, Message, NotFound
from contracts.org_partner import Role
from contracts.tenancy import Tenant
from org_partner.crud import tenancy
from org_partner.crud.scopes import (
    ClassScope,
    EnrollmentScope,
    InvitationScope,
    InviteScope,
    OrgScope,
    OwnScope,
    PartnerScope,
    PlatformScope,
)
from org_partner.errors import (
    CLASS_NOT_FOUND,
    ENROLLMENT_NOT_FOUND,
    EVENT_DISAGREES,
    ORG_NOT_FOUND,
    PARTNER_NOT_FOUND,
    ROLE_INSUFFICIENT,
    STUDENT_ALONE,
    SUPERVISOR_ONLY,
    TENANT_SUSPENDED,
)
from org_partner.models import Class, Enrollment, Membership, Org, Partner

# Each allows what it names to these roles, counted in the target and in the org above it.
SUPERVISE: frozenset[Role] = frozenset()
ADMINISTER = SUPERVISE | {Role.ORG_ADMIN}
OWN = ADMINISTER | {Role.PARTNER_OWNER}
TEACH = OWN | {Role.INSTRUCTOR}
ASSIST = TEACH | {Role.ASSISTANT}
ATTEND = ASSIST | {Role.STUDENT}

# Who gives a role and takes it away: always somebody above it, so that nobody raises anyone to their own level.
GIVEN_BY = {
    Role.ORG_ADMIN: ADMINISTER,
    Role.PARTNER_OWNER: ADMINISTER,
    Role.INSTRUCTOR: OWN,
    Role.ASSISTANT: OWN,
}


def may_give(held: Collection[str], role: Role) -> bool:
    """`held`: somebody's roles in the place where it is given and in the org above it."""
    return not GIVEN_BY[role].isdisjoint(held)


@dataclass(frozen=True, slots=True)
class Where:
    """The org or the partner that a path names."""

    org_id: UUID | None = None
    partner_id: UUID | None = None


def on_platform(caller: Principal) -> PlatformScope:
    """
    Raises:
        Forbidden: the caller is no supervisor.
    """
    if not caller.is_supervisor:
        raise Forbidden(SUPERVISOR_ONLY)
    return PlatformScope()


def own(caller: Principal) -> OwnScope:
    return OwnScope(caller.user_id)


def of_anonymised(user_id: UUID) -> OwnScope:
    """For what identity told of an account that is no more: all that is theirs ends."""
    return OwnScope(user_id)


def of_calendar() -> PlatformScope:
    """For what time itself does to classes, whosever they are."""
    return PlatformScope()


def of_operator() -> PlatformScope:
    """For commands on the machine itself, whose caller has the service's own keys."""
    return PlatformScope()


def of_documents() -> PlatformScope:
    """For what ingest told of a document: it may be a material of any class."""
    return PlatformScope()


def visible(caller: Principal) -> PlatformScope | OwnScope:
    return PlatformScope() if caller.is_supervisor else OwnScope(caller.user_id)


async def in_org(session: AsyncSession, caller: Principal, org_id: UUID, *, allowed: frozenset[Role]) -> OrgScope:
    """A partner's staff get a scope that is narrowed to their own active partners.

    Raises:
        NotFound: there is no such org, or the caller has no role in it.
        Forbidden: the caller's role is not among the allowed ones, or what they have it in is suspended.
    """
    place = await tenancy.find_org(session, org_id, user_id=caller.user_id)
    if place is None:
        raise NotFound(ORG_NOT_FOUND)
    counting = place.active_roles if place.is_active else frozenset()
    _decide(caller, place.roles, counting, allowed=allowed, missing=ORG_NOT_FOUND)
    reaches_all = caller.is_supervisor or Role.ORG_ADMIN in place.roles
    return OrgScope(org_id, None if reaches_all else place.partner_ids)


async def in_partner(
    session: AsyncSession, caller: Principal, partner_id: UUID, *, allowed: frozenset[Role]
) -> PartnerScope:
    """
    Raises:
        NotFound: there is no such partner, or the caller has no role in it.
        Forbidden: the caller's role is not among the allowed ones, or the partner or its org is suspended.
    """
    place = await tenancy.find_partner(session, partner_id, user_id=caller.user_id)
    if place is None:
        raise NotFound(PARTNER_NOT_FOUND)
    counting = _counting(place.roles, is_org_active=place.is_org_active, is_partner_active=place.is_active)
    _decide(caller, place.roles, counting, allowed=allowed, missing=PARTNER_NOT_FOUND)
    return PartnerScope(place.org_id, partner_id)


async def at(
    session: AsyncSession,
    caller: Principal,
    where: Where,
    *,
    in_org_to: frozenset[Role],
    in_partner_to: frozenset[Role],
) -> OrgScope | PartnerScope:
    """`in_org` or `in_partner`, whichever the path is about."""
    if where.org_id is not None:
        return await in_org(session, caller, where.org_id, allowed=in_org_to)
    assert where.partner_id is not None  # noqa: S101  one of them is what a path names
    return await in_partner(session, caller, where.partner_id, allowed=in_partner_to)


async def to_give(session: AsyncSession, caller: Principal, scope: OrgScope | PartnerScope, role: Role) -> None:
    """
    Raises:
        NotFound, Forbidden: as `in_org` and `in_partner`.
    """
    if isinstance(scope, PartnerScope):
        await in_partner(session, caller, scope.partner_id, allowed=GIVEN_BY[role])
    else:
        await in_org(session, caller, scope.org_id, allowed=GIVEN_BY[role])


async def in_class(session: AsyncSession, caller: Principal, class_id: UUID, *, allowed: frozenset[Role]) -> ClassScope:
    """
    Raises:
        NotFound: there is no such class, or the caller has no role in its partner and is not enrolled.
        Forbidden: the caller's role is not among the allowed ones, or the class's partner or org is suspended.
    """
    place = await tenancy.find_class(session, class_id, user_id=caller.user_id)
    if place is None:
        raise NotFound(CLASS_NOT_FOUND)
    roles = place.roles | {Role.STUDENT} if place.is_student else place.roles
    counting = _counting(roles, is_org_active=place.is_org_active, is_partner_active=place.is_active)
    _decide(caller, roles, counting, allowed=allowed, missing=CLASS_NOT_FOUND)
    as_student = not caller.is_supervisor and ASSIST.isdisjoint(counting)
    return ClassScope(place.org_id, place.partner_id, class_id, as_student)


async def in_enrollment(
    session: AsyncSession, caller: Principal, enrollment_id: UUID, *, allowed: frozenset[Role]
) -> EnrollmentScope:
    """Decided from the enrolment's class. A student reaches their own enrolment alone, whatever became of it.

    Raises:
        NotFound: there is no such enrolment, or it is not the caller's and they have no role in the class's partner.
        Forbidden: the caller's role is not among the allowed ones, or the class's partner or org is suspended.
    """
    found = await tenancy.find_enrollment(session, enrollment_id)
    place = await tenancy.find_class(session, found.class_id, user_id=caller.user_id) if found else None
    if found is None or place is None:
        raise NotFound(ENROLLMENT_NOT_FOUND)
    roles = place.roles | {Role.STUDENT} if found.user_id == caller.user_id else place.roles
    counting = _counting(roles, is_org_active=place.is_org_active, is_partner_active=place.is_active)
    _decide(caller, roles, counting, allowed=allowed, missing=ENROLLMENT_NOT_FOUND)
    return EnrollmentScope(
        enrollment_id, place.org_id, place.partner_id, place.class_id, found.student_id, found.user_id
    )


async def own_enrollment(session: AsyncSession, caller: Principal, enrollment_id: UUID) -> EnrollmentScope:
    """For what nobody does in a student's place.

    Raises:
        NotFound, Forbidden: as `in_enrollment`, and for everybody but the student.
    """
    scope = await in_enrollment(session, caller, enrollment_id, allowed=ATTEND)
    if scope.user_id != caller.user_id:
        raise Forbidden(STUDENT_ALONE)
    return scope


async def to_transfer(session: AsyncSession, caller: Principal, scope: EnrollmentScope, class_id: UUID) -> ClassScope:
    """The class that a student may be moved to: of the same partner, or of the same org by who administers it.

    Raises:
        NotFound: there is no such class for the caller, or it is another org's.
        Forbidden: the caller does not teach there, or it is another partner's and they do not administer the org.
    """
    target = await in_class(session, caller, class_id, allowed=TEACH)
    if target.org_id != scope.org_id:
        raise NotFound(CLASS_NOT_FOUND)
    if target.partner_id != scope.partner_id:
        await in_org(session, caller, scope.org_id, allowed=ADMINISTER)
    return target


def class_of(scope: InviteScope | EnrollmentScope) -> ClassScope:
    """The class itself, for whoever may do something to an enrolment in it."""
    return ClassScope(scope.org_id, scope.partner_id, scope.class_id)


def over_class(_scope: PartnerScope | PlatformScope, group: Class) -> ClassScope:
    """Of a class that the scope brought: the partner's new one, or one whose time has come."""
    return ClassScope(group.org_id, group.partner_id, group.class_id)


def over_own_membership(scope: OwnScope, membership: Membership) -> OrgScope | PartnerScope:
    """For what ends with its user's account."""
    assert membership.user_id == scope.user_id  # noqa: S101  nobody else's was asked for
    if membership.partner_id is None:
        return OrgScope(membership.org_id, None)
    return PartnerScope(membership.org_id, membership.partner_id)


def over_own_enrollment(scope: OwnScope, enrollment: Enrollment) -> EnrollmentScope:
    """Of an enrolment that was found as the user's own."""
    where = (enrollment.org_id, enrollment.partner_id, enrollment.class_id)
    return EnrollmentScope(enrollment.enrollment_id, *where, enrollment.student_id, scope.user_id)


def attended(scope: OwnScope, row: Row[*tuple[Any, ...]]) -> ClassScope:
    """The class of an enrolment that was found as the caller's own."""
    assert row.user_id == scope.user_id  # noqa: S101  the query's promise
    return ClassScope(row.org_id, row.partner_id, row.class_id, as_student=True)


def over_new_org(_scope: PlatformScope, org: Org) -> OrgScope:
    return OrgScope(org.org_id, None)


def over_new_partner(scope: OrgScope, partner: Partner) -> PartnerScope:
    """Whoever may make a partner in the org may put its first owner in."""
    return PartnerScope(scope.org_id, partner.partner_id)


async def by_code(session: AsyncSession, caller: Principal, code_hash: bytes) -> InviteScope | None:
    """A way into a tenant without a role: to hold one of its codes.

    None: nobody ever issued it, or its class cannot be used for now.
    """
    await tenant.present(session, code_hash)
    code = await tenancy.find_invite(session, code_hash)
    if code is None:
        return None
    await tenant.admit(session, code.org_id)
    if not await tenancy.is_active(session, code.org_id, code.partner_id):
        return None
    return InviteScope(code.invite_code_id, code.org_id, code.partner_id, code.class_id, caller.user_id)


async def by_invitation(session: AsyncSession, caller: Principal, token_hash: bytes) -> InvitationScope | None:
    """The other way: to hold the token of a letter. Whether it can still be used is decided when it is accepted.

    None: nobody ever sent it, or its tenant is suspended.
    """
    await tenant.present(session, token_hash)
    invitation = await tenancy.find_invitation(session, token_hash)
    if invitation is None:
        return None
    await tenant.admit(session, invitation.org_id)
    if not await tenancy.is_active(session, invitation.org_id, invitation.partner_id):
        return None
    return InvitationScope(invitation.invitation_id, invitation.org_id, invitation.partner_id, caller.user_id)


async def narrowed(
    session: AsyncSession,
    scope: OrgScope | PartnerScope | ClassScope,
    *,
    partner_id: UUID | None = None,
    class_id: UUID | None = None,
) -> None:
    """Whether the partner and the class that a filter names lie within the scope.

    Raises:
        NotFound: one of them does not, whether it is elsewhere or nowhere.
    """
    inside = scope.partner_id if isinstance(scope, PartnerScope | ClassScope) else None
    if partner_id is not None and not await tenancy.holds_together(session, scope.org_id, partner_id, None):
        raise NotFound(PARTNER_NOT_FOUND)
    if class_id is not None and not await tenancy.is_class_of(
        session, class_id, org_id=scope.org_id, partner_id=inside
    ):
        raise NotFound(CLASS_NOT_FOUND)


async def check_event_tenant(session: AsyncSession, told: Tenant) -> None:
    """Whether what another service says of an object's tenant is so here, where tenants are made.

    Raises:
        Invalid: there is no such org, the partner is not in it, or the class is not the partner's.
    """
    if told.org_id is None:
        agrees = told.partner_id is None and told.class_id is None
    else:
        agrees = await tenancy.holds_together(session, told.org_id, told.partner_id, told.class_id)
    if not agrees:
        raise Invalid(EVENT_DISAGREES)


async def check_event_scopes(session: AsyncSession, told: Tenant, class_ids: Collection[UUID]) -> None:
    """Whether the classes that an object is opened to are its tenant's. What belongs to no org is its owner's, who may
    open it to classes of an org that they work for, or once did.

    Raises:
        Invalid: there is no such class, or it is another org's.
    """
    orgs = await tenancy.orgs_of(session, class_ids)
    agrees = len(orgs) == len(set(class_ids))
    for org_id in set(orgs.values()):
        agrees &= org_id == told.org_id if told.org_id else await tenancy.ever_worked_for(session, org_id, told.user_id)
    if not agrees:
        raise Invalid(EVENT_DISAGREES)


async def in_told_class(session: AsyncSession, told: Tenant) -> ClassScope | None:
    """The class that an event says its object belongs to; None: it belongs to none.

    Raises:
        Invalid: as `check_event_tenant`; or the person never had a part in the org or the class.
    """
    await check_event_tenant(session, told)
    if told.org_id is None or told.partner_id is None or told.class_id is None:
        return None
    if not await tenancy.ever_had_part(session, told.org_id, told.class_id, user_id=told.user_id):
        raise Invalid(EVENT_DISAGREES)
    return ClassScope(told.org_id, told.partner_id, told.class_id)


def _counting(roles: frozenset[str], *, is_org_active: bool, is_partner_active: bool) -> frozenset[str]:
    if not is_org_active:
        return frozenset()
    return roles if is_partner_active else roles & ADMINISTER


def _decide(
    caller: Principal,
    held: Collection[str],
    counting: Collection[str],
    *,
    allowed: frozenset[Role],
    missing: Message,
) -> None:
    if caller.is_supervisor:
        return
    if not held:
        raise NotFound(missing)
    if not counting:
        raise Forbidden(TENANT_SUSPENDED)
    if allowed.isdisjoint(counting):
        raise Forbidden(ROLE_INSUFFICIENT if allowed else SUPERVISOR_ONLY)
