"""What became of an anonymised user's data: every service reports what it erased, identity itself among them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import tenant
from chassis.auth import Principal
from chassis.clock import now
from chassis.database import Database
from chassis.delivery import Delivery
from chassis.errors import Conflict, NotFound
from contracts import digests
from contracts.erasure import Erasure
from contracts.identity import UserStatus
from contracts.streams import SERVICES
from identity.crud import erasures, users
from identity.errors import USER_NOT_ANONYMISED, USER_NOT_FOUND
from identity.models import Erasure as Row
from identity.service import permission

_OWN = "identity"


@dataclass(frozen=True)
class ServiceReport:
    """`erased`: rows by table, over all of the service's reports; `remaining` and `erased_at`: of its last one."""

    service: str
    erased: Mapping[str, int]
    remaining: int
    erased_at: datetime


@dataclass(frozen=True)
class ErasureReport:
    """`complete`: every service has reported, and nothing remains anywhere."""

    user_id: UUID
    anonymised_at: datetime | None
    complete: bool
    reported: list[ServiceReport]
    outstanding: list[str]


class ErasureService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, fact: Erasure, delivery: Delivery) -> None:
        """Keep what a service reports.

        Raises:
            NotFound: there is no such user.
            Conflict: nobody asked for an erasure; something is wrong with whoever reports it.
        """
        async with self._database.transaction(once=delivery) as session:
            user = await users.get(session, fact.user_id)
            if user is None:
                raise NotFound(USER_NOT_FOUND)
            if user.status != UserStatus.ANONYMISED:
                raise Conflict(USER_NOT_ANONYMISED)
            await erasures.add(
                session,
                user_id=fact.user_id,
                service=fact.publisher(),
                erased_at=fact.erased_at,
                erased=fact.erased,
                remaining=fact.remaining,
            )

    async def report(self, caller: Principal, user_id: UUID) -> ErasureReport:
        """
        Raises:
            NotFound: there is no such user.
            Conflict: the user is not anonymised.
        """
        proof = permission.supervisor(caller)
        async with self._database.transaction() as session:
            user = await users.get(session, user_id)
            if user is None:
                raise NotFound(USER_NOT_FOUND)
            if user.status != UserStatus.ANONYMISED:
                raise Conflict(USER_NOT_ANONYMISED)
            rows = await erasures.list_of(session, proof, user_id)
        return report_of(user_id, user.anonymised_at, rows)


def report_of(user_id: UUID, anonymised_at: datetime | None, rows: list[Row]) -> ErasureReport:
    reported = [_summary(name, own) for name in SERVICES if (own := [row for row in rows if row.service == name])]
    outstanding = [name for name in SERVICES if name not in {each.service for each in reported}]
    complete = not outstanding and all(each.remaining == 0 for each in reported)
    return ErasureReport(user_id, anonymised_at, complete, reported, outstanding)


def _summary(service: str, rows: list[Row]) -> ServiceReport:
    """`rows`: oldest first. What a second try erased comes on top of what the first one did."""
    erased: dict[str, int] = {}
    for row in rows:
        for table, count in row.erased.items():
            erased[table] = erased.get(table, 0) + int(count)
    return ServiceReport(service, erased, rows[-1].remaining, rows[-1].erased_at)


@asynccontextmanager
async def reported(session: AsyncSession, user_id: UUID, *, email: str, only_used: bool) -> AsyncIterator[None]:
    """Around what anonymises: identity's own report, counted before and after, in the same transaction.

    `only_used`: of the invitations to the address, those that the user used.
    """
    address = digests.of_address(email)
    await tenant.present(session, address)
    before = await erasures.count_personal(session, user_id, email=email, digest=address, only_used=only_used)
    yield
    after = await erasures.count_personal(session, user_id, email=email, digest=address, only_used=only_used)
    gone = {table: count - after.get(table, 0) for table, count in before.items() if count > after.get(table, 0)}
    await erasures.add(
        session, user_id=user_id, service=_OWN, erased_at=now(), erased=gone, remaining=sum(after.values())
    )
