"""Uploads that come in several requests, each going on where the last one was cut off.

What arrives is stored in parts, each whole or not at all and noted in the upload's row. Of two requests that send the
same bytes the one that notes its part first goes on, and the other is told where. When all is there, it is completed.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import tenant
from chassis.clock import now
from chassis.database import Database
from chassis.errors import SESSION_ENDED, Conflict, Invalid, NotFound, TooLarge, Unauthenticated, Unavailable
from chassis.ids import new_id
from ingest.crud import documents, erased_users, uploads
from ingest.errors import (
    DOCUMENT_NOT_FOUND,
    DOCUMENT_TOO_LARGE,
    DOCUMENT_TOO_SMALL,
    UPLOAD_COMPLETED,
    UPLOAD_NOT_FOUND,
    UPLOAD_OFFSET_WRONG,
    UPLOAD_SCATTERED,
    UPLOAD_TOO_LONG,
    UPLOADS_OPEN,
    Cut,
)
from ingest.models import GONE, Document, Upload, UploadState
from ingest.ports import Storage
from ingest.service import permission, quotas
from ingest.service.completion import CompletionService, check_unclaimed, folder, refused, there
from ingest.service.intake import MIB, MIN_BYTES, Intake
from ingest.service.quotas import QuotaService
from ingest.service.uploads import dedupe_key, duplicate_of

# Upload and UploadState are what the doors see of an upload; the tables behind them they do not.
__all__ = ["Announced", "ResumableService", "Upload", "UploadState"]

# Small enough to be held in memory and put at once.
PART_BYTES = 4 * MIB
MAX_PARTS = 1_000
MAX_OPEN = 20
# Together a day. No request outlives the first, so that after both nothing more comes.
LIFE = timedelta(hours=23)
GRACE = timedelta(hours=1)
_SWEPT_AT_ONCE = 100


@dataclass(frozen=True, kw_only=True)
class Announced:
    """A file that is about to come."""

    file_name: str
    size_bytes: int
    sha256: str | None = None
    class_id: UUID | None = None
    shared: bool = False
    allow_duplicate: bool = False


class ResumableService:
    def __init__(
        self,
        database: Database,
        storage: Storage,
        intake: Intake,
        completion: CompletionService,
        quotas_: QuotaService,
    ) -> None:
        self._database = database
        self._storage = storage
        self._intake = intake
        self._completion = completion
        self._quotas = quotas_

    async def begin(self, user_id: UUID, file: Announced) -> Upload:
        """
        Raises:
            NotFound, Forbidden: no such class for this user, or sharing is not theirs.
            Invalid, TooLarge: no document has this size.
            Conflict: too many are unfinished; or the same file lives already, by the hash that was announced.
            QuotaExceeded: it will not fit.
            Unauthenticated: the user was erased meanwhile.
            Unavailable: the database.
        """
        limits = await self._quotas.limits()
        _check_size(file.size_bytes, limit=await self._intake.max_size())
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            if await erased_users.is_erased(session, user_id):
                raise Unauthenticated(SESSION_ENDED, headers={"WWW-Authenticate": "Bearer"})
            await self._check_place(session, user_id, file, limits)
            await uploads.lock_owner(session, user_id)
            if await uploads.count_open(session, user_id, at=now()) >= MAX_OPEN:
                raise Conflict(UPLOADS_OPEN, limit=MAX_OPEN)
            return await uploads.add(
                session,
                upload_id=new_id(),
                owner_id=user_id,
                class_id=file.class_id,
                is_shared=file.shared,
                allow_duplicate=file.allow_duplicate,
                file_name=file.file_name,
                size_bytes=file.size_bytes,
                sha256=file.sha256,
                expires_at=now() + LIFE,
            )

    async def _check_place(self, session: AsyncSession, user_id: UUID, file: Announced, limits: quotas.Limits) -> None:
        place = (await permission.place(session, user_id, class_id=file.class_id, shared=file.shared)).tenant
        if file.sha256 and not file.allow_duplicate:
            twin = await documents.get_by_dedupe_key(session, dedupe_key(place, file.sha256))
            if twin is not None:
                raise duplicate_of(twin)
        await quotas.check(session, place, limits, size_bytes=file.size_bytes)

    async def get(self, user_id: UUID, upload_id: UUID) -> Upload:
        """Raises NotFound: not there, somebody else's, given up or expired."""
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            return there(await uploads.get(session, upload_id, owner_id=user_id))

    async def append(
        self, user_id: UUID, upload_id: UUID, *, offset: int, content: AsyncIterator[bytes]
    ) -> tuple[Upload, Document | None]:
        """The upload with what `content` added, and the document when it is whole; with no content, the document
        of one that is whole already.

        Raises:
            NotFound: as `get`.
            Conflict: the upload has another offset; or another request is completing it.
            Cut: the request ended early. What is noted stays.
            Invalid, TooLarge, UnsupportedMedia, Forbidden: more than was announced; or what the whole file was
                refused for: it can be asked for again and is not tried again.
            QuotaExceeded: nothing fits any more; what arrived stays, and can be completed once there is room.
            Unavailable: storage or database; what is noted stays.
        """
        upload = await self._at(user_id, upload_id, offset)
        if upload.state == UploadState.COMPLETED:
            return upload, await self._document(user_id, upload_id)
        try:
            async with asyncio.timeout((upload.expires_at - now()).total_seconds()):
                async for part in _parts(content, upload):
                    upload = await self._add_part(upload, part)
        except TimeoutError as error:
            raise NotFound(UPLOAD_NOT_FOUND) from error
        if upload.received_bytes < upload.size_bytes:
            return upload, None
        document = await self._completion.complete(user_id, upload_id)
        return await self.get(user_id, upload_id), document

    async def _at(self, user_id: UUID, upload_id: UUID, offset: int) -> Upload:
        upload = await self.get(user_id, upload_id)
        if upload.state == UploadState.REFUSED:
            raise refused(upload)
        if offset != upload.received_bytes:
            raise _wrong_offset(upload)
        return upload

    async def _document(self, user_id: UUID, upload_id: UUID) -> Document:
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            document = await documents.get(session, upload_id)
        if document is None or document.state in GONE:
            raise NotFound(DOCUMENT_NOT_FOUND)
        return document

    async def _add_part(self, upload: Upload, part: bytes) -> Upload:
        """The upload afterwards."""
        if len(upload.parts) >= MAX_PARTS:
            raise Invalid(UPLOAD_SCATTERED)
        key = f"{folder(upload.upload_id)}/{upload.received_bytes:013d}-{uuid4().hex}"
        await self._storage.put(key, _once(part))
        async with self._database.transaction(tenant.of_user(upload.owner_id)) as session:
            row = await uploads.get_for_update(session, upload.upload_id, owner_id=upload.owner_id)
            if row is not None and _takes(row) and row.received_bytes == upload.received_bytes:
                row.received_bytes += len(part)
                row.parts = [*row.parts, key]
                return row
        with suppress(Unavailable):
            await self._storage.delete(key)
        raise _wrong_offset(there(row))

    async def give_up(self, user_id: UUID, upload_id: UUID) -> None:
        """
        Raises:
            NotFound: as `get`.
            Conflict: it is a document already, or is becoming one.
        """
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            row = there(await uploads.get_for_update(session, upload_id, owner_id=user_id))
            if row.state == UploadState.COMPLETED:
                raise Conflict(UPLOAD_COMPLETED, document_id=upload_id)
            check_unclaimed(row)
            row.state = UploadState.GIVEN_UP.value
        await self._completion.discard_parts(upload_id)

    async def erase(self, user_id: UUID) -> None:
        """End all uploads of a user who is erased, and delete what arrived of them. Raises Unavailable."""
        async with self._database.transaction(tenant.PLATFORM) as session:
            ended = await uploads.give_up_of_owner(session, user_id)
        for upload_id in ended:
            await self._storage.purge(folder(upload_id))

    async def sweep(self) -> None:
        """Delete what is a day old, parts first. Raises Unavailable."""
        async with self._database.transaction(tenant.PLATFORM) as session:
            expired = await uploads.list_expired(session, before=now() - GRACE, limit=_SWEPT_AT_ONCE)
        for upload_id in expired:
            await self._storage.purge(folder(upload_id))
        if expired:
            async with self._database.transaction(tenant.PLATFORM) as session:
                await uploads.delete_all(session, expired)


def _check_size(size_bytes: int, *, limit: int) -> None:
    if size_bytes < MIN_BYTES:
        raise Invalid(DOCUMENT_TOO_SMALL, size_bytes=size_bytes)
    if size_bytes > limit:
        raise TooLarge(DOCUMENT_TOO_LARGE, limit_mib=limit // MIB)


def _takes(upload: Upload) -> bool:
    return upload.state == UploadState.OPEN and upload.expires_at > now()


def _wrong_offset(upload: Upload) -> Conflict:
    offset = upload.received_bytes
    return Conflict(UPLOAD_OFFSET_WRONG, headers={"Upload-Offset": str(offset)}, offset=offset)


async def _parts(content: AsyncIterator[bytes], upload: Upload) -> AsyncIterator[bytes]:
    """The request's body in parts, also the last piece of one that was cut."""
    left = upload.size_bytes - upload.received_bytes
    held = bytearray()
    try:
        async for piece in content:
            left -= len(piece)
            if left < 0:
                raise Invalid(UPLOAD_TOO_LONG, size_bytes=upload.size_bytes)
            held += piece
            while len(held) >= PART_BYTES:
                yield bytes(held[:PART_BYTES])
                del held[:PART_BYTES]
    except Cut:
        if held:
            yield bytes(held)
        raise
    if held:
        yield bytes(held)


async def _once(part: bytes) -> AsyncIterator[bytes]:
    yield part
