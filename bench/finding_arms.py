"""The three ways to search, through the real store, embedding server and Kiwi; and how well each one finds."""

import asyncio
import math
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from finding_corpus import Corpus, Question
from numpy.typing import NDArray

from retrieval.chunks import Item
from retrieval.embeddings import MeteredEmbeddings
from retrieval.models import EmbeddingModel
from retrieval.pgvector import PgVectorAdapter
from retrieval.store import Hit
from retrieval.terms import KiwiTerms

ARMS = ("dense", "lexical", "hybrid")
_DEPTH = 10
# A passage may be several chunks, so more chunks are asked for than passages are looked at.
_TOP_K = 40
_AT_ONCE = 2
# Words decide, and meaning between equals only: the same store and terms, without an arm of their own.
_WORDS_ALONE = 1_000.0


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over the questions of a set."""

    recall_1: float
    recall_5: float
    mrr_10: float
    ndcg_10: float


class Arms:
    def __init__(self, url: str, embeddings: MeteredEmbeddings) -> None:
        self._embeddings = embeddings
        analyser, model = KiwiTerms(), embeddings.model
        self._hybrid = PgVectorAdapter(url, model=model, analyser=analyser, collection="bench")
        self._words = PgVectorAdapter(url, model=_of_words(model), analyser=analyser, collection="bench")
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._opened.enter_async_context(self._hybrid)
        await self._opened.enter_async_context(self._words)
        await self._hybrid.ensure_index()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._opened.aclose()

    async def add(self, corpus: Corpus) -> None:
        texts = [each.said for passages in corpus.documents.values() for each in passages]
        vectors = iter((await self._embeddings.embed(texts, "passage")).vectors)
        for doc_id, passages in corpus.documents.items():
            # The passage's name as the title, which no arm reads, tells what a hit belongs to.
            of_all = {"doc_id": str(doc_id), "scopes": [corpus.name]}
            items: list[Item] = [
                (each.chunk_id, next(vectors), of_all | {"text": each.said, "title": each.passage}) for each in passages
            ]
            await self._hybrid.upsert_embeddings(items)

    async def rankings(self, corpus: Corpus, questions: Sequence[Question]) -> dict[str, list[list[str]]]:
        """By arm and question: the passages, the best first."""
        vectors = (await self._embeddings.embed([each.text for each in questions], "query")).vectors
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one(arm: str, question: Question, vector: NDArray[np.float32]) -> list[str]:
            async with turns:
                return await self._rank(arm, corpus, question, vector)

        return {
            arm: await asyncio.gather(*(one(arm, *each) for each in zip(questions, vectors, strict=True)))
            for arm in ARMS
        }

    async def _rank(self, arm: str, corpus: Corpus, question: Question, vector: NDArray[np.float32]) -> list[str]:
        store = self._words if arm == "lexical" else self._hybrid
        text = None if arm == "dense" else question.text
        hits = await store.query(vector, _TOP_K, {"scopes": [corpus.name]}, text)
        return _passages([hit for hit in hits if arm != "lexical" or hit.lexical > 0])


def _of_words(model: EmbeddingModel) -> EmbeddingModel:
    return replace(model, lexical_weight=_WORDS_ALONE)


def _passages(hits: Sequence[Hit]) -> list[str]:
    return list(dict.fromkeys(str(hit.metadata["title"]) for hit in hits))[:_DEPTH]


def quality(questions: Sequence[Question], rankings: Sequence[Sequence[str]]) -> Quality:
    places = [
        [rank for rank, passage in enumerate(ranking, start=1) if passage in question.passages]
        for question, ranking in zip(questions, rankings, strict=True)
    ]
    return Quality(
        recall_1=_mean([1 in ranks for ranks in places]),
        recall_5=_mean([any(rank <= 5 for rank in ranks) for ranks in places]),
        mrr_10=_mean([1 / ranks[0] if ranks else 0.0 for ranks in places]),
        ndcg_10=_mean([_ndcg(ranks, len(each.passages)) for each, ranks in zip(questions, places, strict=True)]),
    )


def _ndcg(ranks: Sequence[int], wanted: int) -> float:
    best = sum(1 / math.log2(rank + 1) for rank in range(1, min(wanted, _DEPTH) + 1))
    return sum(1 / math.log2(rank + 1) for rank in ranks) / best


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
