"""A class's materials: documents that its students may find and ask about. Whose documents, is decided here."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import tenant
from chassis.auth import Principal
from chassis.database import Database
from chassis.errors import Conflict, NotFound
from chassis.paging import Slice
from org_partner.crud import class_materials, classes, documents
from org_partner.crud.scopes import ClassScope
from org_partner.errors import DOCUMENT_NOT_FOUND, TOO_MANY_MATERIALS
from org_partner.service import acts, class_events, permission

MAX_MATERIALS = 200


async def put(
    session: AsyncSession, scope: ClassScope, caller: Principal, document_ids: Collection[UUID], *, others_stay: bool
) -> bool:
    """Lock the class and put them in. False: nothing changed.

    Raises:
        NotFound: one of them is not known, deleted, or another's and open to no class of the partner.
        Conflict: there would be too many.
    """
    wanted = list(dict.fromkeys(document_ids))
    # Documents before the class, in the order in which their deletion takes the two.
    usable = await documents.lock_usable(session, scope, permission.own(caller), wanted)
    await classes.lock(session, scope)
    there = set(await class_materials.list_ids(session, scope, scope.class_id))
    # What is in stays, also when whoever put it in has left.
    if not usable | there >= set(wanted):
        raise NotFound(DOCUMENT_NOT_FOUND)
    if len(there.union(wanted) if others_stay else wanted) > MAX_MATERIALS:
        raise Conflict(TOO_MANY_MATERIALS, limit=MAX_MATERIALS)
    removed = not others_stay and await class_materials.delete_many(session, scope, except_=wanted)
    new = [each for each in wanted if each not in there]
    return await class_materials.add_many(session, scope, new, added_by=caller.user_id) or removed


class MaterialService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_for_class(
        self, caller: Principal, class_id: UUID, page: Slice, *, title: str | None = None
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """For the partner's staff and the class's students. `title`: a part of it.

        Raises:
            NotFound: no such class, or the caller has nothing to do with it.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_class(session, caller, class_id, allowed=permission.ATTEND)
            return await class_materials.list_for_class(session, scope, page, title=title)

    async def put(self, caller: Principal, class_id: UUID, document_ids: Sequence[UUID]) -> None:
        """These and no others, or, when one of them cannot be used, all as it was.

        Raises:
            NotFound: no such class for the caller, or no such document.
            Forbidden: the caller does not teach there.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_class(session, caller, class_id, allowed=permission.TEACH)
            if await put(session, scope, caller, document_ids, others_stay=False):
                await self._changed(session, scope, caller, documents=len(set(document_ids)))

    async def add(self, caller: Principal, class_id: UUID, document_id: UUID) -> None:
        """Again: nothing changes.

        Raises:
            NotFound: no such class for the caller, or no such document.
            Forbidden: the caller does not teach there.
            Conflict: there are too many.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_class(session, caller, class_id, allowed=permission.TEACH)
            if await put(session, scope, caller, [document_id], others_stay=True):
                await self._changed(session, scope, caller, added=str(document_id))

    async def remove(self, caller: Principal, class_id: UUID, document_id: UUID) -> None:
        """
        Raises:
            NotFound: no such class for the caller, or the document is none of its materials.
            Forbidden: the caller does not teach there.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_class(session, caller, class_id, allowed=permission.TEACH)
            await classes.lock(session, scope)
            if not await class_materials.delete_many(session, scope, only=document_id):
                raise NotFound(DOCUMENT_NOT_FOUND)
            await self._changed(session, scope, caller, removed=str(document_id))

    async def _changed(self, session: AsyncSession, scope: ClassScope, caller: Principal, **detail: Any) -> None:
        group = await classes.update_configured(session, scope, scope.class_id)
        await class_events.configured(session, scope, group)
        target = f"class/{scope.class_id}"
        await acts.record(session, caller, "class.materials_changed", scope, target=target, **detail)
