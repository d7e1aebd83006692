"""Applies org-partner's facts to the tables, in whatever order and however often they come."""

from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import projection
from contracts.event import Event
from contracts.org_partner import (
    ClassClosed,
    ClassOpened,
    EnrollmentEnded,
    EnrollmentPaused,
    MembershipGranted,
    MembershipRevoked,
    OrgChanged,
    PartnerChanged,
    PartnerCreated,
    Role,
    StudentEnrolled,
    TenantStatus,
)
from tenancy import contradictions
from tenancy.tables import TenancyTables


async def project(session: AsyncSession, tables: TenancyTables, event: Event, *, attempt: int = 1) -> None:
    """Facts of other kinds change nothing. `attempt`: which delivery of the event this is.

    Raises:
        Invalid, Unavailable: it contradicts what is known (`tenancy.contradictions`); nothing is written.
    """
    await contradictions.refuse(session, tables, event, attempt=attempt)
    match event:
        case OrgChanged():
            await _tenant(session, tables, event, tenant_id=event.org_id)
        case PartnerCreated() | PartnerChanged():
            await _tenant(session, tables, event, tenant_id=event.partner_id)
        case MembershipGranted() | MembershipRevoked():
            await _membership(session, tables, event)
        case StudentEnrolled() | EnrollmentPaused() | EnrollmentEnded():
            await _enrollment(session, tables, event)
        case ClassOpened() | ClassClosed():
            await _class(session, tables, event)


async def _tenant(
    session: AsyncSession, tables: TenancyTables, event: contradictions.Tenant, *, tenant_id: UUID
) -> None:
    is_active = isinstance(event, PartnerCreated) or event.status is TenantStatus.ACTIVE
    values = {"tenant_id": tenant_id, "org_id": event.org_id, "is_active": is_active}
    await projection.upsert(session, tables.tenants, version=event.version, **values)


async def _membership(
    session: AsyncSession, tables: TenancyTables, event: MembershipGranted | MembershipRevoked
) -> None:
    # A revocation does not name the role, and must not take away what a grant said of it.
    named = {"role": event.role.value} if isinstance(event, MembershipGranted) else {}
    await projection.upsert(
        session,
        tables.memberships,
        membership_id=event.membership_id,
        user_id=event.user_id,
        org_id=event.org_id,
        partner_id=event.partner_id,
        is_active=isinstance(event, MembershipGranted),
        version=event.version,
        **named,
    )
    if isinstance(event, MembershipGranted):
        # A grant that comes after its revocation gives no right, it only says which role that was.
        nameless = (tables.memberships.c.membership_id == event.membership_id, tables.memberships.c.role.is_(None))
        await session.execute(update(tables.memberships).where(*nameless).values(role=event.role.value))


async def _enrollment(
    session: AsyncSession, tables: TenancyTables, event: StudentEnrolled | EnrollmentPaused | EnrollmentEnded
) -> None:
    await projection.upsert(
        session,
        tables.memberships,
        membership_id=event.enrollment_id,
        user_id=event.user_id,
        org_id=event.org_id,
        partner_id=event.partner_id,
        class_id=event.class_id,
        role=Role.STUDENT.value,
        is_active=isinstance(event, StudentEnrolled),
        version=event.version,
    )


async def _class(session: AsyncSession, tables: TenancyTables, event: ClassOpened | ClassClosed) -> None:
    named = {"name": event.name} if isinstance(event, ClassOpened) else {}
    await projection.upsert(
        session,
        tables.classes,
        class_id=event.class_id,
        org_id=event.org_id,
        partner_id=event.partner_id,
        is_open=isinstance(event, ClassOpened),
        version=event.version,
        **named,
    )
    if isinstance(event, ClassOpened):
        # An opening that comes after its closing changes nothing but this: what is booked on the class needs a name.
        nameless = (tables.classes.c.class_id == event.class_id, tables.classes.c.name.is_(None))
        await session.execute(update(tables.classes).where(*nameless).values(name=event.name))
