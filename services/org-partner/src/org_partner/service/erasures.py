"""Forgetting a person: what names them goes, what they had a part in ends, and what was erased is reported."""

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import dead_letters, outbox, tenant
from chassis.clock import now
from chassis.database import Database
from chassis.delivery import Delivery
from contracts.identity import UserAnonymised
from contracts.org_partner import EnrollmentEnded, PersonalDataErased
from org_partner.crud import enrollment_changes, invitations, personal_data, users
from org_partner.crud import memberships as rows
from org_partner.crud.scopes import OwnScope
from org_partner.service import acts, invitation_events, memberships, permission

_REASON = "account_anonymised"
# Of identity's events, which may have become dead letters here.
_NAMING = frozenset({"email", "display_name"})


class ErasureService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def erase(self, fact: UserAnonymised, delivery: Delivery) -> None:
        """
        Raises:
            AlreadyHandled: this delivery's effect stands.
        """
        scope = permission.of_anonymised(fact.user_id)
        async with self._database.transaction(tenant.PLATFORM, once=delivery) as session:
            # Locks the row: whoever is giving this person something finishes first, or finds nobody.
            # Who only named an address takes nothing along that was sent to it: it may be another's.
            email = await users.lock_verified_email(session, fact.user_id)
            named = await users.count_personal(session, fact.user_id)
            told_at = fact.anonymised_at
            await users.update_anonymised(session, user_id=fact.user_id, version=fact.version, told_at=told_at)
            await _end_all(session, scope)
            gone = await invitations.delete_of_user(session, scope, email=email)
            for each in gone:
                await invitation_events.ended(session, each, version=each.version + 1)
            erased = {
                "org_partner.users": named,
                "partner.invitations": len(gone),
                "org_partner.documents": await personal_data.update_titles_erased(session, scope),
                "org_partner.dead_letters": await dead_letters.redact(session, fact.user_id, fields=_NAMING),
            }
            remaining = (
                await users.count_personal(session, fact.user_id)
                + await invitations.count_of_user(session, scope, email=email)
                + await personal_data.count_titles(session, scope)
            )
            await outbox.add(
                session,
                PersonalDataErased(user_id=fact.user_id, erased=erased, remaining=remaining, erased_at=now()),
            )


async def _end_all(session: AsyncSession, scope: OwnScope) -> None:
    for membership in await rows.update_all_revoked(session, scope):
        await memberships.tell_revoked(session, membership)
        place = permission.over_own_membership(scope, membership)
        about = {"target": f"membership/{membership.membership_id}", "role": membership.role}
        await acts.record(session, None, "membership.revoked", place, reason=_REASON, **about)
    for enrollment in await personal_data.update_enrollments_ended(session, scope):
        there = permission.over_own_enrollment(scope, enrollment)
        detail = {"reason": _REASON}
        await enrollment_changes.add_many(
            session, there, [enrollment], action="left", actor_id=scope.user_id, detail=detail
        )
        target = f"enrollment/{enrollment.enrollment_id}"
        await acts.record(session, None, "enrollment.left", there, target=target, reason=_REASON)
        await outbox.add(
            session,
            EnrollmentEnded(
                enrollment_id=enrollment.enrollment_id,
                student_id=enrollment.student_id,
                user_id=scope.user_id,
                class_id=enrollment.class_id,
                partner_id=enrollment.partner_id,
                org_id=enrollment.org_id,
                version=enrollment.version,
                ended_at=now(),
            ),
        )
