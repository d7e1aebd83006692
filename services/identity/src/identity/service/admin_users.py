"""Accounts as supervisors see them: found, looked at, exported. What they do to them is in `supervision`."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from chassis import audit, keyset
from chassis.auth import Guard, Principal
from chassis.database import Database
from chassis.errors import Forbidden, NotFound
from chassis.keyset import Order, OrderedSlice
from contracts.identity import Tier, UserStatus
from identity.crud import admin_users, erasures, users
from identity.crud.admin_users import Filters, order_of
from identity.crud.scopes import Supervisor
from identity.errors import SUPERVISOR_ONLY, USER_NOT_FOUND
from identity.service import permission
from identity.service.erasures import ErasureReport, report_of

__all__ = ["AdminUserService", "Detail", "Filters", "order_of", "place_of"]

# As many rows as are read at once: a transaction is short, and an export of any size needs little memory.
_EXPORT_PAGE = 500


@dataclass(frozen=True)
class Detail:
    """`account`: the row that `crud.admin_users.get` gives. `erasure`: of an anonymised user."""

    account: Any
    erasure: ErasureReport | None


class AdminUserService:
    def __init__(self, database: Database, guard: Guard) -> None:
        self._database = database
        self._guard = guard

    async def list_users(self, caller: Principal, filters: Filters, page: OrderedSlice) -> Sequence[Any]:
        proof = permission.supervisor(caller)
        return await self._page(proof, filters, page)

    async def export(self, caller: Principal, filters: Filters, order: Order) -> AsyncIterator[Sequence[Any]]:
        """All pages behind each other. Whoever takes the list with them is noted before the first one is read."""
        proof = permission.supervisor(caller)
        asked = sorted(name for name, value in asdict(filters).items() if value is not None)
        async with self._database.transaction() as session:
            count = await admin_users.count_users(session, proof, filters)
            # What was asked for may be somebody's address, so its kind alone is said.
            await audit.record(session, "user_list.exported", actor=caller, users=count, filters=asked)
        return self._pages(caller, filters, OrderedSlice(_EXPORT_PAGE, order))

    async def get(self, caller: Principal, user_id: UUID) -> Detail:
        """
        Raises:
            NotFound: there is no such user.
        """
        proof = permission.supervisor(caller)
        async with self._database.transaction() as session:
            account = await admin_users.get(session, proof, user_id)
            if account is None:
                raise NotFound(USER_NOT_FOUND)
            is_gone = account.status == UserStatus.ANONYMISED
            rows = await erasures.list_of(session, proof, user_id) if is_gone else []
        return Detail(account, report_of(user_id, account.anonymised_at, rows) if is_gone else None)

    async def _page(self, proof: Supervisor, filters: Filters, page: OrderedSlice) -> Sequence[Any]:
        async with self._database.transaction() as session:
            return await admin_users.list_users(session, proof, filters, page)

    async def _pages(self, caller: Principal, filters: Filters, page: OrderedSlice) -> AsyncIterator[Sequence[Any]]:
        """A right that is taken away meanwhile ends it: the answer breaks off, so that nobody takes it for all."""
        cursor: str | None = ""
        while cursor is not None:
            page = keyset.slice_of(page.limit, cursor, page.order)
            rows = await self._page(await self._still(caller), filters, page)
            yield rows[: page.limit]
            cursor = keyset.next_of(rows, page, place=place_of)

    async def _still(self, caller: Principal) -> Supervisor:
        """
        Raises:
            Unauthenticated: the caller's session ended.
            Forbidden: the caller is no supervisor any more.
        """
        await self._guard.check(caller)
        async with self._database.transaction() as session:
            user = await users.get(session, caller.user_id)
        if user is None or user.tier != Tier.SUPERVISOR:
            raise Forbidden(SUPERVISOR_ONLY)
        return permission.supervisor(caller)


def place_of(row: Any) -> tuple[keyset.Value, UUID]:
    return row.place, row.user_id
