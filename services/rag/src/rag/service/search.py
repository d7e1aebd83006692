"""Search in everything the caller may see."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from chassis import tenant
from chassis.database import Database
from chassis.ids import new_id
from contracts.tenancy import Tenant
from contracts.usage import Operation, Outcome
from rag.ports import Ranking, Searcher
from rag.service import billing, permission
from retrieval.reranking import Billed
from retrieval.store import Hit


@dataclass(frozen=True)
class EmbeddingModelName:
    """Under which name the embedding of questions is booked; a reranker's calls have a name of the same form."""

    provider: str
    model: str


@dataclass(frozen=True)
class Searched:
    search_id: UUID
    hits: list[Hit]
    ranking: Ranking


class SearchService:
    def __init__(
        self,
        database: Database,
        searcher: Searcher,
        *,
        embedding: EmbeddingModelName,
        reranking: EmbeddingModelName,
    ) -> None:
        self._database = database
        self._searcher = searcher
        self._embedding = embedding
        self._reranking = reranking

    async def search(
        self, user_id: UUID, query: str, *, top_k: int, class_id: UUID | None, document_ids: Sequence[UUID]
    ) -> Searched:
        """The best chunks, best first.

        Raises:
            NotFound: a class or document that is not the caller's to see.
            Unavailable: embedder, index or database.
        """
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            allowed = await permission.searchable(session, user_id, class_id=class_id, document_ids=document_ids)
        search_id = new_id()
        bookings: list[asyncio.Task[None]] = []

        def book(tokens: int) -> None:
            # Booked while the index is searched, so that being exact costs the caller no time.
            if tokens:
                bookings.append(asyncio.create_task(self._book(allowed.tenant, search_id, tokens)))

        def book_rerank(billed: Billed) -> None:
            bookings.append(asyncio.create_task(self._book_rerank(allowed.tenant, search_id, billed)))

        try:
            found = await self._searcher.search(
                query, top_k=top_k, filters=allowed.filters(), on_tokens=book, on_reranked=book_rerank
            )
        finally:
            await asyncio.shield(asyncio.gather(*bookings))
        return Searched(search_id, found.hits, found.ranking)

    async def _book(self, payer: Tenant, search_id: UUID, tokens: int) -> None:
        # Without a context: it reads and writes no tenant's row.
        async with self._database.transaction() as session:
            await billing.record(
                session,
                tenant=payer,
                operation=Operation.EMBEDDING,
                provider=self._embedding.provider,
                model=self._embedding.model,
                input_tokens=tokens,
                reference=f"search/{search_id}",
            )

    async def _book_rerank(self, payer: Tenant, search_id: UUID, billed: Billed) -> None:
        async with self._database.transaction() as session:
            await billing.record(
                session,
                tenant=payer,
                operation=Operation.RERANK,
                provider=self._reranking.provider,
                model=self._reranking.model,
                input_tokens=billed.tokens,
                estimated=billed.estimated,
                outcome=Outcome(billed.outcome),
                reference=f"search/{search_id}",
            )
