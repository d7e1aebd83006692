"""From an uploaded file to a searchable document. Every step may be repeated; the last one happens once.

Chunk ids and their order follow from the text, and what is cut and embedded is kept, so a run that takes over from a
dead one goes on where that one ended.
"""

import asyncio
import logging
from contextlib import aclosing
from datetime import timedelta
from typing import Any
from uuid import UUID

from chassis import outbox
from chassis.clock import now
from chassis.database import Database
from chassis.errors import Unavailable
from chassis.ids import named_id
from contracts.ingest import ChunksEmbedded
from contracts.usage import Outcome
from ingest.crud import chunks, documents, indexes, pending_objects, queue
from ingest.errors import PROCESSING_FAILED, REASONS, REJECTING, NotEmbedded, Unreadable
from ingest.models import State
from ingest.ports import PageText, Parser, Storage
from ingest.service import billing, discarding, endings
from ingest.service.chunking import chunk
from ingest.service.claims import LEASE, Claim, ClaimService, LostClaim, settle
from ingest.service.embedding import EmbeddingService
from ingest.service.recipes import RecipeBook
from ingest.service.syncing import SyncService
from ingest.service.uploads import tenant_of
from retrieval.models import get_model

log = logging.getLogger(__name__)

_PROGRESS_SECONDS = 0.5


class ProcessingService:
    def __init__(
        self,
        database: Database,
        claims: ClaimService,
        storage: Storage,
        parser: Parser,
        embedding: EmbeddingService,
        syncs: SyncService,
        *,
        book: RecipeBook,
    ) -> None:
        self._database = database
        self._claims = claims
        self._storage = storage
        self._parser = parser
        self._embedding = embedding
        self._syncs = syncs
        self._book = book

    async def process_next(self, *, small_alone: bool = False) -> bool:
        """Take up the document whose turn it is, and work on it until its end, or until something is away.

        False: nothing waits. Raises Unavailable: the database.
        """
        claim = await self._claims.take_next(small_alone=small_alone)
        return claim is not None and await self._work(claim)

    async def process(self, document_id: UUID) -> bool:
        """The same with this document. False: it is not waiting, or somebody has it."""
        claim = await self._claims.take(document_id)
        return claim is not None and await self._work(claim)

    async def _work(self, claim: Claim) -> bool:
        if claim.is_exhausted:
            await self._end(claim, Unreadable(PROCESSING_FAILED))
            return True
        try:
            async with self._claims.held(claim):
                await self._run(claim)
        except LostClaim:
            await self._claims.uncount(claim)
        except Unreadable as refusal:
            await self._end(claim, refusal)
        except Unavailable as error:
            log.warning("%s waits: %s", claim.document_id, error)
            await self._put_off(claim, error)
        except asyncio.CancelledError:
            await self._claims.release(claim, counts=False)
            raise
        except Exception:
            log.exception("%s could not be worked on", claim.document_id)
            await self._claims.release(claim, counts=True)
        return True

    async def _put_off(self, claim: Claim, error: Unavailable) -> None:
        """It may be the database itself that is away: asked for as long as the claim is believed."""
        asked_for = error.retry_after if isinstance(error, NotEmbedded) else None
        at_least = timedelta(seconds=max(asked_for or 0.0, 1.0))
        for _ in range(int(LEASE.total_seconds())):
            try:
                may_wait = await self._claims.put_off(claim, waits_for=error.code, at_least=at_least)
            except Unavailable:
                await asyncio.sleep(1)
                continue
            if not may_wait:
                await self._end(claim, Unreadable(REASONS.get(error.code, PROCESSING_FAILED)))
            return

    async def _run(self, claim: Claim) -> None:
        document = claim.document
        if document.live_revision != document.revision:
            if document.recipe != claim.recipe.as_json():
                await self._cut(claim, await claim.while_held(self._read(claim)))
            await self._embedding.embed(claim)
            claim.check()
            await self._publish(claim)
        await self._syncs.sync(claim.document_id)
        await self._finish(claim)

    async def _read(self, claim: Claim) -> list[PageText]:
        document, pages = claim.document, list[PageText]()
        await self._claims.note(claim, state=State.VALIDATING.value)
        try:
            async with self._storage.fetch(document.storage_key) as path:
                told = 0.0
                async with aclosing(self._parser.pages(path, document.media_type)) as read:
                    async for page in read:
                        pages.append(page)
                        if (moment := asyncio.get_running_loop().time()) - told > _PROGRESS_SECONDS:
                            told = moment
                            await self._note_read(claim, page, state=State.PARSING)
        except FileNotFoundError as error:
            raise Unreadable(PROCESSING_FAILED) from error
        await self._note_read(claim, pages[-1], state=State.CHUNKING)
        return pages

    async def _note_read(self, claim: Claim, page: PageText, *, state: State) -> None:
        await self._claims.note(claim, state=state.value, page_count=page.total, pages_read=page.number)

    async def _cut(self, claim: Claim, pages: list[PageText]) -> None:
        recipe = claim.recipe
        counter = self._embedding.counter_of(recipe.model)
        work = chunk(pages, recipe.chunking, model=get_model(recipe.model), count_tokens=counter)
        pieces = await claim.while_held(work)
        document = claim.document
        rows: list[dict[str, Any]] = [
            {
                "document_id": document.document_id,
                "revision": document.revision,
                "ordinal": piece.ordinal,
                "chunk_id": named_id("chunk", document.document_id, document.revision, piece.ordinal),
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
        cut = {"chunk_count": len(rows), "chunks_embedded": 0, "recipe": recipe.as_json(), "tokens_billed": 0}
        async with self._database.transaction(claim.context) as session:
            held = await documents.get_for_update(session, document.document_id)
            if held is None or held.claim_id != claim.claim_id:
                raise LostClaim
            # What an earlier run cut by another recipe goes with its embeddings, which were paid for.
            await billing.record(session, held, self._book, outcome=Outcome.CANCELLED)
            await chunks.delete_revision(session, document.document_id, document.revision)
            await chunks.add_all(session, rows)
            await queue.update_claimed(
                session, document.document_id, claim.claim_id, state=State.EMBEDDING.value, **cut
            )

    async def _publish(self, claim: Claim) -> None:
        """From now on this is what indexes shall show of the document, whoever tells them."""
        async with self._database.transaction(claim.context) as session:
            document = await documents.get_for_update(session, claim.document_id)
            if document is None or document.claim_id != claim.claim_id:
                raise LostClaim
            if document.live_revision is not None:
                document.version += 1
            document.live_revision = document.revision
            document.updated_at = now()
            await indexes.mark_due(session, document.document_id)

    async def _finish(self, claim: Claim) -> None:
        async with self._database.transaction(claim.context) as session:
            document = await documents.get_for_update(session, claim.document_id)
            if document is None or document.claim_id != claim.claim_id:
                raise LostClaim
            await billing.record(session, document, self._book, outcome=Outcome.COMPLETED)
            settle(document, State.READY)
            replaced, document.live, document.refused, unneeded = document.live, None, None, None
            if replaced is not None:
                await chunks.delete_other_revisions(session, document.document_id, kept=document.revision)
                if replaced["storage_key"] != document.storage_key:
                    unneeded = replaced["storage_key"]
                    await pending_objects.discard(session, unneeded, owner_id=document.owner_id)
            event = ChunksEmbedded(
                document_id=document.document_id,
                version=document.version,
                tenant=tenant_of(document),
                title=document.title,
                scopes=document.scopes,
                page_count=document.page_count or 0,
                chunk_count=document.chunk_count or 0,
                index=claim.recipe.index,
                model=claim.recipe.model,
                dimension=claim.recipe.dimension,
                embedded_at=now(),
            )
            await outbox.add(session, event)
        if unneeded is not None:
            await discarding.delete(self._database, self._storage, unneeded)

    async def _end(self, claim: Claim, refusal: Unreadable) -> None:
        state = State.REJECTED if refusal.code in REJECTING else State.FAILED
        async with self._database.transaction(claim.context) as session:
            document = await documents.get_for_update(session, claim.document_id)
            if document is None or document.claim_id != claim.claim_id:
                return
            unneeded = await endings.end(
                session, document, self._book, state=state, reason=refusal.code, values=refusal.values
            )
        if unneeded is not None:
            await discarding.delete(self._database, self._storage, unneeded)
