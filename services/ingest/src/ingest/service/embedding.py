"""A document's chunks embedded, each content once, and everything paid for told."""

import asyncio
import hashlib
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from chassis.database import Database
from contracts.usage import Outcome
from ingest.crud import chunks, queue
from ingest.errors import NotEmbedded
from ingest.models import Chunk, Document
from ingest.ports import Embedded, Embedder
from ingest.service import billing
from ingest.service.claims import Claim, LostClaim
from ingest.service.recipes import Recipe
from retrieval.terms import TermAnalyser

BATCH = 16
BATCHES_AT_ONCE = 3
# Keys looked up in one query.
_LOOKED_UP = 1_000


class EmbeddingService:
    def __init__(self, database: Database, embedder: Embedder, analyser: TermAnalyser, *, recipe: Recipe) -> None:
        self._database = database
        self._embedder = embedder
        self._analyser = analyser
        self._recipe = recipe

    async def embed(self, claim: Claim) -> None:
        """Every chunk has its embedding and its terms afterwards; what is there already is not paid for again.

        Raises:
            LostClaim, NotEmbedded, Unavailable: what is embedded until then is kept.
        """
        document = claim.document
        async with self._database.transaction(claim.context) as session:
            rows = await chunks.list_for_revision(session, document.document_id, document.revision)
            held = await chunks.list_embeddings(
                session, document.document_id, document.revision, model=self._recipe.model
            )
        open_ = [row for row in rows if row.ordinal not in held]
        first, repeats = _apart(open_, document)
        for part in (first, repeats):
            await self._embed_all(claim, part)

    async def _embed_all(self, claim: Claim, rows: list[Chunk]) -> None:
        known = await self._known(claim, rows)
        waiting = deque(rows[at : at + BATCH] for at in range(0, len(rows), BATCH))

        async def lane() -> None:
            while waiting:
                try:
                    claim.check()
                    await self._embed_batch(claim, waiting.popleft(), known)
                except BaseException:
                    # The other lanes keep what they are at, which is paid for, and begin nothing more.
                    waiting.clear()
                    raise

        ended = await asyncio.gather(*(lane() for _ in range(BATCHES_AT_ONCE)), return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error

    async def _known(self, claim: Claim, rows: list[Chunk]) -> dict[bytes, bytes]:
        """Embeddings that the same tenant's chunks of the same text have already."""
        keys = sorted({content_key(claim.document, row.text) for row in rows})
        known: dict[bytes, bytes] = {}
        for at in range(0, len(keys), _LOOKED_UP):
            async with self._database.transaction(claim.context) as session:
                known |= await chunks.list_known(session, keys[at : at + _LOOKED_UP], model=self._recipe.model)
        return known

    async def _embed_batch(self, claim: Claim, batch: list[Chunk], known: Mapping[bytes, bytes]) -> None:
        keys = [content_key(claim.document, row.text) for row in batch]
        new = [row for row, key in zip(batch, keys, strict=True) if key not in known]
        # The terms need a processor, not the provider: both run at the same time.
        terms = asyncio.create_task(asyncio.to_thread(self._analyser.terms_many, [row.text for row in batch]))
        try:
            embedded = await self._paid(claim, [row.text for row in new]) if new else None
            analysed = await terms
        finally:
            terms.cancel()
        vectors = {row.ordinal: known[key] for row, key in zip(batch, keys, strict=True) if key in known}
        tokens = dict.fromkeys(vectors, 0)
        if embedded is not None:
            shares = _shares(embedded.tokens, [len(row.text) for row in new])
            tokens |= {row.ordinal: share for row, share in zip(new, shares, strict=True)}
            packed = embedded.vectors.astype("<f4")
            vectors |= {row.ordinal: vector.tobytes() for row, vector in zip(new, packed, strict=True)}
        values = [
            self._row(row, content_key=key, embedding=vectors[row.ordinal], tokens=tokens[row.ordinal])
            for row, key in zip(batch, keys, strict=True)
        ]
        try:
            await self._keep(claim, batch, values, analysed)
        except LostClaim:
            if embedded is not None:
                await self._tell_wasted(claim, embedded.tokens, outcome=Outcome.CANCELLED)
            raise

    def _row(self, row: Chunk, **values: Any) -> dict[str, Any]:
        place = {"document_id": row.document_id, "revision": row.revision, "ordinal": row.ordinal}
        return {**place, "model": self._recipe.model, **values}

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
            await billing.record_wasted(session, claim.document, self._recipe, tokens=tokens, outcome=outcome)

    async def _keep(
        self, claim: Claim, rows: list[Chunk], values: list[dict[str, Any]], terms: Sequence[list[str]]
    ) -> None:
        async with self._database.transaction(claim.context) as session:
            added = Document.chunks_embedded + len(rows)
            # What was waited for has come back.
            came = {"waits_for": None, "waits_since": None, "waits_until": None}
            if not await queue.update_claimed(
                session, claim.document_id, claim.claim_id, chunks_embedded=added, **came
            ):
                raise LostClaim
            await chunks.add_embeddings(session, values)
            found = [(row.ordinal, own) for row, own in zip(rows, terms, strict=True)]
            await chunks.update_terms(session, claim.document_id, claim.document.revision, found)


def content_key(document: Document, text: str) -> bytes:
    """The same for the same text of one tenant. Of another tenant's, nobody shall learn that the text exists."""
    holder = document.org_id or document.owner_id
    return hashlib.sha256(holder.bytes + text.encode()).digest()


def _apart(rows: list[Chunk], document: Document) -> tuple[list[Chunk], list[Chunk]]:
    """Chunks whose text comes for the first time, and those that repeat it."""
    first: dict[bytes, Chunk] = {}
    repeats = [row for row in rows if first.setdefault(content_key(document, row.text), row) is not row]
    return list(first.values()), repeats


def _shares(total: int, weights: list[int]) -> list[int]:
    """Divide a batch's billed tokens over its chunks by length, so that the sum stays exact."""
    whole = sum(weights)
    shares = [total * weight // whole for weight in weights]
    shares[-1] += total - sum(shares)
    return shares
