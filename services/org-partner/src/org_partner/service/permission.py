"""Who may do what, decided here alone: from the tenant in which the target lives, never from what the caller says.

Default deny. Without any role there a thing is not found, so that nobody learns what other tenants have; with a
role that is too small it is forbidden. A supervisor may do everything that an org's administrator may. The
answer is a scope, without which no query over tenants can be made.
"""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import tenant
from chassis.auth import Principal
from chassis.errors import Forbidden, Message, NotFound
from contracts.org_partner import Role
from org_partner.crud import tenancy
from org_partner.crud.scopes import ClassScope, InviteScope, OrgScope, OwnScope, PartnerScope, PlatformScope
from org_partner.errors import CLASS_NOT_FOUND, ORG_NOT_FOUND, PARTNER_NOT_FOUND, ROLE_INSUFFICIENT, SUPERVISOR_ONLY
from org_partner.models import Partner

# Each allows what it names to these roles, counted in the target and in the org above it.
ADMINISTER = frozenset({Role.ORG_ADMIN})
TEACH = ADMINISTER | {Role.PARTNER_OWNER, Role.INSTRUCTOR}
ASSIST = TEACH | {Role.ASSISTANT}
ATTEND = ASSIST | {Role.STUDENT}


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


def visible(caller: Principal) -> PlatformScope | OwnScope:
    return PlatformScope() if caller.is_supervisor else OwnScope(caller.user_id)


async def in_org(session: AsyncSession, caller: Principal, org_id: UUID, *, allowed: frozenset[Role]) -> OrgScope:
    """A partner's staff get a scope that is narrowed to their own partners.

    Raises:
        NotFound: there is no such org, or the caller has no role in it.
        Forbidden: the caller's role is not among the allowed ones.
    """
    place = await tenancy.find_org(session, org_id, user_id=caller.user_id)
    if place is None:
        raise NotFound(ORG_NOT_FOUND)
    _decide(caller, place.roles, allowed=allowed, missing=ORG_NOT_FOUND)
    reaches_all = caller.is_supervisor or Role.ORG_ADMIN in place.roles
    return OrgScope(org_id, None if reaches_all else place.partner_ids)


async def in_partner(
    session: AsyncSession, caller: Principal, partner_id: UUID, *, allowed: frozenset[Role]
) -> PartnerScope:
    """
    Raises:
        NotFound: there is no such partner, or the caller has no role in it.
        Forbidden: the caller's role is not among the allowed ones.
    """
    place = await tenancy.find_partner(session, partner_id, user_id=caller.user_id)
    if place is None:
        raise NotFound(PARTNER_NOT_FOUND)
    _decide(caller, place.roles, allowed=allowed, missing=PARTNER_NOT_FOUND)
    return PartnerScope(place.org_id, partner_id)


async def in_class(session: AsyncSession, caller: Principal, class_id: UUID, *, allowed: frozenset[Role]) -> ClassScope:
    """
    Raises:
        NotFound: there is no such class, or the caller has no role in its partner and is not enrolled.
        Forbidden: the caller's role is not among the allowed ones.
    """
    place = await tenancy.find_class(session, class_id, user_id=caller.user_id)
    if place is None:
        raise NotFound(CLASS_NOT_FOUND)
    roles = place.roles | {Role.STUDENT} if place.is_student else place.roles
    _decide(caller, roles, allowed=allowed, missing=CLASS_NOT_FOUND)
    return ClassScope(place.org_id, place.partner_id, class_id)


def over_new_partner(scope: OrgScope, partner: Partner) -> PartnerScope:
    """Whoever may make a partner in the org may put its first owner in."""
    return PartnerScope(scope.org_id, partner.partner_id)


async def by_code(session: AsyncSession, caller: Principal, code_hash: bytes) -> InviteScope | None:
    """The one way into a tenant without a role: to hold one of its codes. None: nobody ever issued it."""
    await tenant.present(session, code_hash)
    code = await tenancy.find_invite(session, code_hash)
    if code is None:
        return None
    await tenant.admit(session, code.org_id)
    return InviteScope(code.invite_code_id, code.org_id, code.partner_id, code.class_id, caller.user_id)


def _decide(caller: Principal, held: Collection[str], *, allowed: frozenset[Role], missing: Message) -> None:
    if caller.is_supervisor:
        return
    if not held:
        raise NotFound(missing)
    if allowed.isdisjoint(held):
        raise Forbidden(ROLE_INSUFFICIENT)
