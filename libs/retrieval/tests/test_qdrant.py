"""What only QdrantAdapter does: its alias, its writers that are cut off, its connections."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

from growfit_local.servers import QdrantServer
from retrieval import qdrant_write
from retrieval.bigrams import BigramTerms
from retrieval.chunks import Item, parse_items
from retrieval.errors import IndexMismatch, IndexMissing, StoreError, StoreUnavailable
from retrieval.models import EmbeddingModel
from retrieval.qdrant import QdrantAdapter
from retrieval.qdrant_connection import Client
from retrieval.qdrant_index import Index
from retrieval.qdrant_points import Held, point
from retrieval.terms import KiwiTerms

MINE = {"scopes": ["user:a"]}
ONES = [1.0] * 8
ONE = str(uuid.UUID(int=1))
type Items = Callable[..., Item]
type Adapters = Callable[..., QdrantAdapter]


class CutOff(BaseException):
    """A process that dies here does nothing after."""


@pytest.fixture
async def store(qdrant: Adapters) -> AsyncIterator[QdrantAdapter]:
    async with qdrant() as made:
        yield made


async def _raw[T](store: QdrantAdapter, work: Callable[[Client], Awaitable[T]]) -> T:
    return await store._connection.run(work)


async def _points(store: QdrantAdapter) -> int:
    """Everything that is there, whether a search may see it or not."""
    return (await _raw(store, lambda client: client.count(store._index.alias))).count


async def _die_at(step: str, store: QdrantAdapter, items: list[Item]) -> None:
    """Writes until that step, and nothing after."""

    async def dies(*_: Any, **__: Any) -> None:
        raise CutOff

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(qdrant_write, step, dies)
        with pytest.raises(CutOff):
            await store.upsert_embeddings(items)


@pytest.mark.parametrize("step", ["set_payload", "_delete_points"])
async def test_a_writer_that_died_is_made_good_by_the_next(store: QdrantAdapter, item: Items, step: str) -> None:
    """Dead before the new chunks are visible, or before the old ones are gone: a search sees one version, whole."""
    old, new = ([item(f"v{v} {n}", ordinal=n, version=v) for n in range(5)] for v in (1, 2))
    await store.upsert_embeddings(old)
    await _die_at(step, store, new)
    assert await _points(store) == 10
    seen = {hit.metadata["text"] for hit in await store.query(ONES, 20, MINE)}
    version = 1 if step == "set_payload" else 2
    assert seen == {f"v{version} {n}" for n in range(5)}
    assert set((await store.ids(ONE)).values()) == {version}
    assert (await store.checksum(ONE)).chunks == 5

    assert await store.upsert_embeddings(new) == 5
    assert await _points(store) == await store.count() == 5
    assert {hit.metadata["text"] for hit in await store.query(ONES, 20, MINE)} == {f"v2 {n}" for n in range(5)}


async def test_two_visible_versions_still_fill_an_answer(store: QdrantAdapter, item: Items) -> None:
    """All candidates are old chunks of one document: the best of the others come instead."""
    await store.upsert_embeddings([item(f"옛 {n}", ordinal=n, vector=ONES) for n in range(80)])
    await store.upsert_embeddings([item(f"남의 {n}", doc=2, ordinal=n) for n in range(10)])
    await _die_at("_delete_points", store, [item("새", version=2, vector=ONES)])
    texts = [hit.metadata["text"] for hit in await store.query(ONES, 5, MINE)]
    assert texts[0] == "새"
    assert len(texts) == 5
    assert all(text.startswith("남의") for text in texts[1:])


async def test_a_deletion_takes_hidden_chunks_along(store: QdrantAdapter, item: Items) -> None:
    await _die_at("set_payload", store, [item(ordinal=n) for n in range(3)])
    assert (await store.count(), await _points(store)) == (0, 3)
    assert await store.delete_by_doc_id(ONE) == 0
    assert await _points(store) == 0


async def test_another_process_cannot_overwrite_a_newer_version_of_the_same_chunk(
    store: QdrantAdapter, item: Items
) -> None:
    """Its writer read the store before the newer version came: only Qdrant itself can hold it back."""
    ((key, vector, metadata),) = [item("새 글", version=5)]
    await store.upsert_embeddings([(key, vector, metadata)])
    stale = (key, vector, metadata | {"text": "옛 글", "version": 4})
    (chunk,) = parse_items([stale], model=store.model, analyser=store.analyser)
    late = [point(chunk, live=True, generation=1, size=1)]
    await _raw(store, lambda client: qdrant_write._upsert(client, store._index, late, version=4))
    (hit,) = await store.query(ONES, 5, MINE)
    assert (hit.metadata["text"], hit.metadata["version"]) == ("새 글", 5)


async def test_a_late_change_of_scopes_leaves_what_another_process_wrote_since(
    store: QdrantAdapter, item: Items, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.upsert_embeddings([item(version=1)])
    looked = qdrant_write.read_held

    async def before_the_other(client: Client, index: Index, documents: Sequence[uuid.UUID]) -> list[Held]:
        held = await looked(client, index, documents)
        monkeypatch.setattr(qdrant_write, "read_held", looked)
        await client.set_payload(index.alias, {"scopes": ["user:b"], "version": 5}, points=[each.id for each in held])
        return held

    monkeypatch.setattr(qdrant_write, "read_held", before_the_other)
    assert await store.update_scopes(ONE, ["user:a"], version=3) == 0
    assert set((await store.ids(ONE)).values()) == {5}
    assert (await store.scroll())[0][2]["scopes"] == ["user:b"]


async def test_the_index_stands_behind_an_alias_with_its_payload_indexes(store: QdrantAdapter) -> None:
    found = await _raw(store, lambda client: client.get_collection(store._index.alias))
    assert found.config.metadata == store._index.description
    assert {"scopes", "doc_id", "terms", "live", "generation", "version", "title"} <= set(found.payload_schema)
    strict = models.FieldCondition(key="text", match=models.MatchValue(value="x"))
    with pytest.raises(StoreError, match="Index required"):
        await _raw(store, lambda client: client.count(store._index.alias, models.Filter(must=[strict])))


async def test_a_search_before_the_index_exists_may_be_tried_again(qdrant: Adapters) -> None:
    async with qdrant(collection="not_made") as reader:
        with pytest.raises(IndexMissing) as raised:
            await reader.query(ONES, 5, MINE)
    assert raised.value.retryable


async def test_starting_workers_make_one_index(qdrant: Adapters) -> None:
    async with qdrant(collection="started_at_once") as one, qdrant(collection="started_at_once") as two:
        await asyncio.gather(one.ensure_index(), two.ensure_index())
        assert await one.count() == await two.count() == 0
        await one.drop_index()


async def test_an_index_of_another_analyser_or_model_is_not_touched(qdrant: Adapters, model: EmbeddingModel) -> None:
    twin = EmbeddingModel(name="test.8", dimension=8, lexical_weight=0.2, max_tokens=100)
    for wrong in (qdrant(analyser=KiwiTerms()), qdrant(model=twin)):
        async with wrong:
            with pytest.raises(IndexMismatch):
                await wrong.ensure_index()
            with pytest.raises(IndexMismatch):
                await wrong.count()


async def test_quantised_vectors_score_as_whole_ones(qdrant: Adapters, item: Items) -> None:
    async with qdrant(collection="quantised", quantised=True) as store:
        await store.ensure_index()
        await store.upsert_embeddings([item(ordinal=n, vector=[1.0, n / 3, 0, 0, 0, 0, 0, 0]) for n in range(9)])
        hits = await store.query([1.0, 0, 0, 0, 0, 0, 0, 0], 3, MINE)
        await store.drop_index()
    assert [hit.metadata["ordinal"] for hit in hits] == [0, 1, 2]
    assert hits[1].score == pytest.approx(1 / (1 + 1 / 9) ** 0.5, abs=1e-4)


async def test_a_server_that_is_down_is_unavailable(model: EmbeddingModel) -> None:
    async with QdrantAdapter("http://127.0.0.1:1", model=model, analyser=BigramTerms(), timeout=2) as store:
        with pytest.raises(StoreUnavailable) as raised:
            await store.query(ONES, 5, MINE)
        assert raised.value.retryable
        with pytest.raises(StoreUnavailable):
            await store.ping()


async def test_a_wrong_key_is_no_reason_to_try_again(qdrant: Adapters, qdrant_server: QdrantServer) -> None:
    if not qdrant_server.api_key:
        pytest.skip("the server at QDRANT_URL asks for no key")
    async with qdrant(api_key="wrong") as store:
        with pytest.raises(StoreError, match="401") as raised:
            await store.count()
    assert not raised.value.retryable
    client = AsyncQdrantClient(url=qdrant_server.url, check_compatibility=False)
    with pytest.raises(UnexpectedResponse):
        await client.get_collections()
    await client.close()
