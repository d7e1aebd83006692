"""What every VectorStoreAdapter does. A new adapter is done when it is named in `store` and this file passes.

QDRANT_URL and QDRANT_API_KEY name a real Qdrant server to run it against.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from retrieval.bigrams import BigramTerms
from retrieval.chunks import Item
from retrieval.dual import DualWriteAdapter
from retrieval.errors import FilterInvalid, ItemInvalid, QueryInvalid
from retrieval.memory import MemoryAdapter
from retrieval.models import EmbeddingModel
from retrieval.pgvector import PgVectorAdapter
from retrieval.qdrant import QdrantAdapter
from retrieval.store import VectorStoreAdapter

MINE: dict[str, Any] = {"scopes": ["user:a"]}
ONES = [1.0] * 8
ONE = str(uuid.UUID(int=1))
type Items = Callable[..., Item]


_PGVECTOR = {"pgvector exact": 5_000, "pgvector approximate": 0}
_QDRANT = {"qdrant exact": 5_000, "qdrant approximate": 0}


@pytest.fixture(params=["memory", *_PGVECTOR, *_QDRANT, "dual"])
async def store(
    request: pytest.FixtureRequest,
    model: EmbeddingModel,
    pgvector: Callable[..., PgVectorAdapter],
    qdrant: Callable[..., QdrantAdapter],
) -> AsyncIterator[VectorStoreAdapter]:
    made: VectorStoreAdapter = MemoryAdapter(model=model, analyser=BigramTerms())
    if request.param in _PGVECTOR:
        made = pgvector(exact_below=_PGVECTOR[request.param])
    elif request.param in _QDRANT:
        made = qdrant(exact_below=_QDRANT[request.param])
    elif request.param == "dual":
        made = DualWriteAdapter(pgvector(), qdrant(), on_lag=_no_lag)
    await made.open()
    await made.ensure_index()
    yield made
    await made.close()


async def _no_lag(doc_id: str, error: Exception) -> None:
    raise AssertionError(f"the secondary fell behind with {doc_id}") from error


async def _ordinals(store: VectorStoreAdapter, filters: dict[str, Any]) -> set[int]:
    """Searched and counted, which must agree."""
    hits = await store.query(ONES, 100, MINE | filters)
    assert await store.count(MINE | filters) == len(hits)
    return {hit.metadata["ordinal"] for hit in hits}


# --- search ---


async def test_a_hit_carries_all_that_was_written(store: VectorStoreAdapter, item: Items) -> None:
    metadata = {"title": "제목 😀", "page_from": 3, "page_to": 4, "char_start": 10, "char_end": 90, "version": 2}
    metadata |= {"headings": ["제2장 학교", "2.1 서울 😀", "2.1 서울 😀"]}
    written = item("서울의 학교", vector=ONES, scopes=["user:a", "class:c"], **metadata)
    assert await store.upsert_embeddings([written]) == 1
    (hit,) = await store.query(ONES, 5, MINE, "학교")
    assert (hit.id, hit.doc_id) == (written[0], written[2]["doc_id"])
    assert hit.metadata == {**written[2], "scopes": ["class:c", "user:a"]}
    assert hit.cosine == pytest.approx(1, abs=1e-3)
    assert 0 < hit.lexical < 1
    assert hit.score == pytest.approx(hit.cosine + store.model.lexical_weight * hit.lexical)


async def test_scores_are_cosines_whatever_the_length_of_a_vector(store: VectorStoreAdapter, item: Items) -> None:
    vectors = {0: [3.0, 0, 0, 0, 0, 0, 0, 0], 1: [0.0, 4, 0, 0, 0, 0, 0, 0], 2: [-1.0, 0, 0, 0, 0, 0, 0, 0]}
    await store.upsert_embeddings([item(ordinal=n, vector=vector) for n, vector in vectors.items()])
    hits = await store.query([10.0, 0, 0, 0, 0, 0, 0, 0], 10, MINE)
    assert [hit.metadata["ordinal"] for hit in hits] == [0, 1, 2]
    assert [hit.score for hit in hits] == pytest.approx([1, 0, -1], abs=1e-6)
    assert [hit.lexical for hit in hits] == [0, 0, 0]


async def test_words_decide_between_chunks_of_the_same_meaning(store: VectorStoreAdapter, item: Items) -> None:
    texts = ["바다와 하늘", "학교와 하늘", "산과 하늘"]
    await store.upsert_embeddings([item(text, ordinal=n, vector=ONES) for n, text in enumerate(texts)])
    best, *others = await store.query(ONES, 3, MINE, "학교 하늘")
    assert best.metadata["text"] == "학교와 하늘"
    assert all(best.lexical > other.lexical > 0 for other in others)


async def test_ranking_is_the_same_in_every_store(
    store: VectorStoreAdapter, model: EmbeddingModel, item: Items
) -> None:
    """Also for a few hundred chunks of several tenants, where both arms of an approximate search take part."""
    rng = np.random.default_rng(5)
    words = [f"낱말{n:03}" for n in range(60)]
    items = [
        item(
            " ".join(rng.choice(words, size=rng.integers(3, 25))),
            doc=n // 50,
            ordinal=n % 50,
            vector=rng.normal(size=8),
            scopes=[f"user:{'ab'[n % 2]}", "class:x"],
        )
        for n in range(400)
    ]
    reference = MemoryAdapter(model=model, analyser=BigramTerms())
    for each in (reference, store):
        await each.upsert_embeddings(items)
    for n in range(20):
        vector, text = rng.normal(size=8), " ".join(rng.choice(words, size=4))
        expected = await reference.query(vector, 10, MINE, text)
        found = await store.query(vector, 10, MINE, BigramTerms().terms(text) if n % 2 else text)
        assert [hit.id for hit in found] == [hit.id for hit in expected]
        for ours, theirs in zip(found, expected, strict=True):
            assert (ours.score, ours.cosine, ours.lexical) == pytest.approx(
                (theirs.score, theirs.cosine, theirs.lexical), abs=1e-5
            )


async def test_another_tenants_words_do_not_move_scores(store: VectorStoreAdapter, item: Items) -> None:
    mine = [item(text, ordinal=n, vector=ONES) for n, text in enumerate(["희귀한 낱말", "흔한 말"])]
    await store.upsert_embeddings(mine)
    before = await store.query(ONES, 2, MINE, "희귀한 흔한")
    await store.upsert_embeddings([item("희귀한", doc=2, ordinal=n, scopes=["user:b"]) for n in range(100)])
    assert await store.query(ONES, 2, MINE, "희귀한 흔한") == before


async def test_equal_scores_are_ordered_by_id(store: VectorStoreAdapter, item: Items) -> None:
    items = [item("같은 글", ordinal=n, vector=ONES) for n in range(20)]
    await store.upsert_embeddings(items)
    hits = await store.query(ONES, 5, MINE, "같은")
    assert [hit.id for hit in hits] == sorted(key for key, _, _ in items)[:5]


async def test_an_empty_store_and_an_unknown_scope_give_no_hits(store: VectorStoreAdapter, item: Items) -> None:
    assert await store.query(ONES, 5, MINE, "학교") == []
    await store.upsert_embeddings([item()])
    assert await store.query(ONES, 5, {"scopes": ["user:nobody"]}, "학교") == []
    assert await store.query(ONES, 5, {"scopes": []}, "학교") == []


@pytest.mark.parametrize("text", ["", " ", "\x00\ud800", "!!!", "없는낱말", "'; DROP TABLE x; --", "가" * 50_000, []])
async def test_any_question_gets_the_nearest_chunks(store: VectorStoreAdapter, item: Items, text: Any) -> None:
    await store.upsert_embeddings([item(ordinal=n) for n in range(3)])
    assert len(await store.query(ONES, 5, MINE, text)) == 3


async def test_searches_that_cannot_be_meant_are_refused(store: VectorStoreAdapter) -> None:
    for vector in ([0.0] * 8, [float("nan")] * 8, [1.0] * 9, []):
        with pytest.raises(QueryInvalid):
            await store.query(vector, 5, MINE)
    for top_k in (0, -1, 1001, True, 2.0):
        with pytest.raises(QueryInvalid):
            await store.query(ONES, top_k, MINE)  # type: ignore[arg-type]
    with pytest.raises(FilterInvalid):
        await store.query(ONES, 5, {"owner": "x"} | MINE)


# --- scopes and filters ---


async def test_only_chunks_of_the_callers_scopes_are_found(store: VectorStoreAdapter, item: Items) -> None:
    scopes = [["user:a"], ["user:b"], ["class:c", "user:b"], ["user:A"], ["user:a "], ["project:user:a"]]
    await store.upsert_embeddings([item("비밀 글", ordinal=n, scopes=each) for n, each in enumerate(scopes)])
    assert await _ordinals(store, {}) == {0}
    assert await _ordinals(store, {"scopes": ["user:a", "class:c"]}) == {0, 2}
    for nobody in (None, {}, {"doc_id": str(uuid.UUID(int=1))}):
        with pytest.raises(FilterInvalid, match="scopes"):
            await store.query(ONES, 10, nobody)


FILTERED: dict[int, dict[str, Any]] = {
    0: {"title": "가", "page_from": 1, "page_to": 1},
    1: {"title": "나", "page_from": 2, "page_to": 3, "scopes": ["user:a", "class:c"]},
    2: {"title": "", "page_from": 9, "page_to": 9},
    3: {"title": "1"},
    4: {"title": "o'brien\"; --", "page_from": 0, "page_to": 0},
    5: {"title": "가", "page_from": 10, "page_to": 12, "scopes": ["user:a", "project:p", "class:c"]},
}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"title": "가"}, {0, 5}),
        ({"title": ["가", "나", "다"]}, {0, 1, 5}),
        ({"title": {"any": ["나"]}}, {1}),
        ({"title": []}, set()),
        ({"title": ""}, {2}),
        ({"title": "1"}, {3}),
        ({"title": "o'brien\"; --"}, {4}),
        ({"title": "%' OR true --"}, set()),
        ({"title": "나\x00\ud800"}, set()),
        ({"title": None}, set()),
        ({"title": {"not": "가"}}, {1, 2, 3, 4}),
        ({"title": {"not": []}}, {0, 1, 2, 3, 4, 5}),
        ({"page_from": 0}, {4}),
        ({"page_from": [1, 2, 3]}, {0, 1}),
        ({"page_from": None}, {3}),
        ({"page_from": [None, 9]}, {2, 3}),
        ({"page_from": {"not": None}}, {0, 1, 2, 4, 5}),
        ({"page_from": {"not": 1}}, {1, 2, 3, 4, 5}),
        ({"page_from": {"not": [None, 1]}}, {1, 2, 4, 5}),
        ({"page_from": {"gte": 2}}, {1, 2, 5}),
        ({"page_from": {"gt": 2, "lte": 9}}, {2}),
        ({"page_from": {"lt": 2}}, {0, 4}),
        ({"page_from": {"gte": 5, "lte": 4}}, set()),
        ({"page_from": {"not": {"gte": 2}}}, {0, 3, 4}),
        ({"page_from": {"lte": 10}, "page_to": {"gte": 3}}, {1, 2, 5}),
        ({"scopes": {"any": ["class:c", "nobody"]}}, {1, 5}),
        ({"ordinal": {"gte": 4}, "title": "가"}, {5}),
        ({"doc_id": str(uuid.UUID(int=1)).upper()}, {0, 1, 2, 3, 4, 5}),
        ({"doc_id": uuid.UUID(int=1)}, {0, 1, 2, 3, 4, 5}),
        ({"doc_id": [uuid.UUID(int=7)]}, set()),
        ({"doc_id": {"not": uuid.UUID(int=1)}}, set()),
    ],
)
async def test_filters_mean_the_same_in_every_store(
    store: VectorStoreAdapter, item: Items, filters: dict[str, Any], expected: set[int]
) -> None:
    await store.upsert_embeddings([item(ordinal=n, **metadata) for n, metadata in FILTERED.items()])
    await store.upsert_embeddings([item(doc=2, ordinal=0, title="가", page_from=1, page_to=9, scopes=["user:b"])])
    assert await _ordinals(store, filters) == expected


async def test_scopes_can_be_excluded_within_the_callers_own(store: VectorStoreAdapter, item: Items) -> None:
    await store.upsert_embeddings([item(ordinal=n, **metadata) for n, metadata in FILTERED.items()])
    assert await store.count({"scopes": {"not": "class:c"}}) == 4
    assert await store.count({"scopes": None}) == 0
    assert await store.count() == 6


# --- writing ---


async def test_an_upsert_replaces_the_whole_document(store: VectorStoreAdapter, item: Items) -> None:
    other = [item("남의 글", doc=2, ordinal=n) for n in range(3)]
    await store.upsert_embeddings([*other, *(item(f"첫째 {n}", ordinal=n) for n in range(5))])
    assert await store.upsert_embeddings([item(f"둘째 {n}", ordinal=n, version=2) for n in range(2)]) == 2
    hits = await store.query(ONES, 10, MINE | {"doc_id": str(uuid.UUID(int=1))})
    assert {hit.metadata["text"] for hit in hits} == {"둘째 0", "둘째 1"}
    assert await store.count({"doc_id": str(uuid.UUID(int=2))}) == 3


async def test_repeating_an_upsert_changes_nothing(store: VectorStoreAdapter, item: Items) -> None:
    items = [item(f"글 {n}", ordinal=n) for n in range(4)]
    await store.upsert_embeddings(items)
    before = await store.checksum(str(uuid.UUID(int=1)))
    assert await store.upsert_embeddings(items) == 4
    assert await store.checksum(str(uuid.UUID(int=1))) == before
    assert await store.count() == 4


async def test_an_old_version_that_comes_late_changes_nothing(store: VectorStoreAdapter, item: Items) -> None:
    await store.upsert_embeddings([item("새 글", version=3)])
    late = [item("옛 글", version=2), item("남의 글", doc=2)]
    assert await store.upsert_embeddings(late) == 1
    assert {hit.metadata["text"] for hit in await store.query(ONES, 5, MINE)} == {"새 글", "남의 글"}


async def test_a_refused_upsert_leaves_the_old_document(store: VectorStoreAdapter, item: Items) -> None:
    await store.upsert_embeddings([item("옛 글"), item("남의 글", doc=2)])
    broken = [item("새 글", version=2), item("나쁜 글", version=2, ordinal=1, vector=[float("nan")] * 8)]
    with pytest.raises(ItemInvalid):
        await store.upsert_embeddings(broken)
    _, vector, metadata = item("뺏는 글", version=2)
    with pytest.raises(ItemInvalid, match="belongs to another document"):
        await store.upsert_embeddings([(item(doc=2)[0], vector, metadata)])
    assert {hit.metadata["text"] for hit in await store.query(ONES, 5, MINE)} == {"옛 글", "남의 글"}


async def test_nothing_to_write_is_no_error(store: VectorStoreAdapter) -> None:
    assert await store.upsert_embeddings([]) == 0


async def test_odd_text_is_stored_with_its_length(store: VectorStoreAdapter, item: Items) -> None:
    text = "앞\x00뒤 \ud800 😀 'quote' \\ \t줄\n끝"
    await store.upsert_embeddings([item(text, title="\x00제\udfff목")])
    (hit,) = await store.query(ONES, 1, MINE, "앞뒤")
    assert hit.metadata["text"] == "앞�뒤 � 😀 'quote' \\ \t줄\n끝"
    assert hit.metadata["title"] == "�제�목"


async def test_a_long_chunk_with_thousands_of_words_is_kept(store: VectorStoreAdapter, item: Items) -> None:
    text = " ".join(f"{n:x}" for n in range(9_000))
    await store.upsert_embeddings([item(text), item("짧은 글", doc=2)])
    best = (await store.query(ONES, 1, MINE, "7f 8e 9d"))[0]
    assert best.metadata["text"] == text


async def test_writers_of_one_document_do_not_mix(store: VectorStoreAdapter, item: Items) -> None:
    versions = [[item(f"v{v} {n}", ordinal=n, version=v) for n in range(20)] for v in range(1, 7)]
    await asyncio.gather(*(store.upsert_embeddings(items) for items in versions))
    texts = {hit.metadata["text"] for hit in await store.query(ONES, 100, MINE)}
    assert texts == {f"v6 {n}" for n in range(20)}


async def test_readers_see_the_old_document_or_the_new_one_and_never_both_or_none(
    store: VectorStoreAdapter, item: Items
) -> None:
    """Versions of different sizes and ids; by vectors alone, and by words that all chunks have."""
    sizes = {version: 20 + version % 3 for version in range(1, 10)}

    async def write(version: int) -> None:
        await store.upsert_embeddings(
            [item(f"v{version} 글 {n}", ordinal=n, version=version) for n in range(sizes[version])]
        )

    await write(1)
    writing = asyncio.create_task(_in_turn(write, range(2, 10)))
    seen = set[str]()
    while not writing.done():
        for text in (None, "글"):
            hits = await store.query(ONES, 100, MINE, text)
            (version,) = {hit.metadata["text"].split()[0] for hit in hits}
            assert len(hits) == sizes[int(version[1:])]
            seen.add(version)
        await asyncio.sleep(0)
    await writing
    assert {hit.metadata["version"] for hit in await store.query(ONES, 100, MINE)} == {9}
    assert await store.count() == sizes[9]


async def _in_turn(write: Callable[[int], Awaitable[None]], versions: range) -> None:
    for version in versions:
        await write(version)
        await asyncio.sleep(0.005)


# --- deletions that last ---


async def test_a_late_writer_does_not_bring_a_deleted_document_back(store: VectorStoreAdapter, item: Items) -> None:
    await store.upsert_embeddings([item(f"글 {n}", ordinal=n, version=3) for n in range(3)])
    await store.upsert_embeddings([item("남의 글", doc=2)])
    assert await store.delete_by_doc_id(ONE, version=3) == 3
    for version in (1, 2, 3):
        assert await store.upsert_embeddings([item("늦은 글", version=version), item("남의 글", doc=2)]) == 1
    assert await store.update_scopes(ONE, ["user:a"], version=9) == 0
    assert await store.tombstone(ONE.upper()) == 3
    assert await store.ids(ONE) == {}
    assert [hit.metadata["text"] for hit in await store.query(ONES, 9, MINE, "늦은")] == ["남의 글"]


async def test_a_tombstone_is_no_chunk(store: VectorStoreAdapter, item: Items) -> None:
    await store.delete_by_doc_id(ONE, version=1)
    assert await store.count() == await store.count({"doc_id": ONE}) == 0
    assert await store.count({"scopes": None}) == await store.count({"title": {"not": "가"}}) == 0
    assert await store.scroll() == []
    assert (await store.checksum(ONE)).chunks == 0
    assert await store.query(ONES, 5, MINE | {"doc_id": ONE}, "글") == []


async def test_a_newer_version_ends_a_tombstone_and_is_spared_by_a_late_deletion(
    store: VectorStoreAdapter, item: Items
) -> None:
    await store.delete_by_doc_id(ONE, version=4)
    assert await store.upsert_embeddings([item("다시", version=5)]) == 1
    assert await store.tombstone(ONE) is None
    assert await store.delete_by_doc_id(ONE, version=4) == 0
    assert await store.count() == 1
    assert await store.delete_by_doc_id(ONE, version=5) == 1
    assert await store.delete_by_doc_id(ONE, version=2) == 0
    assert await store.tombstone(ONE) == 5


async def test_a_deletion_without_a_version_leaves_nothing(store: VectorStoreAdapter, item: Items) -> None:
    await store.upsert_embeddings([item(version=2)])
    assert await store.delete_by_doc_id(ONE) == 1
    assert await store.tombstone(ONE) is None
    assert await store.upsert_embeddings([item(version=1)]) == 1


async def test_purging_forgets_old_deletions_alone(store: VectorStoreAdapter, item: Items) -> None:
    await store.upsert_embeddings([item("남의 글", doc=2)])
    await store.delete_by_doc_id(ONE, version=2)
    assert await store.purge_tombstones(older_than_seconds=3_600) == 0
    assert await store.upsert_embeddings([item(version=2)]) == 0
    assert await store.purge_tombstones(older_than_seconds=0) == 1
    assert await store.purge_tombstones(older_than_seconds=0) == 0
    assert await store.upsert_embeddings([item(version=2)]) == 1
    assert await store.count() == 2


async def test_a_deletion_and_late_writers_at_once_end_deleted(store: VectorStoreAdapter, item: Items) -> None:
    await store.upsert_embeddings([item(ordinal=n) for n in range(5)])
    late = [store.upsert_embeddings([item(ordinal=n) for n in range(5)]) for _ in range(4)]
    await asyncio.gather(*late[:2], store.delete_by_doc_id(ONE, version=1), *late[2:])
    assert await store.count() == 0


async def test_deletions_that_cannot_be_meant_are_refused(store: VectorStoreAdapter, item: Items) -> None:
    await store.upsert_embeddings([item()])
    for version in (-1, "2", True, 2**31, 1.5):
        with pytest.raises(ItemInvalid):
            await store.delete_by_doc_id(ONE, version=version)  # type: ignore[arg-type]
    assert await store.count() == 1


# --- what a migration reads ---


async def test_ids_tell_chunks_and_versions(store: VectorStoreAdapter, item: Items) -> None:
    items = [item(ordinal=n, version=2) for n in range(3)]
    await store.upsert_embeddings([*items, item(doc=2)])
    assert await store.ids(ONE.upper()) == {key: 2 for key, _, _ in items}
    await store.update_scopes(ONE, ["user:b"], version=7)
    assert set((await store.ids(ONE)).values()) == {7}
    assert await store.ids(str(uuid.UUID(int=5))) == {}


async def test_an_exact_search_is_that_of_a_whole_scan(
    store: VectorStoreAdapter, model: EmbeddingModel, item: Items
) -> None:
    """Chunks that neither arm's first candidates hold: fair by meaning and fair by words, so best by both."""
    rng = np.random.default_rng(9)
    items = [
        item(" ".join(rng.choice(["가나", "다라", "마바", "사아"], size=3)), ordinal=n, vector=rng.normal(size=8) + 1)
        for n in range(300)
    ]
    reference = MemoryAdapter(model=model, analyser=BigramTerms())
    for each in (reference, store):
        await each.upsert_embeddings(items)
    for n in range(10):
        vector = rng.normal(size=8) + n / 10
        found = await store.query(vector, 5, MINE, "가나 다라 바사", exact=True)
        expected = await reference.query(vector, 5, MINE, "가나 다라 바사", exact=True)
        assert [hit.id for hit in found] == [hit.id for hit in expected]
        assert [hit.score for hit in found] == pytest.approx([hit.score for hit in expected], abs=2e-6)


async def test_hits_tell_their_place_on_either_side_of_the_search(store: VectorStoreAdapter, item: Items) -> None:
    axes = np.eye(8)
    await store.upsert_embeddings(
        [
            item("바다", ordinal=0, vector=axes[0]),
            item("학교 바다", ordinal=1, vector=axes[0] + axes[1]),
            item("학교", ordinal=2, vector=axes[1]),
        ]
    )
    hits = {hit.metadata["ordinal"]: hit for hit in await store.query(axes[0], 3, MINE, "학교")}
    assert [hits[n].dense_rank for n in range(3)] == [1, 2, 3]
    assert [hits[n].lexical_rank for n in range(3)] == [None, 2, 1]
    for hit in await store.query(axes[0], 3, MINE):
        assert hit.lexical_rank is None


async def test_a_dropped_index_is_gone_and_can_be_made_again(store: VectorStoreAdapter, item: Items) -> None:
    await store.upsert_embeddings([item()])
    await store.delete_by_doc_id(str(uuid.UUID(int=2)), version=3)
    await store.drop_index()
    await store.drop_index()
    await store.ensure_index()
    assert await store.count() == 0
    assert await store.tombstone(str(uuid.UUID(int=2))) is None
    assert await store.upsert_embeddings([item(), item(doc=2)]) == 2


# --- changing who may find a document ---


async def _found_by(store: VectorStoreAdapter, *scopes: str) -> set[str]:
    """The documents that holders of these scopes find; searched and counted, which must agree."""
    hits = await store.query(ONES, 100, {"scopes": list(scopes)}, "본문")
    assert await store.count({"scopes": list(scopes)}) == len(hits)
    return {hit.doc_id for hit in hits}


async def test_changed_scopes_act_on_the_whole_document_and_on_no_other(store: VectorStoreAdapter, item: Items) -> None:
    await store.upsert_embeddings([item(doc=doc, ordinal=n) for doc in (1, 2) for n in range(3)])
    assert await store.update_scopes(ONE.upper(), ["class:c", "user:a", "class:c"], version=2) == 3
    assert await _found_by(store, "class:c") == {ONE}
    assert await _found_by(store, "user:a") == {ONE, str(uuid.UUID(int=2))}
    (hit,) = await store.query(ONES, 1, {"scopes": ["class:c"]})
    assert (hit.metadata["scopes"], hit.metadata["version"]) == (["class:c", "user:a"], 2)

    assert await store.update_scopes(ONE, {"user:a"}, version=3) == 3
    assert await _found_by(store, "class:c") == set()
    assert await store.count({"doc_id": ONE}) == 3


async def test_changing_scopes_leaves_vectors_texts_and_terms(store: VectorStoreAdapter, item: Items) -> None:
    await store.upsert_embeddings([item(f"낱말{n}", ordinal=n, vector=ONES, page_from=n) for n in range(3)])
    before = await store.scroll()
    await store.update_scopes(ONE, ["user:a", "class:c"], version=2)
    after = await store.scroll()
    for (key, vector, metadata), (same, kept, changed) in zip(before, after, strict=True):
        assert key == same
        assert np.array_equal(vector, kept)
        assert {**metadata, "scopes": ["class:c", "user:a"], "version": 2} == changed
    best = (await store.query(ONES, 1, MINE, "낱말2"))[0]
    assert best.metadata["text"] == "낱말2"
    assert best.lexical > 0


async def test_of_two_changes_the_later_stays_in_whatever_order_they_come(
    store: VectorStoreAdapter, item: Items
) -> None:
    await store.upsert_embeddings([item()])
    assert await store.update_scopes(ONE, ["user:a"], version=5) == 1
    assert await store.update_scopes(ONE, ["user:a", "class:c"], version=4) == 0
    assert await _found_by(store, "class:c") == set()
    for _ in range(2):
        assert await store.update_scopes(ONE, ["user:a", "class:d"], version=6) == 1
    assert await _found_by(store, "class:d") == {ONE}


async def test_a_writer_that_is_late_does_not_undo_a_change_of_scopes(store: VectorStoreAdapter, item: Items) -> None:
    written = [item(ordinal=n) for n in range(2)]
    await store.upsert_embeddings(written)
    await store.update_scopes(ONE, ["class:c"], version=2)
    assert await store.upsert_embeddings(written) == 0
    assert await _found_by(store, "user:a") == set()
    assert await _found_by(store, "class:c") == {ONE}


async def test_scopes_of_a_document_that_is_not_there_bring_nothing(store: VectorStoreAdapter, item: Items) -> None:
    assert await store.update_scopes(ONE, ["user:a"], version=1) == 0
    assert await store.count() == 0


async def test_scopes_that_cannot_be_meant_are_refused(store: VectorStoreAdapter, item: Items) -> None:
    await store.upsert_embeddings([item()])
    for scopes in ([], "user:a", [None], [f"class:{n}" for n in range(1_001)], ["x" * 1_001], None):
        with pytest.raises(ItemInvalid):
            await store.update_scopes(ONE, scopes, version=2)  # type: ignore[arg-type]
    for version in (-1, None, "2", True, 2**31):
        with pytest.raises(ItemInvalid):
            await store.update_scopes(ONE, ["user:b"], version=version)  # type: ignore[arg-type]
    with pytest.raises(ItemInvalid):
        await store.update_scopes("' OR true --", ["user:b"], version=2)
    assert await _found_by(store, "user:a") == {ONE}


# --- deleting, reading back ---


async def test_delete_says_how_many_and_leaves_others(store: VectorStoreAdapter, item: Items) -> None:
    await store.upsert_embeddings([item(doc=doc, ordinal=n) for doc in (1, 2) for n in range(3)])
    assert await store.delete_by_doc_id(str(uuid.UUID(int=1)).upper()) == 3
    assert await store.delete_by_doc_id(str(uuid.UUID(int=1))) == 0
    assert await store.count({"doc_id": str(uuid.UUID(int=1))}) == 0
    assert await store.count() == 3
    with pytest.raises(ItemInvalid):
        await store.delete_by_doc_id("' OR true --")


async def test_scroll_gives_everything_once_in_order_ready_for_another_store(
    store: VectorStoreAdapter, model: EmbeddingModel, item: Items
) -> None:
    await store.upsert_embeddings([item(f"글 {n}", doc=n % 3, ordinal=n) for n in range(25)])
    copy = MemoryAdapter(model=model, analyser=BigramTerms())
    after, pages, seen = None, 0, list[Item]()
    while page := await store.scroll(after=after, limit=10):
        seen += page
        after, pages = page[-1][0], pages + 1
    assert pages == 3
    assert [key for key, _, _ in seen] == sorted({key for key, _, _ in seen})
    await copy.upsert_embeddings(seen)
    for doc in range(3):
        theirs = await copy.checksum(str(uuid.UUID(int=doc)))
        assert theirs.chunks in (8, 9)
        assert theirs.matches(await store.checksum(str(uuid.UUID(int=doc))))


async def test_headings_are_kept_in_their_order_by_a_change_of_scopes_and_are_part_of_the_proof(
    store: VectorStoreAdapter, item: Items
) -> None:
    texts = {0: ["나", "가"], 1: ["가", "나"], 2: [], 3: None}
    written = [item("글", ordinal=n, **({"headings": each} if each is not None else {})) for n, each in texts.items()]
    await store.upsert_embeddings(written)
    before = await store.checksum(ONE)
    held = {data["ordinal"]: data["headings"] for _, _, data in await store.scroll()}
    assert held == {n: each or [] for n, each in texts.items()}

    await store.update_scopes(ONE, ["user:a"], version=1)
    assert before.matches(await store.checksum(ONE))
    await store.upsert_embeddings([item("글", ordinal=n, headings=["가", "나"]) for n in texts])
    assert not before.matches(await store.checksum(ONE))


async def test_nobody_filters_by_headings(store: VectorStoreAdapter, item: Items) -> None:
    with pytest.raises(FilterInvalid, match="headings"):
        await store.count({"headings": "가"})


async def test_checksums_tell_documents_apart(store: VectorStoreAdapter, item: Items) -> None:
    await store.upsert_embeddings([item("글", ordinal=0)])
    before = await store.checksum(str(uuid.UUID(int=1)))
    await store.upsert_embeddings([item("글", ordinal=0, title="새 제목")])
    assert not before.matches(await store.checksum(str(uuid.UUID(int=1))))
    assert (await store.checksum(str(uuid.UUID(int=5)))).chunks == 0
