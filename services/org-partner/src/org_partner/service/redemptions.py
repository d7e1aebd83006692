"""Redeeming an invite code: the one step in which a user becomes a student of a class, with all that it gives."""

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import tenant
from chassis.auth import Principal
from chassis.database import Database
from chassis.errors import NotFound
from contracts import digests
from org_partner.crud import classes, enrollments, invite_codes, rosters
from org_partner.crud.scopes import InviteScope
from org_partner.errors import INVITE_CODE_REFUSED, TOO_MANY_WRONG_CODES
from org_partner.service import acts, enrolling, guessing, invitation_events, permission, views
from org_partner.service.views import EnrollmentView


class RedemptionService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def redeem(self, caller: Principal, code: str) -> EnrollmentView:
        """The caller's enrolment in the code's class, new or as it was: a repetition uses nothing up.

        Raises:
            NotFound: wrong, expired, used up or revoked, or of a class that takes nobody now; one answer for all.
            RateLimited: too many wrong codes within an hour.
            Conflict: the code is right and the class is full.
        """
        code_hash = digests.of_code(code)
        async with self._database.transaction(tenant.of(caller)) as session:
            await guessing.refuse(session, permission.own(caller), TOO_MANY_WRONG_CODES)
            scope = await permission.by_code(session, caller, code_hash)
            enrollment = await self._enrol(session, caller, scope) if scope else None
            # Counted in this transaction, so the error is raised after it: raised inside, it would undo the count.
            if enrollment is None:
                await guessing.count(session, permission.own(caller))
        if enrollment is None:
            raise NotFound(INVITE_CODE_REFUSED)
        return enrollment

    async def _enrol(self, session: AsyncSession, caller: Principal, scope: InviteScope) -> EnrollmentView | None:
        if not await enrolling.hold_account(session, scope.user_id):
            return None
        # The class before the code, as everybody does: of a hundred at once, one after the other finds its seat.
        group = await classes.lock(session, scope)
        if not await self._is_in(session, scope):
            used = await invite_codes.update_used(session, scope) if enrolling.takes_students(group) else None
            if used is None:
                return None
            # Raised inside, which gives the use back: another seat may become free.
            await enrolling.check_seat(session, scope, group)
            if used.used_count == used.max_uses:
                await invitation_events.code_ended(session, used)
            code_id = str(scope.invite_code_id)
            (made,) = await enrolling.enrol(
                session, scope, group, [scope.user_id], actor=caller, invite_code_id=code_id
            )
            target = f"enrollment/{made.enrollment_id}"
            await acts.record(session, caller, "enrollment.created", scope, target=target, invite_code_id=code_id)
        row = await rosters.get_for_invite(session, scope)
        assert row is not None  # noqa: S101  it was there, or has just been made
        (view,) = await views.of_own(session, permission.own(caller), [row])
        return view

    async def _is_in(self, session: AsyncSession, scope: InviteScope) -> bool:
        """Also whoever the staff took out: an old code is no way around their decision."""
        found = (await enrollments.list_statuses(session, scope, [scope.user_id])).get(scope.user_id)
        return found is not None and not (found.status == "ended" and found.ended_by == scope.user_id)
