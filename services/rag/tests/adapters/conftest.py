"""A stand-in for the embedder: texts that share words are near, with cosines in e5's range; two languages meet."""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pytest

from rag.adapters.llm_extractive import ExtractiveChatModel
from rag.chains.evidence import Vectors
from retrieval import kiwi
from retrieval.sentences import split_sentences
from retrieval.terms import KiwiTerms

_MEANINGS = {"tuition": "수강료", "start": "개강", "refund": "환불", "days": "영업일"}
_COMMON = 0.72  # every cosine is at least this, as with e5
_WORDS = 65_536  # so many that two words hardly ever meet by chance


@dataclass
class Embedder:
    calls: list[tuple[str, list[str]]] = field(default_factory=list)
    tokens: int = 0

    async def __call__(self, texts: list[str], kind: Literal["query", "passage"]) -> tuple[Vectors, int]:
        self.calls.append((kind, texts))
        tokens = sum(len(text.split()) + 2 for text in texts)
        self.tokens += tokens
        return np.array([_vector(text) for text in texts], dtype=np.float32), tokens


def _vector(text: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    own = np.zeros(_WORDS)
    for word in re.findall(r"\w+", text.lower()):
        stem = _MEANINGS.get(word, word)[:2]
        own[int.from_bytes(hashlib.sha256(stem.encode()).digest()[:4]) % _WORDS] += 1
    own /= max(float(np.linalg.norm(own)), 1e-9)
    return np.concatenate([[np.sqrt(_COMMON)], np.sqrt(1 - _COMMON) * own])


@pytest.fixture
def embedder() -> Embedder:
    return Embedder()


@pytest.fixture(scope="session", autouse=True)
def loaded_kiwi() -> None:
    kiwi.load()


@pytest.fixture
def model(embedder: Embedder) -> ExtractiveChatModel:
    def split(text: str) -> list[tuple[int, int]]:
        return [(sentence.start, sentence.end) for sentence in split_sentences(text)]

    return ExtractiveChatModel(embed=embedder, terms=KiwiTerms().terms, split=split)
