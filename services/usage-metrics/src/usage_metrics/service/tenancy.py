"""Keeps the projection of who is what where, from org-partner's facts."""

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database
from chassis.delivery import Delivery
from contracts.event import Event
from contracts.org_partner import (
    ClassClosed,
    ClassOpened,
    EnrollmentEnded,
    MembershipGranted,
    MembershipRevoked,
    Role,
    StudentEnrolled,
)
from usage_metrics.crud import tenancy


class TenancyService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def project(self, event: Event, *, once: Delivery) -> None:
        async with self._database.transaction(once=once) as session:
            match event:
                case MembershipGranted() | MembershipRevoked():
                    await _membership(session, event)
                case StudentEnrolled() | EnrollmentEnded():
                    await _enrollment(session, event)
                case ClassOpened() | ClassClosed():
                    await _class(session, event)


async def _membership(session: AsyncSession, event: MembershipGranted | MembershipRevoked) -> None:
    # A revocation does not name the role, and must not take away what a grant said of it.
    named = {"role": event.role.value} if isinstance(event, MembershipGranted) else {}
    await tenancy.update_membership(
        session,
        membership_id=event.membership_id,
        user_id=event.user_id,
        org_id=event.org_id,
        partner_id=event.partner_id,
        is_active=isinstance(event, MembershipGranted),
        version=event.version,
        **named,
    )


async def _enrollment(session: AsyncSession, event: StudentEnrolled | EnrollmentEnded) -> None:
    await tenancy.update_membership(
        session,
        membership_id=event.enrollment_id,
        user_id=event.user_id,
        org_id=event.org_id,
        partner_id=event.partner_id,
        class_id=event.class_id,
        role=Role.STUDENT.value,
        is_active=isinstance(event, StudentEnrolled),
        version=event.version,
    )


async def _class(session: AsyncSession, event: ClassOpened | ClassClosed) -> None:
    named = {"name": event.name} if isinstance(event, ClassOpened) else {}
    await tenancy.update_class(
        session,
        class_id=event.class_id,
        org_id=event.org_id,
        partner_id=event.partner_id,
        is_open=isinstance(event, ClassOpened),
        version=event.version,
        **named,
    )
    if isinstance(event, ClassOpened):
        # An opening that comes after its closing changes nothing but this: usage of the class still needs a name.
        await tenancy.update_missing_name(session, event.class_id, name=event.name)
