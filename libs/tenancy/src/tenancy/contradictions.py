"""Facts that contradict what is known of whose something is: forged, or told by a service that has gone wrong.

An org's classes, memberships and enrolments stay in it, with one exception: a partner that has no class may move to
another org with its staff. `PartnerChanged` tells of it; the move's other facts may come before that.
"""

from typing import Any, NoReturn
from uuid import UUID

from sqlalchemy import Row, Table, select
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.errors import Invalid, Unavailable
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
    StudentEnrolled,
)
from tenancy.errors import TENANT_CONTRADICTED, TENANT_MOVING
from tenancy.tables import TenancyTables

type Tenant = OrgChanged | PartnerCreated | PartnerChanged
type Enrollment = StudentEnrolled | EnrollmentPaused | EnrollmentEnded
type Placed = MembershipGranted | MembershipRevoked | ClassOpened | ClassClosed | Enrollment

# About 15 s with their pauses: what a move's other facts need at most to arrive while all is well.
TRIES = 5


async def refuse(session: AsyncSession, tables: TenancyTables, event: Event, *, attempt: int) -> None:
    """`attempt`: which delivery of the event this is, from 1.

    Raises:
        Invalid: the event would take something into another tenant, or give it to another person.
        Unavailable: it may be part of a move.
    """
    match event:
        case OrgChanged() | PartnerCreated() | PartnerChanged():
            await _tenant(session, tables, event, attempt=attempt)
        case MembershipGranted() | MembershipRevoked():
            known = await _get(session, tables.memberships, event.membership_id)
            await _placed(session, tables, known, event, attempt=attempt)
        case StudentEnrolled() | EnrollmentPaused() | EnrollmentEnded():
            known = await _get(session, tables.memberships, event.enrollment_id)
            await _placed(session, tables, known, event, attempt=attempt)
            if known is None or known.version < event.version:
                await refuse_class(
                    session, tables, event.class_id, org_id=event.org_id, partner_id=event.partner_id, attempt=attempt
                )
        case ClassOpened() | ClassClosed():
            known = await _get(session, tables.classes, event.class_id)
            await _placed(session, tables, known, event, attempt=attempt)


async def refuse_class(
    session: AsyncSession,
    tables: TenancyTables,
    class_id: UUID,
    *,
    org_id: UUID | None,
    partner_id: UUID | None,
    attempt: int,
) -> None:
    """The same for an event that says in which org and partner a class is. One that is not known yet may be anywhere.

    Raises:
        Invalid, Unavailable: as `refuse`.
    """
    known = await _get(session, tables.classes, class_id)
    if known is None or (known.org_id, known.partner_id) == (org_id, partner_id):
        return
    if known.org_id != org_id:
        _contradicted()
    _unsettled(attempt)


async def refuse_partner(
    session: AsyncSession,
    tables: TenancyTables,
    partner_id: UUID | None,
    *,
    org_id: UUID,
    moves: bool = False,
    attempt: int,
) -> None:
    """The same for an event that says in which org a partner is. `moves`: what it is about was in another one.

    Raises:
        Invalid, Unavailable: as `refuse`.
    """
    settled = await _org_of(session, tables, partner_id)
    if settled != org_id and (moves or settled is not None):
        _unsettled(attempt)


async def _placed(
    session: AsyncSession, tables: TenancyTables, known: Row[Any] | None, event: Placed, *, attempt: int
) -> None:
    moves = known is not None and known.org_id != event.org_id
    if known is not None:
        is_staff = isinstance(event, MembershipGranted | MembershipRevoked) and event.partner_id is not None
        with_its_partner = is_staff and event.partner_id == known.partner_id
        if moves and not (with_its_partner and event.version != known.version):
            _contradicted()
        if not isinstance(event, ClassOpened | ClassClosed) and event.user_id != known.user_id:
            _contradicted()
        if event.version < known.version:
            # A late fact, perhaps from before a move; it changes nothing.
            return
    await refuse_partner(session, tables, event.partner_id, org_id=event.org_id, moves=moves, attempt=attempt)


async def _tenant(session: AsyncSession, tables: TenancyTables, event: Tenant, *, attempt: int) -> None:
    """An org never becomes a partner of one, nothing is made twice, and a partner that has classes stays with them."""
    tenant_id = event.org_id if isinstance(event, OrgChanged) else event.partner_id
    known = await _get(session, tables.tenants, tenant_id)
    if known is not None and (known.org_id == tenant_id) != (event.org_id == tenant_id):
        _contradicted()
    if isinstance(event, OrgChanged) or (known is not None and event.version <= known.version):
        return
    if isinstance(event, PartnerCreated) and known is not None:
        _contradicted()
    query = select(tables.classes.c.class_id).where(
        tables.classes.c.partner_id == event.partner_id, tables.classes.c.org_id != event.org_id
    )
    if (await session.execute(query.limit(1))).first() is not None:
        # Or it is told of where the partner was before it moved, opened its first class, and both were heard of.
        _unsettled(attempt)


async def _get(session: AsyncSession, table: Table, key: UUID) -> Row[Any] | None:
    (primary,) = table.primary_key.columns
    return (await session.execute(select(table).where(primary == key))).one_or_none()


async def _org_of(session: AsyncSession, tables: TenancyTables, partner_id: UUID | None) -> UUID | None:
    """None: nobody has told yet, or it is no partner that was asked for.

    Its classes and staff do not tell: whoever forged the first of them would have the true ones refused.
    """
    known = await _get(session, tables.tenants, partner_id) if partner_id else None
    return known.org_id if known is not None else None


def _contradicted() -> NoReturn:
    raise Invalid(TENANT_CONTRADICTED)


def _unsettled(attempt: int) -> NoReturn:
    if attempt < TRIES:
        raise Unavailable(TENANT_MOVING)
    _contradicted()
