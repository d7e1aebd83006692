"""Nouns are found whatever particle they stand with: the short form of `make bench-retrieval`, on the real index."""

from collections.abc import Callable

import pytest

from retrieval.chunks import Item
from retrieval.pgvector import PgVectorAdapter
from retrieval.terms import KiwiTerms

TEXTS = {
    "기숙사": "본가가 먼 신입은 여덟 주 동안 기숙사에서 지낼 수 있습니다.",
    "튜플": "리스트와 달리 튜플은 만든 뒤에 바꿀 수 없습니다.",
    "가지급금": "출장을 떠나기 전에 가지급금을 받습니다.",
    "귀마개": "소음이 큰 곳에서는 귀마개를 더합니다.",
    "위임장": "가족이라도 위임장이 없으면 알려 주지 않습니다.",
    "논문": "졸업하려면 논문과 외국어 시험을 채워야 합니다.",
    "렌즈": "카메라의 렌즈를 깨뜨리면 수리비를 냅니다.",
    "목걸이": "방문객은 노란 목걸이를 겁니다.",
    "꺾은선": "흐름을 보이려면 꺾은선으로 그립니다.",
    "군집화": "비슷한 고객끼리 묶는 것이 군집화입니다.",
}
AFTER_CONSONANT = ("은", "이", "을", "과", "으로", "에서", "에", "의", "도", "만", "까지", "부터")
AFTER_VOWEL = ("는", "가", "를", "와", "로", "에서", "에", "의", "도", "만", "까지", "부터")


def with_particles(noun: str) -> list[str]:
    final = (ord(noun[-1]) - ord("가")) % 28
    return [noun + particle for particle in (AFTER_CONSONANT if final else AFTER_VOWEL)]


@pytest.fixture
async def store(pgvector: Callable[..., PgVectorAdapter], item: Callable[..., Item]) -> PgVectorAdapter:
    async with pgvector(analyser=KiwiTerms()) as made:
        await made.ensure_index()
        # Equal vectors: what is first is so by its words.
        await made.upsert_embeddings([item(text, ordinal=n, vector=[1.0] * 8) for n, text in enumerate(TEXTS.values())])
        yield made


async def test_ten_of_ten_nouns_are_found_with_every_particle(store: PgVectorAdapter) -> None:
    missed = [
        asked
        for noun, text in TEXTS.items()
        for asked in with_particles(noun)
        if [hit.metadata["text"] for hit in await store.query([1.0] * 8, 1, {"scopes": ["user:a"]}, asked)] != [text]
    ]
    assert missed == []


async def test_hits_tell_their_place_on_each_side(store: PgVectorAdapter) -> None:
    hits = await store.query([1.0] * 8, 3, {"scopes": ["user:a"]}, "위임장과 목걸이")

    assert [hit.lexical_rank for hit in hits] == [1, 2, None]
    assert all(hit.dense_rank in range(1, 11) for hit in hits)
    assert len({hit.dense_rank for hit in hits}) == 3
