"""From an uploaded file to a searchable document. Every step may be repeated; the last one happens once.

A worker claims the document first and names its claim in every write. Chunk ids and their order follow from the
text, and what is embedded is kept, so a run that takes over from a dead one goes on where that one ended.
"""

import asyncio
import logging
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import numpy as np

from chassis import outbox, tenant
from chassis.clock import now
from chassis.database import Database
from chassis.delivery import AlreadyHandled, Delivery
from chassis.errors import NotFound, Unavailable
from chassis.ids import named_id
from chassis.tenant import Context
from contracts.ingest import ChunksEmbedded, DocumentFailed, DocumentUploaded
from contracts.usage import Outcome
from ingest.crud import chunks, document_classes, documents
from ingest.errors import DOCUMENT_NOT_FOUND, INDEX_UNAVAILABLE, PROCESSING_FAILED, REJECTING, NotEmbedded, Unreadable
from ingest.models import GONE, WORKING, Chunk, Document, State
from ingest.ports import Embedded, Embedder, PageText, Parser, Storage
from ingest.service import billing
from ingest.service.chunking import Chunking, chunk
from ingest.service.indexing import index_errors
from ingest.service.permission import scopes_of
from ingest.service.sharing import SharingService
from ingest.service.uploads import tenant_of
from retrieval.chunks import Item
from retrieval.models import get_model
from retrieval.store import VectorStoreAdapter
from retrieval.terms import TermAnalyser

log = logging.getLogger(__name__)

MAX_CLAIMS = 5
BATCH = 16
BATCHES_AT_ONCE = 3


class LostClaim(Exception):
    """Another worker has the document now, or it is deleted: nothing more may be written for this claim."""


@dataclass(frozen=True)
class Claim:
    """`scopes`: whom the upload gave it to. It enters the index for these alone; others may have left until then."""

    claim_id: UUID
    document: Document
    scopes: list[str]

    @property
    def context(self) -> Context:
        return tenant.of_tenant(tenant_of(self.document))

    @property
    def document_id(self) -> UUID:
        return self.document.document_id


@dataclass(frozen=True)
class Recipe:
    """How documents are chunked and embedded here; `index` names where the vectors go."""

    index: str
    model: str
    provider: str
    dimension: int
    chunking: Chunking


class ProcessingService:
    def __init__(
        self,
        database: Database,
        storage: Storage,
        parser: Parser,
        embedder: Embedder,
        index: VectorStoreAdapter,
        analyser: TermAnalyser,
        sharing: SharingService,
        *,
        recipe: Recipe,
    ) -> None:
        self._database = database
        self._storage = storage
        self._parser = parser
        self._embedder = embedder
        self._index = index
        self._analyser = analyser
        self._sharing = sharing
        self._recipe = recipe

    async def process(self, event: DocumentUploaded, *, once: Delivery) -> None:
        """Bring the document to `ready`, `rejected` or `failed`.

        Raises:
            AlreadyHandled: this delivery's effect stands.
            NotFound: there is no such document, or the event says that it is somebody else's.
            Unavailable: storage, embedder, index or database; the message comes again later.
        """
        claim = await self._claim(event, again=once.redriven)
        if claim is None:
            # An earlier run of this message may have been killed after it wrote vectors of a deleted document.
            await self._clean_up_if_gone(event)
            async with self._database.transaction(once=once):
                return
        try:
            await self._run(claim, once)
        except LostClaim:
            await self._uncount(claim)
            await self._clean_up_if_gone(event)
        except AlreadyHandled:
            # Another worker finished this delivery meanwhile, and the owner may have deleted the document since.
            await self._clean_up_if_gone(event)
            raise
        except Unreadable as refusal:
            await self._end(claim, refusal, once=once)
        except Unavailable:
            await self._release(claim)
            raise
        else:
            await self._settle(claim)

    async def give_up(self, event: DocumentUploaded) -> None:
        """The message door has no tries left: the document fails, visibly. A forged event fails nobody's."""
        with suppress(NotFound):
            claim = await self._claim(event)
            if claim is not None:
                await self._end(claim, Unreadable(PROCESSING_FAILED), once=None)

    async def _claim(self, event: DocumentUploaded, *, again: bool = False) -> Claim | None:
        """`again`: a failed document may be taken up too, with all its tries."""
        claim_id = uuid4()
        async with self._database.transaction(tenant.of_tenant(event.tenant)) as session:
            document = await documents.get_for_update(session, event.document_id)
            # Row and announcement were written together, so one without the other, or of another tenant, is forged.
            if document is None or tenant_of(document) != event.tenant:
                raise NotFound(DOCUMENT_NOT_FOUND)
            if again and document.state == State.FAILED:
                document.state, document.reason, document.attempts = State.UPLOADED.value, None, 0
            if document.state not in WORKING:
                return None
            held = await document_classes.list_for_document(session, document.document_id)
            document.claim_id = claim_id
            document.attempts += 1
            document.state = State.VALIDATING.value
            document.updated_at = now()
        given = scopes_of(document.owner_id, [each.class_id for each in held if each.by_upload])
        claim = Claim(claim_id, document, given)
        if document.attempts > MAX_CLAIMS:
            # Nobody released the earlier claims: the file ended their workers.
            await self._end(claim, Unreadable(PROCESSING_FAILED), once=None)
            return None
        return claim

    async def _run(self, claim: Claim, once: Delivery) -> None:
        pages = await self._read(claim)
        await self._cut(claim, pages)
        embedded = await self._embed(claim)
        async with index_errors():
            await self._index.upsert_embeddings(embedded)
        await self._finish(claim, once)

    async def _read(self, claim: Claim) -> list[PageText]:
        await self._note(claim, state=State.PARSING.value)
        document = claim.document
        try:
            async with self._storage.fetch(document.storage_key) as path:
                pages = [page async for page in self._parser.pages(path, document.media_type)]
        except FileNotFoundError as error:
            raise Unreadable(PROCESSING_FAILED) from error
        await self._note(claim, state=State.CHUNKING.value, page_count=pages[-1].total)
        return pages

    async def _cut(self, claim: Claim, pages: list[PageText]) -> None:
        pieces = await chunk(
            pages,
            self._recipe.chunking,
            model=get_model(self._recipe.model),
            count_tokens=self._embedder.count_tokens,
        )
        document = claim.document
        rows: list[dict[str, Any]] = [
            {
                "document_id": document.document_id,
                "ordinal": piece.ordinal,
                "chunk_id": named_id("chunk", document.document_id, document.version, piece.ordinal),
                "page_from": piece.page,
                "page_to": piece.page,
                "char_start": piece.char_start,
                "char_end": piece.char_end,
                "text": piece.text,
                "headings": piece.headings,
                "context": piece.context,
            }
            for piece in pieces
        ]
        async with self._database.transaction(claim.context) as session:
            if not await documents.update_claimed(
                session, document.document_id, claim.claim_id, state=State.EMBEDDING.value, chunk_count=len(rows)
            ):
                raise LostClaim
            await chunks.add_all(session, rows)

    async def _embed(self, claim: Claim) -> list[Item]:
        async with self._database.transaction(claim.context) as session:
            rows = await chunks.list_for_document(session, claim.document_id)
        items: list[Item] = []
        waiting = deque(rows[at : at + BATCH] for at in range(0, len(rows), BATCH))

        async def lane() -> None:
            while waiting:
                try:
                    items.extend(await self._embed_batch(claim, waiting.popleft()))
                except Exception:
                    # The other lanes keep what they are at, which is paid for, and begin nothing more.
                    waiting.clear()
                    raise

        ended = await asyncio.gather(*(lane() for _ in range(BATCHES_AT_ONCE)), return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error
        return items

    async def _embed_batch(self, claim: Claim, batch: list[Chunk]) -> list[Item]:
        texts = [row.said for row in batch]
        missing = [row for row in batch if row.embedding is None]
        # The terms need a processor, not the provider: both run at the same time.
        terms = asyncio.create_task(asyncio.to_thread(self._analyser.terms_many, texts))
        try:
            if missing:
                embedded = await self._paid(claim, [row.said for row in missing])
                shares = _shares(embedded.tokens, [len(row.said) for row in missing])
                for row, vector in zip(missing, embedded.vectors, strict=True):
                    row.embedding = vector.astype("<f4").tobytes()
                try:
                    await self._keep(claim, missing, shares)
                except LostClaim:
                    await self._tell_wasted(claim, embedded.tokens, outcome=Outcome.CANCELLED)
                    raise
            analysed = await terms
        finally:
            terms.cancel()
        return [self._item(claim, row, own) for row, own in zip(batch, analysed, strict=True)]

    async def _paid(self, claim: Claim, texts: list[str]) -> Embedded:
        try:
            return await self._embedder.embed(texts)
        except NotEmbedded as failure:
            await self._tell_wasted(claim, failure.tokens, outcome=Outcome.FAILED)
            raise

    async def _tell_wasted(self, claim: Claim, tokens: int, *, outcome: Outcome) -> None:
        if not tokens:
            return
        async with self._database.transaction(claim.context) as session:
            await billing.record_wasted(
                session,
                claim.document,
                tokens=tokens,
                model=self._recipe.model,
                provider=self._recipe.provider,
                outcome=outcome,
            )

    async def _keep(self, claim: Claim, rows: list[Chunk], tokens: list[int]) -> None:
        async with self._database.transaction(claim.context) as session:
            if not await documents.update_claimed(
                session,
                claim.document_id,
                claim.claim_id,
                chunks_embedded=Document.chunks_embedded + len(rows),
            ):
                raise LostClaim
            values = [(row.ordinal, row.embedding or b"", spent) for row, spent in zip(rows, tokens, strict=True)]
            await chunks.update_embeddings(session, claim.document_id, values)

    def _item(self, claim: Claim, row: Chunk, terms: list[str]) -> Item:
        document = claim.document
        metadata = {
            "doc_id": str(document.document_id),
            "version": document.version,
            "ordinal": row.ordinal,
            "scopes": claim.scopes,
            "title": document.title,
            "page_from": row.page_from,
            "page_to": row.page_to,
            "char_start": row.char_start,
            "char_end": row.char_end,
            "text": row.text,
            "terms": terms,
        }
        return str(row.chunk_id), np.frombuffer(row.embedding or b"", dtype="<f4"), metadata

    async def _finish(self, claim: Claim, once: Delivery) -> None:
        async with self._database.transaction(claim.context, once=once) as session:
            document = await documents.get_for_update(session, claim.document_id)
            if document is None or document.claim_id != claim.claim_id:
                raise LostClaim
            document.state = State.READY.value
            document.claim_id = None
            document.updated_at = now()
            document.indexed_version = document.version
            if document.scopes != claim.scopes:
                # Shared meanwhile, of which the index has yet to be told.
                document.version += 1
            event = ChunksEmbedded(
                document_id=document.document_id,
                version=document.version,
                tenant=tenant_of(document),
                title=document.title,
                scopes=document.scopes,
                page_count=document.page_count or 0,
                chunk_count=document.chunk_count or 0,
                index=self._recipe.index,
                model=self._recipe.model,
                dimension=self._recipe.dimension,
                embedded_at=now(),
            )
            await outbox.add(session, event)
            await billing.record(
                session,
                document,
                model=self._recipe.model,
                provider=self._recipe.provider,
                outcome=Outcome.COMPLETED,
            )

    async def _end(self, claim: Claim, refusal: Unreadable, *, once: Delivery | None) -> None:
        async with self._database.transaction(claim.context, once=once) as session:
            document = await documents.get_for_update(session, claim.document_id)
            if document is None or document.claim_id != claim.claim_id:
                return
            rejected = refusal.code in REJECTING
            document.state = (State.REJECTED if rejected else State.FAILED).value
            document.reason = refusal.code
            document.reason_values = refusal.values
            document.claim_id = None
            # The same file may be uploaded again.
            document.dedupe_key = None
            document.updated_at = now()
            event = DocumentFailed(
                document_id=document.document_id,
                version=document.version,
                tenant=tenant_of(document),
                reason=refusal.code,
                failed_at=now(),
            )
            await outbox.add(session, event)
            await billing.record(
                session,
                document,
                model=self._recipe.model,
                provider=self._recipe.provider,
                outcome=Outcome.FAILED,
            )

    async def _release(self, claim: Claim) -> None:
        """A claim that ended in order is no sign of a file that ends workers, so it does not count."""
        try:
            async with self._database.transaction(claim.context) as session:
                await documents.update_claimed(
                    session, claim.document_id, claim.claim_id, claim_id=None, attempts=Document.attempts - 1
                )
        except Unavailable:
            log.warning("the claim on %s could not be released", claim.document_id)

    async def _settle(self, claim: Claim) -> None:
        try:
            await self._sharing.settle(claim.document_id)
        except Unavailable:
            log.warning("%s is ready, and its classes do not find it yet: left to the sweep", claim.document_id)

    async def _uncount(self, claim: Claim) -> None:
        """Likewise a claim that another worker took over: several announcements of one document must not fail it."""
        async with self._database.transaction(claim.context) as session:
            await documents.uncount_claim(session, claim.document_id)

    async def _note(self, claim: Claim, **values: Any) -> None:
        async with self._database.transaction(claim.context) as session:
            if not await documents.update_claimed(session, claim.document_id, claim.claim_id, **values):
                raise LostClaim

    async def _clean_up_if_gone(self, event: DocumentUploaded) -> None:
        """The document was deleted while its vectors were being written: they go as well."""
        async with self._database.transaction(tenant.of_tenant(event.tenant)) as session:
            document = await documents.get_for_update(session, event.document_id)
        if document is None or document.state in GONE:
            try:
                async with index_errors():
                    await self._index.delete_by_doc_id(str(event.document_id))
            except Unavailable:
                log.warning("%s: %s", event.document_id, INDEX_UNAVAILABLE.en)


def _shares(total: int, weights: list[int]) -> list[int]:
    """Divide a batch's billed tokens over its chunks by length, so that the sum stays exact."""
    whole = sum(weights)
    shares = [total * weight // whole for weight in weights]
    shares[-1] += total - sum(shares)
    return shares
