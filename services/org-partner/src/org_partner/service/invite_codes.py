"""Invite codes as the partner's staff see them. What a student does with one is in `redemptions`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from chassis import tenant
from chassis.auth import Principal
from chassis.database import Database
from chassis.errors import NotFound
from chassis.ids import new_id
from chassis.paging import Slice
from org_partner.crud import invite_codes
from org_partner.errors import INVITE_CODE_NOT_FOUND
from org_partner.models import InviteCode
from org_partner.service import codes, permission


@dataclass(frozen=True)
class Issued:
    """`code` exists here alone; the row has only its hash."""

    row: InviteCode
    code: str


class InviteCodeService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def issue(self, caller: Principal, class_id: UUID, *, lifetime: timedelta, max_uses: int) -> Issued:
        """
        Raises:
            NotFound: no such class for the caller.
            Forbidden: the caller does not teach there.
        """
        code = codes.new_code()
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_class(session, caller, class_id, allowed=permission.TEACH)
            row = await invite_codes.add(
                session,
                scope,
                invite_code_id=new_id(),
                code_hash=codes.digest(code),
                max_uses=max_uses,
                lifetime=lifetime,
            )
        return Issued(row, code)

    async def list_for_class(self, caller: Principal, class_id: UUID, page: Slice) -> Sequence[InviteCode]:
        """
        Raises:
            NotFound: no such class for the caller.
            Forbidden: the caller is a student there.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_class(session, caller, class_id, allowed=permission.ASSIST)
            return await invite_codes.list_for_class(session, scope, page)

    async def revoke(self, caller: Principal, class_id: UUID, invite_code_id: UUID) -> None:
        """Nobody gets in with it any more; who is in stays. Again: nothing changes.

        Raises:
            NotFound: no such class for the caller, or no such code in it.
            Forbidden: the caller does not teach there.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_class(session, caller, class_id, allowed=permission.TEACH)
            if not await invite_codes.update_revoked(session, scope, invite_code_id):
                raise NotFound(INVITE_CODE_NOT_FOUND)
