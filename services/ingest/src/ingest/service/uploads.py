"""Taking a document in: streamed to storage while it is measured, hashed and recognised."""

import hashlib
import unicodedata
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePath
from uuid import UUID

from chassis import outbox, tenant
from chassis.auth import Guard
from chassis.clock import now
from chassis.database import Database
from chassis.errors import (
    SESSION_ENDED,
    Conflict,
    GrowFitError,
    Invalid,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from chassis.ids import new_id
from contracts.ingest import DocumentUploaded
from contracts.tenancy import Tenant
from ingest.crud import document_shares, documents, erased_users, pending_objects
from ingest.errors import (
    DOCUMENT_DUPLICATE,
    DOCUMENT_EMPTY,
    DOCUMENT_TOO_LARGE,
    DOCUMENT_TOO_SMALL,
    HASH_MISMATCH,
    STORAGE_UNAVAILABLE,
)
from ingest.models import Document
from ingest.ports import Storage
from ingest.service import media_types, permission, quotas
from ingest.service.permission import Placement
from ingest.service.quotas import QuotaService

# Nothing of this size is a document; a slip of the mouse is.
MIN_BYTES = 8
MAX_TITLE = 200
MIB = 1024**2
# No upload lasts as long, so what has no document by then was cut off.
_CUT_OFF = timedelta(hours=24)
_SWEPT_AT_ONCE = 100


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """A file on its way in. `size_hint`: what the request says of its size, for refusing early.

    `sha256`: what it must be; None: nobody said. `document_id`: of the document that it becomes.
    """

    file_name: str
    content: AsyncIterator[bytes]
    size_hint: int | None = None
    class_id: UUID | None = None
    shared: bool = False
    allow_duplicate: bool = False
    sha256: str | None = None
    document_id: UUID | None = None


class _Measure:
    """Passes the stream on and knows its size, hash and first bytes afterwards."""

    def __init__(self, incoming: Incoming, *, limit: int, allowed: frozenset[str]) -> None:
        self._content = incoming.content
        self._file_name = incoming.file_name
        self._expected = incoming.sha256
        self._limit = limit
        self._allowed = allowed
        self._hash = hashlib.sha256()
        self._sample = b""
        self.size = 0
        self.media_type: str | None = None

    async def pieces(self) -> AsyncIterator[bytes]:
        held: list[bytes] = []
        async for piece in self._content:
            self.size += len(piece)
            if self.size > self._limit:
                raise TooLarge(DOCUMENT_TOO_LARGE, limit_mib=self._limit // MIB)
            self._hash.update(piece)
            if self.media_type is None:
                # Nothing is stored before the type is known.
                held.append(piece)
                self._sample += piece
                if len(self._sample) < media_types.SAMPLE_BYTES:
                    continue
                self._decide()
                piece = b"".join(held)  # noqa: PLW2901  what was held goes first
            yield piece
        if self.media_type is None:
            self._decide()
            yield b"".join(held)
        # Before the stream ends, so that nothing of it is stored.
        if self._expected not in (None, self.sha256):
            raise Invalid(HASH_MISMATCH)

    def _decide(self) -> None:
        if self.size == 0:
            raise Invalid(DOCUMENT_EMPTY)
        if self.size < MIN_BYTES:
            raise Invalid(DOCUMENT_TOO_SMALL, size_bytes=self.size)
        sample, name = self._sample[: media_types.SAMPLE_BYTES], clean_name(self._file_name)
        self.media_type = media_types.decide(sample, name, allowed=self._allowed)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


class UploadService:
    """`max_bytes`: what the operator allows at most, whatever the platform is set to."""

    def __init__(
        self, database: Database, storage: Storage, platform: Guard, quotas_: QuotaService, *, max_bytes: int
    ) -> None:
        self._database = database
        self._storage = storage
        self._platform = platform
        self._quotas = quotas_
        self._max_bytes = max_bytes

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
        limit, limits = await self.max_size(), await self._quotas.limits()
        allowed = frozenset(await self._platform.value("api.allowed_types"))
        if incoming.size_hint is not None and incoming.size_hint > limit + MIB:
            raise TooLarge(DOCUMENT_TOO_LARGE, limit_mib=limit // MIB)
        document_id = incoming.document_id or new_id()
        key = f"documents/{document_id}/original"
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            placement = await permission.place(session, user_id, class_id=incoming.class_id, shared=incoming.shared)
            # With as much to spare as the form around the file may take; its true size counts when it is known.
            at_least = max((incoming.size_hint or 0) - MIB, 0)
            await quotas.check(session, placement.tenant, limits, size_bytes=at_least)
            await pending_objects.add(session, key, owner_id=user_id)
        measure = _Measure(incoming, limit=limit, allowed=allowed)
        await self._store(key, measure, placement)
        try:
            return await self._admit(document_id, key, measure, incoming, placement)
        except BaseException:
            # The commit itself may have been cut off. The row decides; while it cannot be asked, the file stays.
            if await self._is_refused(document_id, placement):
                await self._storage.delete(key)
                await self._forget(key, placement)
            raise

    async def check_place(self, user_id: UUID, *, class_id: UUID | None, shared: bool) -> None:
        """Whether the user may put documents there. Raises NotFound, Forbidden."""
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            await permission.place(session, user_id, class_id=class_id, shared=shared)

    async def max_size(self) -> int:
        """The largest file that is taken, in bytes."""
        return min(self._max_bytes, int(await self._platform.value("api.upload_max_bytes")))

    async def sweep(self) -> None:
        """Delete the files of uploads that were killed before their documents were written. Raises Unavailable."""
        async with self._database.transaction(tenant.PLATFORM) as session:
            keys = await pending_objects.discard_older(session, than=now() - _CUT_OFF, limit=_SWEPT_AT_ONCE)
        for key in keys:
            await self._storage.purge(key)
        if keys:
            async with self._database.transaction(tenant.PLATFORM) as session:
                await pending_objects.delete_all(session, keys)

    async def _store(self, key: str, measure: _Measure, placement: Placement) -> None:
        try:
            await self._storage.put(key, measure.pieces())
        except Unavailable:
            # It may be there all the same: the sweep looks.
            raise
        except GrowFitError:
            await self._forget(key, placement)
            raise

    async def _forget(self, key: str, placement: Placement) -> None:
        """Nothing is stored under this key. What is not forgotten now, the sweep forgets."""
        with suppress(Unavailable):
            async with self._database.transaction(tenant.of_tenant(placement.tenant)) as session:
                await pending_objects.delete_all(session, [key])

    async def _is_refused(self, document_id: UUID, placement: Placement) -> bool:
        """Whether the row is certainly not there; waits for a commit that is still under way."""
        try:
            async with self._database.transaction(tenant.of_tenant(placement.tenant)) as session:
                await documents.lock_admission(session, document_id)
                return await documents.get_for_update(session, document_id) is None
        except Unavailable:
            return False

    async def _admit(
        self, document_id: UUID, key: str, measure: _Measure, incoming: Incoming, placement: Placement
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


def clean_title(file_name: str) -> str:
    """The name as people see it: no folders, no control or direction-changing characters, not too long."""
    return clean_name(file_name)[:MAX_TITLE].rstrip() or "untitled"


def clean_name(file_name: str) -> str:
    # macOS sends Hangul in pieces (NFD), which nobody would find by typing it.
    name = unicodedata.normalize("NFC", PurePath(file_name.replace("\\", "/")).name)
    kept = (" " if character.isspace() else character for character in name)
    name = " ".join("".join(character for character in kept if character.isprintable()).split())
    # Dots alone are folders, not names.
    return name if name.strip(".") else ""
