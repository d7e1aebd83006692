"""The last step of an upload in several requests: its parts become a document, once, whoever is killed meanwhile.

They are read again and go through the very door of a plain upload: type, hash, twin, quota and announcement are its
own. The document has the upload's id, so that whoever comes later sees whether it is there.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

from chassis import tenant
from chassis.clock import now
from chassis.database import Database
from chassis.errors import KINDS, Conflict, GrowFitError, NotFound, Unavailable
from ingest.crud import documents, uploads
from ingest.errors import (
    DOCUMENT_NOT_FOUND,
    STORAGE_UNAVAILABLE,
    UPLOAD_COMPLETING,
    UPLOAD_NOT_FOUND,
    UPLOAD_REFUSALS,
)
from ingest.models import GONE, Document, Upload, UploadState
from ingest.ports import Storage
from ingest.service import permission, quotas
from ingest.service.intake import Incoming
from ingest.service.quotas import QuotaService
from ingest.service.uploads import UploadService

log = logging.getLogger(__name__)

# To read all parts and store them as one: longer than the largest takes.
_CLAIM = timedelta(minutes=15)
_MARGIN_SECONDS = 60.0


class CompletionService:
    def __init__(self, database: Database, storage: Storage, plain: UploadService, quotas_: QuotaService) -> None:
        self._database = database
        self._storage = storage
        self._plain = plain
        self._quotas = quotas_

    async def complete(self, user_id: UUID, upload_id: UUID) -> Document:
        """
        Raises:
            Conflict: another request is at it; or the same file lives already.
            NotFound: the upload is over; or the document was deleted since.
            Invalid, TooLarge, UnsupportedMedia, Forbidden, QuotaExceeded, Unavailable: as `UploadService.upload`.
        """
        upload, made = await self._claim(user_id, upload_id)
        if made is None:
            made = await self._make(upload)
        await self._end(upload, UploadState.COMPLETED)
        if made.state in GONE:
            raise NotFound(DOCUMENT_NOT_FOUND)
        return made

    async def _claim(self, user_id: UUID, upload_id: UUID) -> tuple[Upload, Document | None]:
        """Whoever holds the claim alone makes the document; it may stand already, if the last one was killed then."""
        limits = await self._quotas.limits()
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            row = there(await uploads.get_for_update(session, upload_id, owner_id=user_id))
            made = await documents.get(session, upload_id)
            if row.state == UploadState.REFUSED:
                raise refused(row)
            if made is not None:
                return row, made
            check_unclaimed(row)
            placement = await permission.place(session, user_id, class_id=row.class_id, shared=row.is_shared)
            await quotas.check(session, placement.tenant, limits, size_bytes=row.size_bytes)
            row.completing_until = now() + _CLAIM
        return row, None

    async def _make(self, upload: Upload) -> Document:
        incoming = Incoming(
            file_name=upload.file_name,
            content=self._content(upload),
            class_id=upload.class_id,
            shared=upload.is_shared,
            allow_duplicate=upload.allow_duplicate,
            sha256=upload.sha256,
            document_id=upload.upload_id,
        )
        try:
            async with asyncio.timeout(_CLAIM.total_seconds() - _MARGIN_SECONDS):
                return await self._plain.upload(upload.owner_id, incoming)
        except TimeoutError as error:
            await self._release(upload)
            raise Unavailable(STORAGE_UNAVAILABLE) from error
        except GrowFitError as refusal:
            if refusal.code not in UPLOAD_REFUSALS:
                await self._release(upload)
            else:
                await self._end(upload, UploadState.REFUSED, refusal=refusal)
            raise
        except BaseException:
            await self._release(upload)
            raise

    async def _content(self, upload: Upload) -> AsyncIterator[bytes]:
        for key in upload.parts:
            try:
                async for piece in self._storage.read(key):
                    yield piece
            except FileNotFoundError as error:
                raise Unavailable(STORAGE_UNAVAILABLE) from error

    async def _release(self, upload: Upload) -> None:
        """Another request may try. What cannot be noted now is so when the claim ends."""
        with suppress(Unavailable):
            async with self._database.transaction(tenant.of_user(upload.owner_id)) as session:
                row = await uploads.get_for_update(session, upload.upload_id, owner_id=upload.owner_id)
                if row is not None:
                    row.completing_until = None

    async def _end(self, upload: Upload, state: UploadState, *, refusal: GrowFitError | None = None) -> None:
        async with self._database.transaction(tenant.of_user(upload.owner_id)) as session:
            row = await uploads.get_for_update(session, upload.upload_id, owner_id=upload.owner_id)
            if row is not None and row.state == UploadState.OPEN:
                row.state, row.completing_until = state.value, None
                if refusal is not None:
                    row.refusal = {"code": refusal.code, "status": refusal.status, "values": _json(refusal.values)}
        await self.discard_parts(upload.upload_id)

    async def discard_parts(self, upload_id: UUID) -> None:
        """Delete the parts now; what cannot be deleted now goes with the row."""
        try:
            await self._storage.purge(folder(upload_id))
        except Unavailable as error:
            log.warning("the parts of upload %s are left to the sweep: %s", upload_id, error)


def folder(upload_id: UUID) -> str:
    return f"uploads/{upload_id}"


def there(upload: Upload | None) -> Upload:
    """Raises NotFound: none, given up or expired. A document that was made of it stays to be asked for."""
    if upload is None or upload.state == UploadState.GIVEN_UP:
        raise NotFound(UPLOAD_NOT_FOUND)
    if upload.state != UploadState.COMPLETED and upload.expires_at <= now():
        raise NotFound(UPLOAD_NOT_FOUND)
    return upload


def check_unclaimed(upload: Upload) -> None:
    """Raises Conflict: some request is making the document."""
    if upload.completing_until is not None and upload.completing_until > now():
        raise Conflict(UPLOAD_COMPLETING, headers={"Retry-After": "2"}, upload_id=upload.upload_id)


def refused(upload: Upload) -> GrowFitError:
    """What the whole file was refused for, once more."""
    refusal = upload.refusal or {}
    kinds = {kind.status: kind for kind in KINDS}
    return kinds[refusal["status"]](UPLOAD_REFUSALS[refusal["code"]], **refusal["values"])


def _json(values: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, UUID) else value for name, value in values.items()}
