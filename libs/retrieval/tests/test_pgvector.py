"""What only PgVectorAdapter does: its roles, its plans, its tables and its connections."""

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import psycopg
import pytest

from retrieval import pgvector_search
from retrieval.bigrams import BigramTerms
from retrieval.chunks import Item
from retrieval.errors import IndexMismatch, IndexMissing, StoreError, StoreUnavailable
from retrieval.memory import MemoryAdapter
from retrieval.models import EmbeddingModel
from retrieval.pgvector import PgVectorAdapter
from retrieval.pgvector_index import make_index
from retrieval.pgvector_search import SEARCH_SETTINGS
from retrieval.store import VectorStoreAdapter
from retrieval.terms import KiwiTerms

MINE = {"scopes": ["user:a"]}
ONES = [1.0] * 8
type Items = Callable[..., Item]
type Adapters = Callable[..., PgVectorAdapter]
type Postgres = Callable[..., str]


async def test_the_reader_searches_and_may_not_write(pgvector: Adapters, item: Items) -> None:
    async with pgvector() as writer, pgvector("vector_reader") as reader:
        await writer.ensure_index()
        await writer.upsert_embeddings([item()])
        assert len(await reader.query(ONES, 5, MINE, "본문")) == 1
        for refused in (reader.upsert_embeddings([item(version=2)]), reader.delete_by_doc_id(str(uuid.UUID(int=1)))):
            with pytest.raises(StoreError, match="permission denied") as raised:
                await refused
            assert not raised.value.retryable
        assert await writer.count() == 1


async def test_a_search_before_the_index_exists_may_be_tried_again(pgvector: Adapters, item: Items) -> None:
    async with pgvector() as writer, pgvector("vector_reader") as reader:
        with pytest.raises(IndexMissing) as raised:
            await reader.query(ONES, 5, MINE)
        assert raised.value.retryable
        await writer.ensure_index()
        assert await reader.query(ONES, 5, MINE) == []


async def test_starting_workers_make_one_index(pgvector: Adapters) -> None:
    workers = [pgvector() for _ in range(4)]
    for worker in workers:
        await worker.open()
    await asyncio.gather(*(worker.ensure_index() for worker in workers))
    assert await workers[0].count() == 0
    for worker in workers:
        await worker.close()


async def test_an_index_of_another_analyser_or_model_is_not_touched(pgvector: Adapters, model: EmbeddingModel) -> None:
    twin = EmbeddingModel(name="test.8", dimension=8, lexical_weight=0.2, max_tokens=100)
    async with pgvector() as right:
        await right.ensure_index()
    for wrong in (pgvector(analyser=KiwiTerms()), pgvector(model=twin)):
        async with wrong:
            with pytest.raises(IndexMismatch):
                await wrong.ensure_index()
            with pytest.raises(IndexMismatch):
                await wrong.count()


def test_table_names_fit_postgres_and_tell_models_apart(model: EmbeddingModel) -> None:
    def name(collection: str, model_name: str) -> str:
        own = EmbeddingModel(name=model_name, dimension=384, lexical_weight=0.2, max_tokens=512)
        return make_index(schema="vector", collection=collection, model=own, analyser="kiwi-1").name

    assert name("growfit_docs", "multilingual-e5-small") == "growfit_docs_multilingual_e5_small_384"
    assert name('x"; DROP TABLE y; --', "Ünïcode/Model") == "x_drop_table_y_n_code_model_384"
    long = {name("growfit_docs", f"a-very-long-vendor/a-very-long-model-name-of-its-own-{n}") for n in range(50)}
    assert len(long) == 50
    assert all(len(f"ix_embedding_{each}") < 64 for each in long)


async def test_hnsw_fills_a_one_percent_filter_and_finds_the_right_chunks(
    pgvector: Adapters, postgres: Postgres, item: Items, monkeypatch: pytest.MonkeyPatch
) -> None:
    """8,000 chunks, 80 of them in each scope: one spread evenly, one far from the questions. Without iterative scan
    such a search gives 0 to 3 of 10 hits.
    """
    rng = np.random.default_rng(11)
    wide = EmbeddingModel(name="test-32", dimension=32, lexical_weight=0.2, max_tokens=100)
    scopes = {0: "user:even", 1: "user:far"}
    items = [
        item(
            "글",
            doc=n // 1000,
            ordinal=n,
            vector=rng.normal(size=32) + (-2 if n % 100 == 1 else 2),
            scopes=[scopes.get(n % 100, "user:rest")],
            terms=[],
        )
        for n in range(8_000)
    ]
    monkeypatch.setattr(pgvector_search, "_EXACT", "no scan of the scope may help out, {table} {where} {scores}")
    forced = SEARCH_SETTINGS | {"enable_sort": "off", "enable_bitmapscan": "off"}
    exact = MemoryAdapter(model=wide, analyser=BigramTerms())
    await exact.upsert_embeddings(items)
    async with pgvector(model=wide, exact_below=0, search_settings=forced) as hnsw:
        await hnsw.ensure_index()
        await hnsw.upsert_embeddings(items)
        for scope in scopes.values():
            recalls = [await _recall(hnsw, exact, rng.normal(size=32) + 2, {"scopes": [scope]}) for _ in range(10)]
            assert np.mean(recalls) >= 0.9, scope
    assert await _hnsw_scans(postgres, hnsw) == 20


async def _recall(store: VectorStoreAdapter, exact: VectorStoreAdapter, vector: Any, filters: dict[str, Any]) -> float:
    found = await store.query(vector, 10, filters)
    best = await exact.query(vector, 10, filters)
    assert len(found) == len(best) == 10
    return len({hit.id for hit in found} & {hit.id for hit in best}) / 10


async def test_a_scope_that_hnsw_cannot_fill_is_scanned_instead(pgvector: Adapters, item: Items) -> None:
    forced = SEARCH_SETTINGS | {"enable_sort": "off", "enable_bitmapscan": "off", "hnsw.max_scan_tuples": "1"}
    rng = np.random.default_rng(2)
    async with pgvector(exact_below=0, search_settings=forced | {"hnsw.ef_search": "1"}) as store:
        await store.ensure_index()
        await store.upsert_embeddings(
            [
                item(
                    "글", doc=n // 100, ordinal=n, vector=rng.normal(size=8), scopes=[f"user:{'a' if n < 30 else 'b'}"]
                )
                for n in range(500)
            ]
        )
        assert len(await store.query(ONES, 25, MINE)) == 25


async def test_settings_end_with_the_search(pgvector: Adapters, item: Items) -> None:
    async with pgvector(connections=1) as store:
        await store.ensure_index()
        await store.query(ONES, 5, MINE, "글")

        async def shown(connection: Any) -> list[str]:
            names = ("plan_cache_mode", "enable_seqscan", "hnsw.iterative_scan", "statement_timeout")
            return [(await (await connection.execute(f"SHOW {name}")).fetchone())[0] for name in names]

        assert await store._database.run(shown) == ["auto", "on", "off", "0"]


async def test_a_search_never_sees_half_a_document(pgvector: Adapters, item: Items) -> None:
    async with pgvector() as writer, pgvector("vector_reader") as reader:
        await writer.ensure_index()
        await writer.upsert_embeddings([item(f"v1 {n}", ordinal=n) for n in range(40)])
        writing = asyncio.create_task(_rewrite(writer, item))
        seen = set[tuple[str, ...]]()
        while not writing.done():
            hits = await reader.query(ONES, 100, MINE)
            seen.add(tuple(sorted({hit.metadata["text"].split()[0] for hit in hits})))
            assert len(hits) == 40
        await writing
    assert len(seen) > 1
    assert all(len(versions) == 1 for versions in seen)


async def test_cancelled_searches_leave_nothing_behind_for_the_next_tenant(pgvector: Adapters, item: Items) -> None:
    rng = np.random.default_rng(4)
    async with pgvector(connections=3) as store:
        await store.ensure_index()
        for n in range(5):
            await store.upsert_embeddings(
                [item(f"비밀 {n}", doc=n, ordinal=k, scopes=[f"user:{n}"]) for k in range(20)]
            )

        async def ask(tenant: int, patience: float) -> int:
            search = store.query(ONES, 20, {"scopes": [f"user:{tenant}"]}, f"비밀 {tenant}")
            try:
                hits = await asyncio.wait_for(search, patience)
            except TimeoutError:
                return 0
            assert {hit.metadata["text"] for hit in hits} == {f"비밀 {tenant}"}
            return len(hits)

        patience = np.where(rng.random(300) < 0.4, rng.random(300) * 0.01, 30)
        found = await asyncio.gather(*(ask(n % 5, float(patience[n])) for n in range(300)))
    assert set(found) == {0, 20}
    assert found.count(20) >= 150


async def test_a_lost_connection_is_replaced_without_an_error(
    pgvector: Adapters, postgres: Postgres, item: Items
) -> None:
    async with pgvector() as store:
        await store.ensure_index()
        await store.upsert_embeddings([item()])
        for _ in range(3):
            with psycopg.connect(postgres("postgres"), autocommit=True) as admin:
                admin.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                    "WHERE application_name = 'growfit-retrieval'"
                )
            assert len(await store.query(ONES, 5, MINE)) == 1


async def test_a_database_that_is_down_is_unavailable_soon(model: EmbeddingModel) -> None:
    url = "postgresql+psycopg://nobody@127.0.0.1:1/growfit"
    store = PgVectorAdapter(url, model=model, analyser=BigramTerms(), connection_wait=0.5)
    started = time.monotonic()
    async with store:
        with pytest.raises(StoreUnavailable) as raised:
            await store.query(ONES, 5, MINE)
    assert raised.value.retryable
    assert time.monotonic() - started < 3


async def _rewrite(store: PgVectorAdapter, item: Items) -> None:
    for version in range(2, 12):
        await store.upsert_embeddings([item(f"v{version} {n}", ordinal=n, version=version) for n in range(40)])


async def _hnsw_scans(postgres: Postgres, store: PgVectorAdapter) -> int:
    """Statistics of closed connections arrive a moment later."""
    async with await psycopg.AsyncConnection.connect(postgres("postgres"), autocommit=True) as connection:
        for _ in range(50):
            cursor = await connection.execute(
                "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = %s",
                [f"ix_embedding_{store._index.name}"],
            )
            (scans,) = await cursor.fetchone() or (0,)
            if scans:
                break
            await asyncio.sleep(0.1)
    return int(scans)
