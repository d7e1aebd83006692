"""Enrolling whom a CSV file names. Every row gets an outcome of its own; one that is wrong keeps no other out."""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import tenant
from chassis.auth import Principal
from chassis.database import Database
from chassis.errors import Locale, Message
from chassis.ids import new_id
from chassis.mail import MailQueue
from contracts import digests
from org_partner.crud import classes, enrollments, invite_codes, users
from org_partner.crud.enrollments import IN_CLASS
from org_partner.crud.scopes import ClassScope
from org_partner.models import Class
from org_partner.service import (
    acts,
    codes,
    enrolling,
    invitation_events,
    letter_limits,
    letters,
    permission,
    roster_csv,
)
from org_partner.service.roster_csv import RosterRow
from org_partner.service.roster_outcomes import (
    ROW_ALREADY,
    ROW_CLASS_FULL,
    ROW_ENDED,
    ROW_ENROLLED,
    ROW_INVALID,
    ROW_INVITED,
    ROW_INVITED_BEFORE,
    ROW_MAIL_LIMIT,
    ROW_REPEATED,
    ROW_UNKNOWN_USER,
)

# Of the personal code in an invitation.
LIFETIME = timedelta(days=14)


@dataclass(frozen=True)
class Verdict:
    """What became of a row, or would: the message's code is the outcome. `user_id`: who is to be enrolled."""

    row: RosterRow
    message: Message
    values: dict[str, Any] = field(default_factory=dict)
    user_id: UUID | None = None


@dataclass
class _Judge:
    """Takes the rows in their order: the first ones get the seats."""

    known: Mapping[str, UUID]
    there: Mapping[UUID, Row[UUID, str, UUID | None]]
    invited: Collection[bytes]
    left: int | None
    invite_unknown: bool
    first: dict[str, int] = field(default_factory=dict)

    def verdict(self, row: RosterRow) -> Verdict:
        if row.has_ended or row.email is None:
            return Verdict(row, ROW_ENDED if row.has_ended else ROW_INVALID)
        if row.email in self.first:
            return Verdict(row, ROW_REPEATED, {"first_row": self.first[row.email]})
        self.first[row.email] = row.number
        user_id = self.known.get(row.email)
        if user_id is None:
            return Verdict(row, self._for_stranger(row.email))
        if user_id in self.there and self.there[user_id].status in IN_CLASS:
            return Verdict(row, ROW_ALREADY)
        if self.left == 0:
            return Verdict(row, ROW_CLASS_FULL)
        self.left = None if self.left is None else self.left - 1
        return Verdict(row, ROW_ENROLLED, user_id=user_id)

    def _for_stranger(self, email: str) -> Message:
        if not self.invite_unknown:
            return ROW_UNKNOWN_USER
        return ROW_INVITED_BEFORE if digests.of_address(email) in self.invited else ROW_INVITED


class RosterImportService:
    def __init__(self, database: Database, mails: MailQueue, *, public_url: str) -> None:
        self._database = database
        self._mails = mails
        self._public_url = public_url

    async def run(
        self,
        caller: Principal,
        class_id: UUID,
        content: bytes,
        *,
        locale: Locale,
        dry_run: bool = False,
        invite_unknown: bool = False,
    ) -> Sequence[Verdict]:
        """All of it or, when the database fails, nothing; the same file again changes nothing.

        `locale`: of the invitations. `dry_run`: only say what would happen.

        Raises:
            NotFound: no such class for the caller.
            Forbidden: the caller does not teach there.
            Conflict: the class is a draft or closed.
            Invalid: the file cannot be read.
        """
        # Beside the loop: two thousand addresses take a moment.
        rows = await asyncio.to_thread(roster_csv.parse, content)
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_class(session, caller, class_id, allowed=permission.TEACH)
            group = await classes.lock(session, scope)
            enrolling.check_takes_students(group)
            verdicts = await self._judge(session, scope, group, rows, invite_unknown=invite_unknown)
            if dry_run:
                # Its answer tells which of the addresses have an account.
                await _record(session, caller, "students.import_tried", scope, group, verdicts)
            else:
                await self._carry_out(session, caller, scope, group, verdicts, locale=locale)
        return verdicts

    async def _judge(
        self,
        session: AsyncSession,
        scope: ClassScope,
        group: Class,
        rows: Sequence[RosterRow],
        *,
        invite_unknown: bool,
    ) -> list[Verdict]:
        emails = {row.email for row in rows if row.email and not row.has_ended}
        known = await users.list_verified(session, emails)
        strangers = [digests.of_address(email) for email in emails - known.keys()]
        judge = _Judge(
            known=known,
            there=await enrollments.list_statuses(session, scope, known.values()),
            invited=await invite_codes.list_recipients(session, scope, strangers),
            left=await enrolling.seats_left(session, scope, group),
            invite_unknown=invite_unknown,
        )
        return await _within_limits(session, scope, [judge.verdict(row) for row in rows])

    async def _carry_out(
        self,
        session: AsyncSession,
        caller: Principal,
        scope: ClassScope,
        group: Class,
        verdicts: Sequence[Verdict],
        *,
        locale: Locale,
    ) -> None:
        user_ids = [each.user_id for each in verdicts if each.user_id is not None]
        if user_ids:
            await enrolling.enrol(session, scope, group, user_ids, actor=caller, by="roster")
        addresses = _to_invite(verdicts)
        if addresses:
            await self._invite(session, scope, group, addresses, locale=locale)
        await _record(session, caller, "students.imported", scope, group, verdicts)

    async def _invite(
        self, session: AsyncSession, scope: ClassScope, group: Class, addresses: Sequence[str], *, locale: Locale
    ) -> None:
        made = {email: codes.new_code() for email in addresses}
        ids = {email: new_id() for email in addresses}
        rows = [
            {
                "invite_code_id": ids[email],
                "code_hash": digests.of_code(code),
                "recipient_hash": digests.of_address(email),
                "max_uses": 1,
            }
            for email, code in made.items()
        ]
        expires_at = await invite_codes.add_many(session, scope, rows, lifetime=LIFETIME)
        await letter_limits.record(session, scope, addresses)
        for email, code in made.items():
            await invitation_events.code_sent(session, scope, ids[email], email=email, code=code, expires_at=expires_at)
            link = codes.join_url(self._public_url, code)
            letter = letters.class_invitation(locale, group=group.name, link=link, code=code, days=LIFETIME.days)
            await self._mails.put(session, to=email, subject=letter.subject, text=letter.text)


async def _record(
    session: AsyncSession,
    caller: Principal,
    action: str,
    scope: ClassScope,
    group: Class,
    verdicts: Sequence[Verdict],
) -> None:
    outcomes = Counter(each.message.code for each in verdicts)
    await acts.record(session, caller, action, scope, target=f"class/{group.class_id}", **outcomes)


async def _within_limits(session: AsyncSession, scope: ClassScope, verdicts: list[Verdict]) -> list[Verdict]:
    wanted = _to_invite(verdicts)
    if not wanted:
        return verdicts
    affordable = await letter_limits.affordable(session, scope, wanted)
    beyond = set(wanted) - set(affordable)
    return [
        Verdict(each.row, ROW_MAIL_LIMIT) if each.message is ROW_INVITED and each.row.email in beyond else each
        for each in verdicts
    ]


def _to_invite(verdicts: Sequence[Verdict]) -> list[str]:
    return [each.row.email for each in verdicts if each.message is ROW_INVITED and each.row.email]
