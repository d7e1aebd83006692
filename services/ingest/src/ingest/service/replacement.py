"""Another file as the newer content of a document that stays the same document: its id, its classes, its link.

Search, downloads and citations keep to the file before until the newer one is ready as a whole. One newer content at a
time: while one is worked on, another is refused, and whoever wants it cancels the first.
"""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import tenant
from chassis.auth import Principal
from chassis.database import Database
from chassis.errors import SESSION_ENDED, Conflict, Unauthenticated, Unavailable
from chassis.ids import new_id
from chassis.tenant import Context
from ingest.crud import documents, erased_users, pending_objects
from ingest.errors import IN_PROGRESS, STORAGE_UNAVAILABLE
from ingest.models import WORKING, Document, State
from ingest.ports import Storage
from ingest.service import discarding, quotas
from ingest.service.intake import MIB, Incoming, Intake, Measure, clean_title
from ingest.service.lifecycle import owned, revised
from ingest.service.quotas import QuotaService
from ingest.service.uploads import dedupe_key, duplicate_of, tenant_of


class ReplacementService:
    def __init__(self, database: Database, storage: Storage, intake: Intake, quotas_: QuotaService) -> None:
        self._database = database
        self._storage = storage
        self._intake = intake
        self._quotas = quotas_

    async def replace(self, caller: Principal, document_id: UUID, incoming: Incoming) -> tuple[Document, bool]:
        """The document, and whether the file is another one than it has; the same one changes nothing.

        Raises:
            NotFound: not there, or not the caller's to see; also when it is deleted meanwhile.
            Forbidden: somebody else's.
            Conflict: it is worked on; or the file is that of another living document of the same owner and place.
            Invalid, TooLarge, UnsupportedMedia: the file cannot be a document.
            QuotaExceeded: it does not fit beside the one before, which is kept until the newer one is ready.
            Unauthenticated: the user was erased meanwhile.
            Unavailable: storage or database; the document is as it was.
        """
        measure, limits = await self._intake.measure(incoming), await self._quotas.limits()
        key, context = f"documents/{document_id}/{new_id()}", tenant.of_user(caller.user_id)
        async with self._database.transaction(context) as session:
            document = await _replaceable(session, caller, document_id)
            # As an upload does, with as much to spare as the form around the file may take.
            at_least = max((incoming.size_hint or 0) - MIB, 0)
            await _check_fits(session, document, limits, size_bytes=at_least)
            await pending_objects.add(session, key, owner_id=caller.user_id)
        await self._intake.store(key, measure, context)
        try:
            document, unneeded = await self._admit(caller, document_id, key, measure, incoming)
        except BaseException:
            # The commit itself may have been cut off: what is pending still has no document.
            if await self._is_pending(key, context):
                await self._intake.drop(key, context)
            raise
        if unneeded is not None:
            await discarding.delete(self._database, self._storage, unneeded)
        return document, unneeded != key

    async def _admit(
        self, caller: Principal, document_id: UUID, key: str, measure: Measure, incoming: Incoming
    ) -> tuple[Document, str | None]:
        """The document, and the key of a file that nobody needs any more: perhaps the very one that has come."""
        limits = await self._quotas.limits()
        async with self._database.transaction(tenant.of_user(caller.user_id)) as session:
            if await erased_users.is_erased(session, caller.user_id):
                raise Unauthenticated(SESSION_ENDED, headers={"WWW-Authenticate": "Bearer"})
            if not await pending_objects.delete_kept(session, key):
                # It came for a day, and its file was taken for a dead one.
                raise Unavailable(STORAGE_UNAVAILABLE)
            document = await _replaceable(session, caller, document_id)
            unneeded = await self._take(session, document, key, measure, incoming, limits)
            if unneeded is not None:
                await pending_objects.discard(session, unneeded, owner_id=caller.user_id)
        return document, unneeded

    async def _take(
        self,
        session: AsyncSession,
        document: Document,
        key: str,
        measure: Measure,
        incoming: Incoming,
        limits: quotas.Limits,
    ) -> str | None:
        if document.state == State.READY and document.sha256 == measure.sha256:
            return key
        place = tenant_of(document)
        await quotas.lock(session, place, limits)
        await _check_fits(session, document, limits, size_bytes=measure.size)
        # One that never became ready has nothing to fall back to.
        replaced = document.storage_key if document.live_revision is None else None
        dedupe = dedupe_key(place, measure.sha256)
        facts = {
            "title": clean_title(incoming.file_name),
            "media_type": measure.media_type,
            "size_bytes": measure.size,
            "sha256": measure.sha256,
            "dedupe_key": None if incoming.allow_duplicate else dedupe,
            "storage_key": key,
        }
        if not await documents.update_to_living(session, document, **revised(document, **facts)):
            raise duplicate_of(await documents.get_by_dedupe_key(session, dedupe))
        return replaced

    async def _is_pending(self, key: str, context: Context) -> bool:
        """False while it cannot be asked: the file stays, and the sweep looks."""
        try:
            async with self._database.transaction(context) as session:
                return await pending_objects.is_pending(session, key)
        except Unavailable:
            return False


async def _replaceable(session: AsyncSession, caller: Principal, document_id: UUID) -> Document:
    """Locked. Raises NotFound, Forbidden, Conflict."""
    document = await owned(session, caller, document_id)
    if document.state in WORKING:
        raise Conflict(IN_PROGRESS, state=document.state)
    return document


async def _check_fits(session: AsyncSession, document: Document, limits: quotas.Limits, *, size_bytes: int) -> None:
    besides = document.document_id if document.live_revision is None else None
    await quotas.check_bytes(session, tenant_of(document), limits, size_bytes=size_bytes, besides=besides)
