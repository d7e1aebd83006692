"""What the two of DualWriteAdapter do to one another; what both do together is the conformance suite's."""

import uuid
from collections.abc import AsyncIterator, Callable

import pytest

from retrieval.bigrams import BigramTerms
from retrieval.chunks import Item
from retrieval.dual import DualWriteAdapter
from retrieval.errors import ItemInvalid, StoreUnavailable
from retrieval.memory import MemoryAdapter
from retrieval.models import EmbeddingModel
from retrieval.qdrant import QdrantAdapter
from retrieval.terms import KiwiTerms

MINE = {"scopes": ["user:a"]}
ONES = [1.0] * 8
ONE, TWO = (str(uuid.UUID(int=n)) for n in (1, 2))
type Items = Callable[..., Item]


class Lags(list[tuple[str, str]]):
    async def tell(self, doc_id: str, error: Exception) -> None:
        self.append((doc_id, type(error).__name__))


@pytest.fixture
def primary(model: EmbeddingModel) -> MemoryAdapter:
    return MemoryAdapter(model=model, analyser=BigramTerms())


@pytest.fixture
async def down(model: EmbeddingModel) -> AsyncIterator[QdrantAdapter]:
    """A Qdrant that nobody runs."""
    async with QdrantAdapter("http://127.0.0.1:1", model=model, analyser=BigramTerms(), timeout=2) as store:
        yield store


async def test_writes_reach_both_and_reads_come_from_the_primary(primary: MemoryAdapter, item: Items) -> None:
    secondary, lags = MemoryAdapter(model=primary.model, analyser=BigramTerms()), Lags()
    both = DualWriteAdapter(primary, secondary, on_lag=lags.tell)
    await both.upsert_embeddings([item("하나"), item("둘", doc=2)])
    await both.update_scopes(ONE, ["user:b"], version=2)
    await both.delete_by_doc_id(TWO, version=1)
    for store in (primary, secondary):
        assert await store.ids(ONE) == {item("하나")[0]: 2}
        assert await store.tombstone(TWO) == 1
    await secondary.delete_by_doc_id(ONE)
    assert len(await both.query(ONES, 5, {"scopes": ["user:b"]})) == 1
    assert lags == []


async def test_a_secondary_that_is_down_fails_no_write_and_is_told_of(
    primary: MemoryAdapter, down: QdrantAdapter, item: Items
) -> None:
    lags = Lags()
    both = DualWriteAdapter(primary, down, on_lag=lags.tell)
    await both.ensure_index()
    assert await both.upsert_embeddings([item(ordinal=0), item(ordinal=1), item(doc=2)]) == 3
    assert await both.update_scopes(ONE, ["user:b"], version=2) == 2
    assert await both.delete_by_doc_id(TWO, version=1) == 1
    assert await both.purge_tombstones(older_than_seconds=3_600) == 0
    assert lags == [
        (ONE, "StoreUnavailable"),
        (TWO, "StoreUnavailable"),
        (ONE, "StoreUnavailable"),
        (TWO, "StoreUnavailable"),
    ]
    assert await both.count() == 2


async def test_a_primary_that_is_down_fails_the_write_and_nothing_else_is_written(
    primary: MemoryAdapter, down: QdrantAdapter, item: Items
) -> None:
    lags = Lags()
    both = DualWriteAdapter(down, primary, on_lag=lags.tell)
    with pytest.raises(StoreUnavailable):
        await both.upsert_embeddings([item()])
    assert await primary.count() == 0
    assert lags == []


async def test_what_the_primary_refuses_never_reaches_the_secondary(primary: MemoryAdapter, item: Items) -> None:
    secondary, lags = MemoryAdapter(model=primary.model, analyser=BigramTerms()), Lags()
    both = DualWriteAdapter(primary, secondary, on_lag=lags.tell)
    with pytest.raises(ItemInvalid):
        await both.upsert_embeddings([item(scopes=[])])
    assert (await secondary.count(), lags) == (0, [])


async def test_a_lag_that_cannot_be_told_fails_the_write(
    primary: MemoryAdapter, down: QdrantAdapter, item: Items
) -> None:
    async def cannot(doc_id: str, error: Exception) -> None:
        raise ConnectionError(doc_id) from error

    with pytest.raises(ConnectionError):
        await DualWriteAdapter(primary, down, on_lag=cannot).upsert_embeddings([item()])


async def test_vectors_of_another_model_are_not_given_to_the_secondary(primary: MemoryAdapter, item: Items) -> None:
    """Not even where the dimension fits."""
    other = EmbeddingModel(name="other-8", dimension=8, lexical_weight=0.1, max_tokens=100)
    secondary, lags = MemoryAdapter(model=other, analyser=BigramTerms()), Lags()
    both = DualWriteAdapter(primary, secondary, on_lag=lags.tell)
    await both.upsert_embeddings([item()])
    assert (await secondary.count(), lags) == (0, [(ONE, "StoreError")])


async def test_a_secondary_of_another_analyser_makes_its_own_terms(primary: MemoryAdapter, item: Items) -> None:
    secondary, lags = MemoryAdapter(model=primary.model, analyser=KiwiTerms()), Lags()
    both = DualWriteAdapter(primary, secondary, on_lag=lags.tell)
    await both.upsert_embeddings([item("학교에서 배웠다", terms=BigramTerms().terms("학교에서 배웠다"))])
    (hit,) = await secondary.query(ONES, 1, MINE, "학교")
    assert hit.lexical > 0
    assert lags == []
