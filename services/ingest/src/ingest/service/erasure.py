"""Erasing an anonymised user: their documents with all that was made of them, and what is known of their parts.

What stays of a document is its receipt, which holds ids and counts. A run that is cut off is taken up by the next one:
what there was to erase is written down before anything goes, so that the report counts all of it, once.
"""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import dead_letters, outbox, tenant
from chassis.clock import now
from chassis.database import Database
from chassis.delivery import Delivery
from contracts.ingest import PersonalDataErased
from ingest.crud import chunks, documents, erased_users, memberships, shelves, uploads
from ingest.models import ErasedUser
from ingest.service.deletion import DeletionService
from ingest.service.resumable import ResumableService


class ErasureService:
    def __init__(self, database: Database, deletion: DeletionService, resumable: ResumableService) -> None:
        self._database = database
        self._deletion = deletion
        self._resumable = resumable

    async def erase(self, user_id: UUID, *, once: Delivery) -> None:
        """
        Raises:
            AlreadyHandled: this delivery's effect stands.
            Unavailable: storage, index or database; the message comes again and goes on from there.
        """
        for document_id in await self._begin(user_id):
            await self._deletion.erase(document_id)
        await self._resumable.erase(user_id)
        async with self._database.transaction(tenant.PLATFORM, once=once) as session:
            row = await erased_users.get_for_update(session, user_id)
            if row.reported_at is None:
                row.reported_at = now()
                await outbox.add(session, await self._report(session, row))

    async def _begin(self, user_id: UUID) -> list[UUID]:
        """The documents that there were when it began. From then on nothing new comes of this user."""
        async with self._database.transaction(tenant.PLATFORM) as session:
            await erased_users.lock(session, user_id)
            begun = await erased_users.get(session, user_id)
            if begun is None:
                erased = {
                    "ingest.memberships": await memberships.delete_of_user(session, user_id),
                    "ingest.shelves": await shelves.delete_of_user(session, user_id),
                    "ingest.dead_letters": await dead_letters.redact(session, user_id, fields={"title"}),
                    "ingest.uploads": await uploads.count_named(session, user_id),
                }
                own = await documents.list_ids_of_owner(session, user_id)
                begun = await erased_users.add(session, user_id=user_id, document_ids=own, erased=erased)
        return begun.document_ids

    async def _report(self, session: AsyncSession, row: ErasedUser) -> PersonalDataErased:
        receipts: list[dict[str, Any]] = await documents.list_receipts(session, row.document_ids)
        left = len(await documents.list_ids_of_owner(session, row.user_id))
        left += await chunks.count_of_owner(session, row.user_id)
        left += await memberships.count_of_user(session, row.user_id)
        left += await shelves.count_of_user(session, row.user_id)
        left += await uploads.count_named(session, row.user_id)
        return PersonalDataErased(
            user_id=row.user_id,
            erased={
                **row.erased,
                "user.documents": len(receipts),
                "user.chunks": sum(receipt["deleted"]["chunks"] for receipt in receipts),
            },
            remaining=left + sum(receipt["remaining"]["vectors"] for receipt in receipts),
            erased_at=now(),
        )
