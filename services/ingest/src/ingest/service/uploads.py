"""Taking a document in: streamed to storage while it is measured, hashed and recognised."""

from datetime import timedelta
from uuid import UUID

from chassis import outbox, tenant
from chassis.clock import now
from chassis.database import Database
from chassis.errors import SESSION_ENDED, Conflict, Unauthenticated, Unavailable
from chassis.ids import new_id
from contracts.ingest import DocumentUploaded
from contracts.tenancy import Tenant
from ingest.crud import document_shares, documents, erased_users, pending_objects
from ingest.errors import DOCUMENT_DUPLICATE, STORAGE_UNAVAILABLE
from ingest.models import Document
from ingest.ports import Storage
from ingest.service import permission, quotas
from ingest.service.intake import MIB, Incoming, Intake, Measure, clean_title
from ingest.service.permission import Placement
from ingest.service.quotas import QuotaService

# No upload lasts as long, so what has no document by then was cut off.
_CUT_OFF = timedelta(hours=24)
_SWEPT_AT_ONCE = 100


class UploadService:
    def __init__(self, database: Database, storage: Storage, intake: Intake, quotas_: QuotaService) -> None:
        self._database = database
        self._storage = storage
        self._intake = intake
        self._quotas = quotas_

    async def upload(self, user_id: UUID, incoming: Incoming) -> Document:
        """Store the file and announce it. It is processed later, by the worker.

        Raises:
            NotFound, Forbidden: no such class for this user, or sharing is not theirs.
            Invalid, TooLarge, UnsupportedMedia: the file cannot be a document.
            Conflict: the same file of the same owner in the same place lives already.
            QuotaExceeded: it does not fit any more.
            Unauthenticated: the user was erased meanwhile.
            Unavailable: storage or database; nothing is kept.
        """
        measure, limits = await self._intake.measure(incoming), await self._quotas.limits()
        document_id = incoming.document_id or new_id()
        key = f"documents/{document_id}/original"
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            placement = await permission.place(session, user_id, class_id=incoming.class_id, shared=incoming.shared)
            # With as much to spare as the form around the file may take; its true size counts when it is known.
            at_least = max((incoming.size_hint or 0) - MIB, 0)
            await quotas.check(session, placement.tenant, limits, size_bytes=at_least)
            await pending_objects.add(session, key, owner_id=user_id)
        context = tenant.of_tenant(placement.tenant)
        await self._intake.store(key, measure, context)
        try:
            return await self._admit(document_id, key, measure, incoming, placement)
        except BaseException:
            # The commit itself may have been cut off. The row decides; while it cannot be asked, the file stays.
            if await self._is_refused(document_id, placement):
                await self._intake.drop(key, context)
            raise

    async def check_place(self, user_id: UUID, *, class_id: UUID | None, shared: bool) -> None:
        """Whether the user may put documents there. Raises NotFound, Forbidden."""
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            await permission.place(session, user_id, class_id=class_id, shared=shared)

    async def sweep(self) -> None:
        """Delete the files that no document has: of uploads that were killed, and of contents that newer ones replaced.

        Raises Unavailable.
        """
        async with self._database.transaction(tenant.PLATFORM) as session:
            keys = await pending_objects.discard_older(session, than=now() - _CUT_OFF, limit=_SWEPT_AT_ONCE)
        for key in keys:
            await self._storage.purge(key)
        if keys:
            async with self._database.transaction(tenant.PLATFORM) as session:
                await pending_objects.delete_all(session, keys)

    async def _is_refused(self, document_id: UUID, placement: Placement) -> bool:
        """Whether the row is certainly not there; waits for a commit that is still under way."""
        try:
            async with self._database.transaction(tenant.of_tenant(placement.tenant)) as session:
                await documents.lock_admission(session, document_id)
                return await documents.get_for_update(session, document_id) is None
        except Unavailable:
            return False

    async def _admit(
        self, document_id: UUID, key: str, measure: Measure, incoming: Incoming, placement: Placement
    ) -> Document:
        place = placement.tenant
        dedupe, limits = dedupe_key(place, measure.sha256), await self._quotas.limits()
        async with self._database.transaction(tenant.of_tenant(place)) as session:
            await documents.lock_admission(session, document_id)
            if await erased_users.is_erased(session, place.user_id):
                raise Unauthenticated(SESSION_ENDED, headers={"WWW-Authenticate": "Bearer"})
            if not await pending_objects.delete_kept(session, key):
                # The upload lasted for a day, and its file was taken for a dead one.
                raise Unavailable(STORAGE_UNAVAILABLE)
            await quotas.lock(session, place, limits)
            document = await documents.add(
                session,
                document_id=document_id,
                owner_id=place.user_id,
                org_id=place.org_id,
                partner_id=place.partner_id,
                class_id=place.class_id,
                scopes=placement.scopes,
                title=clean_title(incoming.file_name),
                media_type=measure.media_type,
                size_bytes=measure.size,
                sha256=measure.sha256,
                dedupe_key=None if incoming.allow_duplicate else dedupe,
                storage_key=key,
            )
            if document is None:
                raise duplicate_of(await documents.get_by_dedupe_key(session, dedupe))
            await quotas.check(session, place, limits, size_bytes=measure.size, besides=document_id)
            if placement.class_id:
                await document_shares.add(session, document, placement.class_id, by_upload=True)
            await outbox.add(session, uploaded_event(document))
        return document


def dedupe_key(place: Tenant, sha256: str) -> str:
    return f"{place.user_id}/{place.class_id or '-'}/{sha256}"


def duplicate_of(twin: Document | None) -> Conflict:
    title, document_id = (twin.title, twin.document_id) if twin else ("", None)
    return Conflict(DOCUMENT_DUPLICATE, document_title=title, document_id=document_id)


def uploaded_event(document: Document) -> DocumentUploaded:
    return DocumentUploaded(
        document_id=document.document_id,
        version=document.version,
        tenant=tenant_of(document),
        title=document.title,
        media_type=document.media_type,
        size_bytes=document.size_bytes,
        uploaded_at=now(),
    )


def tenant_of(document: Document) -> Tenant:
    return Tenant(
        org_id=document.org_id,
        partner_id=document.partner_id,
        class_id=document.class_id,
        user_id=document.owner_id,
    )
