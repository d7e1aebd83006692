"""A document's original file, as it was uploaded, for whoever may see the document."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from chassis import audit, tenant
from chassis.auth import Guard, Principal
from chassis.clock import now
from chassis.database import Database
from chassis.errors import NotFound, Unauthenticated
from ingest.errors import LINK_NOT_VALID, ORIGINAL_MISSING
from ingest.ports import Storage
from ingest.service.documents import Document, DocumentService
from ingest.service.links import Link, LinkSigner

_MINUTE_SECONDS = 60


@dataclass(frozen=True)
class Span:
    """Bytes `start` up to and without `end`."""

    start: int
    end: int


@dataclass(frozen=True)
class Original:
    """The file that search finds: while newer content is worked on, the one before."""

    title: str
    media_type: str
    size_bytes: int
    sha256: str
    storage_key: str


def original_of(document: Document) -> Original:
    is_newer = document.live is not None and document.live_revision != document.revision
    names = [each.name for each in fields(Original)]
    kept = document.live if is_newer and document.live else {name: getattr(document, name) for name in names}
    return Original(**{name: kept[name] for name in names})


class DownloadService:
    def __init__(
        self, database: Database, storage: Storage, documents: DocumentService, platform: Guard, signer: LinkSigner
    ) -> None:
        self._database = database
        self._storage = storage
        self._documents = documents
        self._platform = platform
        self._signer = signer
        self._minute, self._told = 0, set[str]()

    async def content(self, original: Original, span: Span) -> AsyncIterator[bytes]:
        """The bytes in pieces. The first one is here when this returns, so that a refusal can still be one.

        Raises:
            NotFound: the storage has no such object.
            Unavailable: the storage. The stream itself may raise both, too.
        """
        pieces = self._storage.read(original.storage_key, start=span.start, end=span.end)
        try:
            first = await anext(pieces, b"")
        except FileNotFoundError as error:
            raise NotFound(ORIGINAL_MISSING) from error

        async def stream() -> AsyncIterator[bytes]:
            yield first
            async for piece in pieces:
                yield piece

        return stream()

    async def make_link(self, caller: Principal, document_id: UUID, *, lasts: timedelta) -> tuple[str, datetime]:
        """The token, and until when it opens the document. Raises NotFound."""
        document = await self._documents.get(caller.user_id, document_id)
        until = (now() + lasts).replace(microsecond=0)
        link = Link(document_id, caller.user_id, caller.session_id, caller.token_epoch, until)
        await self._record(caller, document, "document.link_made", expires_at=until.isoformat())
        return self._signer.sign(link), until

    async def by_link(self, token: str) -> Document:
        """The document that the link opens.

        Raises:
            NotFound: it opens none: expired, not ours, or whoever made it is signed out, locked out, or sees the
                document no more.
        """
        link = self._signer.open(token)
        try:
            await self._platform.check(link.principal)
            document = await self._documents.get(link.user_id, link.document_id)
        except (Unauthenticated, NotFound) as error:
            raise NotFound(LINK_NOT_VALID) from error
        if self._is_news(token):
            await self._record(link.principal, document, "document.link_used")
        return document

    def _is_news(self, token: str) -> bool:
        """A link is told of once a minute and process: a viewer asks for many ranges."""
        minute = int(time.time()) // _MINUTE_SECONDS
        if minute != self._minute:
            self._minute, self._told = minute, set()
        is_news = token not in self._told
        self._told.add(token)
        return is_news

    async def _record(self, actor: Principal, document: Document, action: str, **detail: Any) -> None:
        async with self._database.transaction(tenant.of_user(actor.user_id)) as session:
            await audit.record(
                session,
                action,
                actor=actor,
                target=f"document/{document.document_id}",
                org_id=document.org_id,
                partner_id=document.partner_id,
                class_id=document.class_id,
                **detail,
            )
