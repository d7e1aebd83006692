"""Two stores as one, for the time of a move: reads from the primary, writes to both."""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

from retrieval.checksums import Checksum
from retrieval.chunks import Item, Vector
from retrieval.errors import RetrievalError, StoreError
from retrieval.models import EmbeddingModel
from retrieval.store import Hit, VectorStoreAdapter
from retrieval.terms import TermAnalyser

_log = logging.getLogger(__name__)

type OnLag = Callable[[str, Exception], Awaitable[None]]


class DualWriteAdapter:
    """The primary decides whether a write succeeds. What fails in the secondary is told to `on_lag` (the document's
    id and the error), once for each document, and the write goes on: whoever owns the move repairs it. Only when
    `on_lag` itself fails does the write fail, because the lag would be forgotten.

    A secondary of another embedding model cannot take these vectors, so each upsert is told as a lag; changes of
    scopes and deletions reach it.
    """

    def __init__(self, primary: VectorStoreAdapter, secondary: VectorStoreAdapter, *, on_lag: OnLag) -> None:
        self._primary, self._secondary, self._on_lag = primary, secondary, on_lag

    @property
    def model(self) -> EmbeddingModel:
        return self._primary.model

    @property
    def analyser(self) -> TermAnalyser:
        return self._primary.analyser

    async def open(self) -> None:
        await self._primary.open()
        await self._secondary.open()

    async def close(self) -> None:
        await self._primary.close()
        await self._secondary.close()

    async def ping(self) -> None:
        await self._primary.ping()

    async def ensure_index(self) -> None:
        await self._primary.ensure_index()
        await self._quietly("make its index", self._secondary.ensure_index())

    async def drop_index(self) -> None:
        await self._primary.drop_index()
        await self._secondary.drop_index()

    async def upsert_embeddings(self, items: Sequence[Item]) -> int:
        written = await self._primary.upsert_embeddings(items)
        documents = list(dict.fromkeys(str(metadata["doc_id"]) for _, _, metadata in items))
        await self._follow(documents, self._upsert_secondary(items))
        return written

    async def query(
        self,
        vector: Vector,
        top_k: int,
        filters: Mapping[str, Any] | None = None,
        text: str | list[str] | None = None,
        *,
        exact: bool = False,
    ) -> list[Hit]:
        return await self._primary.query(vector, top_k, filters, text, exact=exact)

    async def update_scopes(self, doc_id: str, scopes: Collection[str], *, version: int) -> int:
        changed = await self._primary.update_scopes(doc_id, scopes, version=version)
        await self._follow([doc_id], self._secondary.update_scopes(doc_id, scopes, version=version))
        return changed

    async def delete_by_doc_id(self, doc_id: str, *, version: int | None = None) -> int:
        deleted = await self._primary.delete_by_doc_id(doc_id, version=version)
        await self._follow([doc_id], self._secondary.delete_by_doc_id(doc_id, version=version))
        return deleted

    async def purge_tombstones(self, *, older_than_seconds: float) -> int:
        purged = await self._primary.purge_tombstones(older_than_seconds=older_than_seconds)
        await self._quietly("forget deletions", self._secondary.purge_tombstones(older_than_seconds=older_than_seconds))
        return purged

    async def tombstone(self, doc_id: str) -> int | None:
        return await self._primary.tombstone(doc_id)

    async def ids(self, doc_id: str) -> dict[str, int]:
        return await self._primary.ids(doc_id)

    async def scroll(self, after: str | None = None, limit: int = 1_000) -> list[Item]:
        return await self._primary.scroll(after, limit)

    async def count(self, filters: Mapping[str, Any] | None = None) -> int:
        return await self._primary.count(filters)

    async def checksum(self, doc_id: str) -> Checksum:
        return await self._primary.checksum(doc_id)

    async def _upsert_secondary(self, items: Sequence[Item]) -> None:
        ours, theirs = self._primary.model.name, self._secondary.model.name
        if ours != theirs:
            raise StoreError(f"the vectors are {ours}'s; {theirs} has to embed the document itself")
        if self._primary.analyser.name != self._secondary.analyser.name:
            items = [(key, vector, _without_terms(metadata)) for key, vector, metadata in items]
        await self._secondary.upsert_embeddings(items)

    async def _follow(self, documents: Sequence[str], work: Awaitable[object]) -> None:
        try:
            await work
        except RetrievalError as error:
            for doc_id in documents:
                await self._on_lag(doc_id, error)

    async def _quietly(self, what: str, work: Awaitable[object]) -> None:
        try:
            await work
        except RetrievalError as error:
            _log.warning("the secondary store could not %s: %s", what, error)


def _without_terms(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metadata.items() if name != "terms"}
