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
from contracts import digests
from org_partner.crud import invite_codes
from org_partner.errors import INVITE_CODE_NOT_FOUND
from org_partner.models import InviteCode
from org_partner.service import acts, codes, invitation_events, permission, qr_codes


@dataclass(frozen=True)
class Issued:
    """`code` and what shows it exist here alone; the row has only its hash."""

    row: InviteCode
    code: str
    join_url: str
    qr_png: bytes


class InviteCodeService:
    def __init__(self, database: Database, *, public_url: str) -> None:
        self._database = database
        self._public_url = public_url

    async def issue(
        self,
        caller: Principal,
        class_id: UUID,
        *,
        lifetime: timedelta,
        max_uses: int,
        label: str = "",
        note: str = "",
    ) -> Issued:
        """
        Raises:
            NotFound: no such class for the caller.
            Forbidden: the caller does not teach there.
        """
        code, values = codes.new_code(), {"max_uses": max_uses, "label": label, "note": note}
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_class(session, caller, class_id, allowed=permission.TEACH)
            values |= {"invite_code_id": new_id(), "code_hash": digests.of_code(code)}
            row = await invite_codes.add(session, scope, lifetime=lifetime, **values)
            target = f"invite_code/{row.invite_code_id}"
            await acts.record(session, caller, "invite_code.issued", scope, target=target, max_uses=max_uses)
        join_url = codes.join_url(self._public_url, code)
        return Issued(row, code, join_url, qr_codes.png(join_url))

    async def list_for_class(
        self, caller: Principal, class_id: UUID, page: Slice, *, state: str | None = None
    ) -> Sequence[InviteCode]:
        """
        Raises:
            NotFound: no such class for the caller.
            Forbidden: the caller is a student there.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_class(session, caller, class_id, allowed=permission.ASSIST)
            return await invite_codes.list_for_class(session, scope, page, state=state)

    async def revoke(self, caller: Principal, class_id: UUID, invite_code_id: UUID) -> None:
        """Nobody gets in with it any more; who is in stays. Again: nothing changes.

        Raises:
            NotFound: no such class for the caller, or no such code in it.
            Forbidden: the caller does not teach there.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_class(session, caller, class_id, allowed=permission.TEACH)
            code = await invite_codes.lock(session, scope, invite_code_id)
            if code is None:
                raise NotFound(INVITE_CODE_NOT_FOUND)
            if code.revoked_at is not None:
                return
            await invite_codes.update_revoked(session, scope, invite_code_id)
            if code.used_count < code.max_uses:
                # Of one that is used up it was told when it was.
                await invitation_events.code_ended(session, code)
            target = f"invite_code/{invite_code_id}"
            await acts.record(session, caller, "invite_code.revoked", scope, target=target)
