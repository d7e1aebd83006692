"""Redeeming an invite code: the one step in which a user becomes a student of a class."""

from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import outbox, tenant
from chassis.auth import Principal
from chassis.database import Database
from chassis.errors import NotFound
from chassis.ids import new_id
from contracts.org_partner import StudentEnrolled
from org_partner.crud import enrollments, invite_codes, students
from org_partner.crud.scopes import InviteScope
from org_partner.errors import INVITE_CODE_REFUSED, TOO_MANY_WRONG_CODES
from org_partner.service import codes, guessing, permission


class RedemptionService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def redeem(self, caller: Principal, code: str) -> Row[*tuple[Any, ...]]:
        """The caller's enrolment in the code's class, new or as it was: a repetition uses nothing up.

        Raises:
            NotFound: wrong, expired, used up or revoked; one answer for all of these.
            RateLimited: too many wrong codes within an hour.
        """
        code_hash = codes.digest(code)
        async with self._database.transaction(tenant.of(caller)) as session:
            await guessing.refuse(session, permission.own(caller), TOO_MANY_WRONG_CODES)
            scope = await permission.by_code(session, caller, code_hash)
            enrollment = await self._enroll(session, scope) if scope else None
            # Counted in this transaction, so the error is raised after it: raised inside, it would undo the count.
            if enrollment is None:
                await guessing.count(session, permission.own(caller))
        if enrollment is None:
            raise NotFound(INVITE_CODE_REFUSED)
        return enrollment

    async def _enroll(self, session: AsyncSession, scope: InviteScope) -> Row[*tuple[Any, ...]] | None:
        # Also an ended enrolment is given back as it is: an old code is no way around the partner's decision.
        before = await enrollments.get_for_invite(session, scope)
        if before is not None:
            return before
        if not await invite_codes.update_used(session, scope):
            return None
        student_id = await students.add(session, scope, student_id=new_id())
        row = await enrollments.add(session, scope, enrollment_id=new_id(), student_id=student_id)
        await outbox.add(
            session,
            StudentEnrolled(
                enrollment_id=row.enrollment_id,
                student_id=row.student_id,
                user_id=scope.user_id,
                class_id=row.class_id,
                partner_id=row.partner_id,
                org_id=row.org_id,
                version=row.version,
                enrolled_at=row.enrolled_at,
            ),
        )
        return await enrollments.get_for_invite(session, scope)
