"""Search in everything the caller may see."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from chassis import tenant
from chassis.database import Database
from chassis.ids import new_id
from contracts.usage import Operation, Outcome
from rag.errors import as_service_error
from rag.service import billing, permission
from rag.service.asking import Asking
from rag.service.billing import EmbeddingUse
from rag.service.ranking import Ranker, RerankUse
from rag.service.readers import Found
from rag.service.reads import Reads
from retrieval import retriever
from retrieval.errors import RetrievalError
from retrieval.store import Hit


@dataclass(frozen=True)
class Ranking:
    """How hits came into their order. `rerank_scores`: by hit id; `rerank_error`: why the reranker did not order."""

    backend: str
    index: str
    model: str
    lexical_weight: float
    terms: Sequence[str]
    rerank_model: str | None
    rerank_scores: Mapping[str, float]
    rerank_error: str | None


@dataclass(frozen=True)
class Searched:
    search_id: UUID
    hits: list[Hit]
    ranking: Ranking


class SearchService:
    def __init__(self, database: Database, reads: Reads, ranker: Ranker) -> None:
        self._database = database
        self._reads = reads
        self._ranker = ranker

    async def search(
        self,
        user_id: UUID,
        query: str,
        *,
        top_k: int,
        class_id: UUID | None,
        document_ids: Sequence[UUID],
        project_id: UUID | None = None,
        agent_id: UUID | None = None,
    ) -> Searched:
        """The best chunks, best first.

        Raises:
            NotFound: a class, project, agent or document that is not the caller's to see.
            Invalid: more than one place to search in, or to pay for it.
            Unavailable: embedder, index or database.
        """
        rule = await self._reads.rule()
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            places = {"class_id": class_id, "project_id": project_id, "agent_id": agent_id}
            allowed = await permission.searchable(session, user_id, document_ids=document_ids, **places)
            reading = await permission.reading(session, user_id, rule)
        search_id = new_id()
        asking = Asking(allowed, reading, f"search/{search_id}")
        bookings: list[asyncio.Task[None]] = []

        def book(use: EmbeddingUse) -> None:
            # Booked while the index is searched, so that being exact costs the caller no time.
            if use.tokens:
                bookings.append(asyncio.create_task(self._book(asking, use)))

        def book_rerank(use: RerankUse) -> None:
            bookings.append(asyncio.create_task(self._book_rerank(asking, use)))

        wanted = self._ranker.candidates(top_k)
        try:
            found = await self._reads.find(query, asking=asking, top_k=wanted, on_embedded=book)
            best = await self._ranker.best(query, found.hits, top_k=top_k, on_reranked=book_rerank)
        except RetrievalError as error:
            raise as_service_error(error) from error
        finally:
            await asyncio.shield(asyncio.gather(*bookings))
        return Searched(search_id, best.hits, self._ranking(found, best))

    def _ranking(self, found: Found, best: retriever.Found) -> Ranking:
        return Ranking(
            backend=found.index.backend,
            index=found.index.index,
            model=found.index.model,
            lexical_weight=found.model.lexical_weight,
            terms=found.terms,
            rerank_model=self._ranker.model,
            rerank_scores=best.rerank_scores,
            rerank_error=best.rerank_error,
        )

    async def _book(self, asking: Asking, use: EmbeddingUse) -> None:
        # Without a context: it reads and writes no tenant's row.
        async with self._database.transaction() as session:
            await billing.record(
                session,
                tenant=asking.allowed.tenant,
                operation=Operation.EMBEDDING,
                provider=use.provider,
                model=use.model,
                input_tokens=use.tokens,
                reference=asking.reference,
            )

    async def _book_rerank(self, asking: Asking, use: RerankUse) -> None:
        async with self._database.transaction() as session:
            await billing.record(
                session,
                tenant=asking.allowed.tenant,
                operation=Operation.RERANK,
                provider=use.provider,
                model=use.model,
                input_tokens=use.tokens,
                estimated=use.estimated,
                outcome=Outcome(use.outcome),
                reference=asking.reference,
            )
