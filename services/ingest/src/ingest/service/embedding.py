"""A document's chunks embedded, each content once, and everything paid for told."""

import asyncio
import hashlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import tenant
from chassis.database import Database
from chassis.ids import new_id
from chassis.tenant import Context
from contracts.usage import Outcome
from ingest.crud import chunks, documents, queue
from ingest.errors import NotEmbedded
from ingest.models import GONE, Chunk, Document
from ingest.ports import Embedded, Embedder
from ingest.service import billing
from ingest.service.claims import Claim, LostClaim
from ingest.service.pieces import CountTokens
from ingest.service.recipes import RecipeBook
from ingest.service.uploads import tenant_of
from retrieval.configured import BatchShape
from retrieval.terms import TermAnalyser
from retrieval.token_estimate import estimate_tokens

# Keys looked up in one query.
_LOOKED_UP = 1_000


@dataclass(frozen=True)
class _Work(ABC):
    """One revision that one model shall see whole."""

    document: Document
    revision: int
    model: str

    @property
    def context(self) -> Context:
        return tenant.of_tenant(tenant_of(self.document))

    @abstractmethod
    def check(self) -> None:
        """Raises LostClaim."""

    @abstractmethod
    async def note(self, session: AsyncSession, added: int) -> bool:
        """Note that so many chunks are kept, in their transaction. False: they must not be."""


@dataclass(frozen=True)
class _Claimed(_Work):
    claim: Claim

    def check(self) -> None:
        self.claim.check()

    async def note(self, session: AsyncSession, added: int) -> bool:
        # What was waited for has come back.
        came = {"waits_for": None, "waits_since": None, "waits_until": None}
        embedded = Document.chunks_embedded + added
        claim = self.claim
        return await queue.update_claimed(session, claim.document_id, claim.claim_id, chunks_embedded=embedded, **came)


@dataclass(frozen=True)
class _Shown(_Work):
    """For another index than the primary one, whose model has not seen the document yet."""

    def check(self) -> None:
        pass

    async def note(self, session: AsyncSession, added: int) -> bool:  # noqa: ARG002  it shows no progress
        document = await documents.get_for_update(session, self.document.document_id)
        return document is not None and document.state not in GONE and document.live_revision == self.revision


class EmbeddingService:
    """`embedders`: by model."""

    def __init__(
        self, database: Database, embedders: Mapping[str, Embedder], analyser: TermAnalyser, *, book: RecipeBook
    ) -> None:
        self._database = database
        self._embedders = embedders
        self._analyser = analyser
        self._book = book
        self._shown = WeakValueDictionary[tuple[UUID, str], asyncio.Lock]()

    def counter_of(self, model: str) -> CountTokens:
        return self._embedders[model].count_tokens

    async def embed(self, claim: Claim) -> None:
        """Every chunk has its embedding and its terms afterwards; what is there already is not paid for again.

        Raises:
            LostClaim, NotEmbedded, Unavailable: what is embedded until then is kept.
        """
        await self._embed(_Claimed(claim.document, claim.document.revision, claim.recipe.model, claim))

    async def embed_shown(self, document_id: UUID, model: str) -> None:
        """The same for what search finds of a document, as another model sees it; nothing for one that is gone.

        Several indexes may want the same at once: in one process the second one waits for the first.

        Raises:
            NotEmbedded, Unavailable: what is embedded until then is kept.
        """
        async with self._shown.setdefault((document_id, model), asyncio.Lock()):
            await self._embed_shown(document_id, model)

    async def _embed_shown(self, document_id: UUID, model: str) -> None:
        async with self._database.transaction(tenant.PLATFORM) as session:
            document = await documents.get(session, document_id)
            if document is None or document.state in GONE or document.live_revision is None:
                return
            if not await chunks.lacks_embeddings(session, document_id, document.live_revision, model=model):
                return
        try:
            await self._embed(_Shown(document, document.live_revision, model))
        except LostClaim:
            # It has changed meanwhile, and whoever asked looks again.
            return

    async def _embed(self, work: _Work) -> None:
        document_id = work.document.document_id
        async with self._database.transaction(work.context) as session:
            rows = await chunks.list_for_revision(session, document_id, work.revision)
            held = await chunks.list_embeddings(session, document_id, work.revision, model=work.model)
        first, repeats = _apart([row for row in rows if row.ordinal not in held], work.document)
        for part in (first, repeats):
            await self._embed_all(work, part)

    async def _embed_all(self, work: _Work, rows: list[Chunk]) -> None:
        known = await self._known(work, rows)
        shape = self._embedders[work.model].shape
        waiting = deque(_batches(rows, shape))

        async def lane() -> None:
            while waiting:
                try:
                    work.check()
                    await self._embed_batch(work, waiting.popleft(), known)
                except BaseException:
                    # The other lanes keep what they are at, which is paid for, and begin nothing more.
                    waiting.clear()
                    raise

        ended = await asyncio.gather(*(lane() for _ in range(shape.calls_at_once)), return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error

    async def _known(self, work: _Work, rows: list[Chunk]) -> dict[bytes, bytes]:
        """Embeddings that the same tenant's chunks of the same text have already."""
        keys = sorted({content_key(work.document, row.said) for row in rows})
        known: dict[bytes, bytes] = {}
        for at in range(0, len(keys), _LOOKED_UP):
            async with self._database.transaction(work.context) as session:
                known |= await chunks.list_known(session, keys[at : at + _LOOKED_UP], model=work.model)
        return known

    async def _embed_batch(self, work: _Work, batch: list[Chunk], known: Mapping[bytes, bytes]) -> None:
        keys = [content_key(work.document, row.said) for row in batch]
        new = [row for row, key in zip(batch, keys, strict=True) if key not in known]
        # The terms need a processor, not the provider: both run at the same time.
        terms = asyncio.create_task(self._terms([row for row in batch if row.terms is None]))
        try:
            embedded = await self._paid(work, [row.said for row in new]) if new else None
            analysed = await terms
        finally:
            terms.cancel()
        spent = _spent(embedded, new)
        values = [
            {
                "document_id": row.document_id,
                "revision": row.revision,
                "ordinal": row.ordinal,
                "model": work.model,
                "content_key": key,
                "embedding": spent[row.ordinal][0] if row.ordinal in spent else known[key],
                "tokens": spent[row.ordinal][1] if row.ordinal in spent else 0,
            }
            for row, key in zip(batch, keys, strict=True)
        ]
        try:
            await self._keep(work, values, analysed)
        except LostClaim:
            if embedded is not None:
                await self._tell(work, new_id(), embedded.tokens, outcome=Outcome.CANCELLED)
            raise

    async def _terms(self, rows: list[Chunk]) -> list[tuple[int, list[str]]]:
        found = await asyncio.to_thread(self._analyser.terms_many, [row.said for row in rows])
        return [(row.ordinal, own) for row, own in zip(rows, found, strict=True)]

    async def _paid(self, work: _Work, texts: list[str]) -> Embedded:
        try:
            return await self._embedders[work.model].embed(texts)
        except NotEmbedded as failure:
            await self._tell(work, new_id(), failure.tokens, outcome=Outcome.FAILED)
            raise

    async def _tell(self, work: _Work, usage_id: UUID, tokens: int, *, outcome: Outcome) -> None:
        """A call that was billed and brought nothing that is kept; every such call is one of its own."""
        if not tokens:
            return
        async with self._database.transaction(work.context) as session:
            await billing.record_call(
                session, work.document, self._book, usage_id, model=work.model, tokens=tokens, outcome=outcome
            )

    async def _keep(self, work: _Work, values: list[dict[str, Any]], terms: Sequence[tuple[int, list[str]]]) -> None:
        async with self._database.transaction(work.context) as session:
            if not await work.note(session, len(values)):
                raise LostClaim
            await chunks.add_embeddings(session, values)
            await chunks.update_terms(session, work.document.document_id, work.revision, terms)
            tokens = sum(each["tokens"] for each in values)
            if isinstance(work, _Shown) and tokens:
                # Nobody else sums these up: the document was ready long ago. It was paid also where another process
                # has kept the same chunks meanwhile.
                await billing.record_call(
                    session,
                    work.document,
                    self._book,
                    new_id(),
                    model=work.model,
                    tokens=tokens,
                    outcome=Outcome.COMPLETED,
                )


def content_key(document: Document, text: str) -> bytes:
    """The same for the same text of one tenant. Of another tenant's, nobody shall learn that the text exists."""
    holder = document.org_id or document.owner_id
    return hashlib.sha256(holder.bytes + text.encode()).digest()


def _batches(rows: Sequence[Chunk], shape: BatchShape) -> Iterator[list[Chunk]]:
    """As full as a call may be; a text that is too much alone goes alone."""
    batch, tokens = list[Chunk](), 0
    for row in rows:
        own = estimate_tokens(row.said)
        if batch and (len(batch) == shape.texts or tokens + own > shape.tokens):
            yield batch
            batch, tokens = [], 0
        batch.append(row)
        tokens += own
    if batch:
        yield batch


def _apart(rows: list[Chunk], document: Document) -> tuple[list[Chunk], list[Chunk]]:
    """Chunks whose text comes for the first time, and those that repeat it."""
    first: dict[bytes, Chunk] = {}
    repeats = [row for row in rows if first.setdefault(content_key(document, row.said), row) is not row]
    return list(first.values()), repeats


def _spent(embedded: Embedded | None, rows: list[Chunk]) -> dict[int, tuple[bytes, int]]:
    """By ordinal: the embedding, and what it cost; a batch's billed tokens are divided by length, their sum exact."""
    if embedded is None:
        return {}
    weights = [len(row.said) for row in rows]
    shares = [embedded.tokens * weight // sum(weights) for weight in weights]
    shares[-1] += embedded.tokens - sum(shares)
    packed = embedded.vectors.astype("<f4")
    return {row.ordinal: (vector.tobytes(), share) for row, vector, share in zip(rows, packed, shares, strict=True)}
