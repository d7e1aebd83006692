"""Search in everything the caller may see."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from chassis import tenant
from chassis.database import Database
from chassis.ids import new_id
from contracts.tenancy import Tenant
from contracts.usage import Operation
from rag.errors import as_service_error
from rag.service import billing, permission
from rag.service.asking import Asking
from rag.service.billing import EmbeddingUse
from rag.service.reads import Reads
from retrieval.errors import RetrievalError
from retrieval.store import Hit


@dataclass(frozen=True)
class Searched:
    search_id: UUID
    hits: list[Hit]


class SearchService:
    def __init__(self, database: Database, reads: Reads) -> None:
        self._database = database
        self._reads = reads

    async def search(
        self, user_id: UUID, query: str, *, top_k: int, class_id: UUID | None, document_ids: Sequence[UUID]
    ) -> Searched:
        """The best chunks, best first.

        Raises:
            NotFound: a class or document that is not the caller's to see.
            Unavailable: embedder, index or database.
        """
        rule = await self._reads.rule()
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            allowed = await permission.searchable(session, user_id, class_id=class_id, document_ids=document_ids)
            reading = await permission.reading(session, user_id, rule)
        search_id = new_id()
        asking = Asking(allowed, reading, f"search/{search_id}")
        bookings: list[asyncio.Task[None]] = []

        def book(use: EmbeddingUse) -> None:
            # Booked while the index is searched, so that being exact costs the caller no time.
            if use.tokens:
                bookings.append(asyncio.create_task(self._book(allowed.tenant, asking.reference, use)))

        try:
            hits = await self._reads.find(query, asking=asking, top_k=top_k, on_embedded=book)
        except RetrievalError as error:
            raise as_service_error(error) from error
        finally:
            await asyncio.shield(asyncio.gather(*bookings))
        return Searched(search_id, hits)

    async def _book(self, payer: Tenant, reference: str, use: EmbeddingUse) -> None:
        # Without a context: it reads and writes no tenant's row.
        async with self._database.transaction() as session:
            await billing.record(
                session,
                tenant=payer,
                operation=Operation.EMBEDDING,
                provider=use.provider,
                model=use.model,
                input_tokens=use.tokens,
                reference=reference,
            )
