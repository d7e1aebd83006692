"""A class's roster as a file that a spreadsheet opens, and that can be sent back as it is."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Unpack
from uuid import UUID

from sqlalchemy import Row

from chassis import csv_cells, tenant
from chassis.auth import Principal
from chassis.database import Database
from chassis.errors import Locale
from chassis.paging import Slice
from org_partner.crud import rosters
from org_partner.crud.rosters import StudentFilter
from org_partner.schemas import seoul
from org_partner.service import acts, permission

_PAGE = 500
_NAMES = {
    Locale.KO: ("이메일", "이름", "상태", "등록 시각", "학생 번호", "수강 등록 번호"),
    Locale.EN: ("email", "name", "status", "enrolled at", "student id", "enrolment id"),
}
_STATUSES = {"active": "수강 중", "paused": "일시 중지", "ended": "종료"}


class RosterService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def export(
        self, caller: Principal, class_id: UUID, *, locale: Locale, **wanted: Unpack[StudentFilter]
    ) -> AsyncIterator[bytes]:
        """Lines of CSV, read page by page while they are sent.

        Raises:
            NotFound: no such class for the caller.
            Forbidden: the caller does not teach there.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_class(session, caller, class_id, allowed=permission.TEACH)
            await acts.record(session, caller, "students.exported", scope, target=f"class/{class_id}")
        return self._lines(caller, class_id, locale, **wanted)

    async def _lines(
        self, caller: Principal, class_id: UUID, locale: Locale, **wanted: Unpack[StudentFilter]
    ) -> AsyncIterator[bytes]:
        yield csv_cells.head(_NAMES[locale])
        after: tuple[datetime, UUID] | None = None
        more = True
        while more:
            # A transaction for each page: a slow reader must not hold one open.
            async with self._database.transaction(tenant.of(caller)) as session:
                scope = await permission.in_class(session, caller, class_id, allowed=permission.TEACH)
                found = await rosters.list_students(session, scope, Slice(_PAGE, after), **wanted)
            rows, more = found[:_PAGE], len(found) > _PAGE
            if rows:
                yield b"".join(_line(row, locale) for row in rows)
                after = (rows[-1].enrolled_at, rows[-1].enrollment_id)


def _line(row: Row[*tuple[Any, ...]], locale: Locale) -> bytes:
    status = _STATUSES[row.status] if locale is Locale.KO else row.status
    when = f"{seoul.local(row.enrolled_at):%Y-%m-%d %H:%M:%S}"
    ids = (str(row.student_id), str(row.enrollment_id))
    return csv_cells.line((row.email or "", row.display_name or "", status, when, *ids))
