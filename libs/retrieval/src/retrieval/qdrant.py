"""The vector store in Qdrant: a collection per index (name, model, dimension) behind an alias."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Self

from qdrant_client import models

from retrieval import qdrant_index, qdrant_write
from retrieval.checksums import Checksum, checksum
from retrieval.chunks import Item, Vector, parse_id, parse_items, parse_scopes, parse_version, unit_vector
from retrieval.filters import parse_filters, parse_search_filters
from retrieval.lexical import query_ids
from retrieval.models import EmbeddingModel
from retrieval.qdrant_connection import Client, QdrantConnection
from retrieval.qdrant_filters import conditions
from retrieval.qdrant_index import DENSE
from retrieval.qdrant_points import METADATA, read_document, row
from retrieval.qdrant_search import Search, live, search
from retrieval.queries import checked_top_k, terms_of_query
from retrieval.store import Hit
from retrieval.terms import TermAnalyser


class QdrantAdapter:
    """`exact_below`: scopes of up to so many chunks are scanned whole. `quantised`: the vectors that are searched are
    kept in 8 bits as well, a quarter of the memory; scores are still those of the whole ones. `timeout`: seconds.
    """

    def __init__(
        self,
        url: str,
        *,
        model: EmbeddingModel,
        analyser: TermAnalyser,
        api_key: str = "",
        collection: str = "growfit_docs",
        timeout: int = 15,
        exact_below: int = 5_000,
        quantised: bool = False,
    ) -> None:
        self._connection = QdrantConnection(url, api_key=api_key, timeout=timeout)
        self._index = qdrant_index.make_index(
            collection=collection, model=model, analyser=analyser.name, quantised=quantised
        )
        self._analyser = analyser
        self._exact_below = exact_below
        self._checked = False

    @property
    def model(self) -> EmbeddingModel:
        return self._index.model

    @property
    def analyser(self) -> TermAnalyser:
        return self._analyser

    async def open(self) -> None:
        self._connection.open()

    async def close(self) -> None:
        await self._connection.close()

    async def ping(self) -> None:
        await self._connection.run(lambda client: client.get_collections())

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def ensure_index(self) -> None:
        await self._connection.run(lambda client: qdrant_index.ensure(client, self._index))

    async def drop_index(self) -> None:
        await self._connection.run(lambda client: qdrant_index.drop(client, self._index))
        self._checked = False

    async def upsert_embeddings(self, items: Sequence[Item]) -> int:
        chunks = await asyncio.to_thread(parse_items, items, model=self.model, analyser=self.analyser)
        if not chunks:
            return 0
        documents = {chunk.doc_id for chunk in chunks}
        return await self._write(documents, lambda client: qdrant_write.replace(client, self._index, chunks))

    async def query(
        self,
        vector: Vector,
        top_k: int,
        filters: Mapping[str, Any] | None = None,
        text: str | list[str] | None = None,
        *,
        exact: bool = False,
    ) -> list[Hit]:
        where = conditions(parse_search_filters(filters))
        unit, limit = unit_vector(vector, dimension=self.model.dimension), checked_top_k(top_k)
        terms = query_ids(await terms_of_query(text, analyser=self.analyser))
        if where is None:
            return []
        wanted = Search(unit, terms, live(where), limit, exact_below=None if exact else self._exact_below)
        return await self._run(lambda client: search(client, self._index, wanted))

    async def update_scopes(self, doc_id: str, scopes: Collection[str], *, version: int) -> int:
        key = parse_id(doc_id, name="doc_id")
        labels, number = parse_scopes(key, scopes, version)
        return await self._write(
            {key}, lambda client: qdrant_write.update_scopes(client, self._index, key, labels, number)
        )

    async def delete_by_doc_id(self, doc_id: str, *, version: int | None = None) -> int:
        key = parse_id(doc_id, name="doc_id")
        number = None if version is None else parse_version(key, version)
        return await self._write({key}, lambda client: qdrant_write.delete(client, self._index, key, number))

    async def purge_tombstones(self, *, older_than_seconds: float) -> int:
        return await self._run(lambda client: qdrant_write.purge_tombstones(client, self._index, older_than_seconds))

    async def tombstone(self, doc_id: str) -> int | None:
        key = parse_id(doc_id, name="doc_id")
        return await self._run(lambda client: qdrant_write.read_tombstone(client, self._index, key))

    async def ids(self, doc_id: str) -> dict[str, int]:
        records = await self._document(parse_id(doc_id, name="doc_id"), vectors=False)
        return {str(each.id): int((each.payload or {})["version"]) for each in records}

    async def scroll(self, after: str | None = None, limit: int = 1_000) -> list[Item]:
        start = parse_id(after, name="after") if after is not None else None
        # A scroll begins with the id that it is given.
        offset = None if start is None else str(uuid.UUID(int=min(start.int + 1, 2**128 - 1)))

        async def page(client: Client) -> list[models.Record]:
            found, _ = await client.scroll(
                self._index.alias,
                scroll_filter=live(models.Filter()),
                limit=limit,
                offset=offset,
                with_payload=METADATA,
                with_vectors=[DENSE],
            )
            return found

        rows = [row(record) for record in await self._run(page)]
        return [(str(key), vector, metadata) for key, vector, metadata in rows]

    async def count(self, filters: Mapping[str, Any] | None = None) -> int:
        where = conditions(parse_filters(filters))
        if where is None:
            return 0
        counted = await self._run(lambda client: client.count(self._index.alias, live(where), exact=True))
        return counted.count

    async def checksum(self, doc_id: str) -> Checksum:
        key = parse_id(doc_id, name="doc_id")
        return checksum(key, [row(record) for record in await self._document(key, vectors=True)])

    async def _document(self, key: uuid.UUID, *, vectors: bool) -> list[models.Record]:
        return await self._run(lambda client: read_document(client, self._index, key, vectors=vectors))

    async def _write[T](self, documents: set[uuid.UUID], work: Callable[[Client], Awaitable[T]]) -> T:
        async with qdrant_write.locked(self._connection.url, self._index, documents):
            return await self._run(work)

    async def _run[T](self, work: Callable[[Client], Awaitable[T]]) -> T:
        if not self._checked:
            await self._connection.run(lambda client: qdrant_index.check(client, self._index))
            self._checked = True
        return await self._connection.run(work)
