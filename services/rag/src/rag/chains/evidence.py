"""How well a sentence answers a question: cosine + weight × lexical, and when that is too little to answer.

Figures (multilingual-e5-small int8; KorQuAD dev, 1,000 questions, the five best 250-token passages of 1,653):
see `Thresholds`. Another embedding model has other cosines and needs its own figures.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rag.chains.passages import is_korean
from rag.chains.sentences import Sentence

type Vectors = np.ndarray[tuple[int, int], np.dtype[np.float32]]

# Words that ask: they stand in questions and not in answers, so they say nothing about coverage.
_ASKING = frozenset(
    "무엇 뭐 누구 누가 어디 언제 어느 어떤 어떻게 어떻 얼마 얼마나 몇 왜 이름 말 것 수 때 경우 정도 년도 하 되 있 없 이 그 알리 "
    "알 주 대하 위하 따르 의하 통하 "
    "a an and are as at be by can could did do does for from had has have how i in is it its many me much must my of on "
    "or shall should tell than that the their there they this to was we were what when where which who whom whose why "
    "will with would you your".split()
)
_CANDIDATES = 12  # sentences worth embedding when words tell them apart (measured: the same answers as with all)
_CANDIDATES_BY_RANK = 16  # and when they do not, as with an English question on Korean text
_RANK_COST = 0.05  # coverage that a sentence of the next passage must have more
_HEADING_COST = 0.05
_ANSWER_SENTENCES = 2


@dataclass(frozen=True, slots=True)
class Thresholds:
    """`evidence` of the best sentence from which a question is answered."""

    same_script: float
    other_script: float
    weight: float  # of coverage in the evidence
    choice_weight: float  # of coverage when sentences compete with each other


E5_SMALL = Thresholds(same_script=0.895, other_script=0.78, weight=0.1, choice_weight=0.1)


def question_terms(terms: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(term for term in map(str.lower, terms) if term not in _ASKING))


def coverage(terms: Sequence[str], sentences: Sequence[Sentence]) -> list[float]:
    """Per sentence the share, 0..1, of the question's terms that stand in it; rare terms weigh more."""
    texts = [re.sub(r"\s+", " ", sentence.in_context).lower() for sentence in sentences]
    packed = [text.replace(" ", "") for text in texts]
    holds = [[_holds(term, text, tight) for term in terms] for text, tight in zip(texts, packed, strict=True)]
    found = [sum(row[column] for row in holds) for column in range(len(terms))]
    weights = [math.log(1 + (len(texts) - count + 0.5) / (count + 0.5)) for count in found]
    whole = sum(weights) or 1.0
    return [sum(weight for weight, held in zip(weights, row, strict=True) if held) / whole for row in holds]


def preselect(sentences: Sequence[Sentence], covered: Sequence[float]) -> list[int]:
    """Indexes of the sentences worth embedding, in order."""
    ranks = {document: rank for rank, document in enumerate(dict.fromkeys(s.document for s in sentences))}
    count = _CANDIDATES if any(covered) else _CANDIDATES_BY_RANK
    merit = [cover - _RANK_COST * ranks[s.document] for s, cover in zip(sentences, covered, strict=True)]
    return sorted(sorted(range(len(sentences)), key=lambda index: -merit[index])[:count])


def choose(
    question: str,
    sentences: Sequence[Sentence],
    *,
    covered: Sequence[float],
    cosines: Sequence[float],
    thresholds: Thresholds,
) -> list[int]:
    """Indexes of at most two sentences, the better one first; none when the evidence is too little."""
    korean = is_korean(question)
    answers = any(
        cosine + thresholds.weight * cover - _HEADING_COST * sentence.is_heading
        >= (thresholds.same_script if is_korean(sentence.text) == korean else thresholds.other_script)
        for sentence, cover, cosine in zip(sentences, covered, cosines, strict=True)
    )
    if not answers:
        return []
    merit = [
        cosine + thresholds.choice_weight * cover - _HEADING_COST * sentence.is_heading
        for sentence, cover, cosine in zip(sentences, covered, cosines, strict=True)
    ]
    return sorted(range(len(sentences)), key=lambda index: -merit[index])[:_ANSWER_SENTENCES]


def _holds(term: str, text: str, packed: str) -> bool:
    """Korean words grow endings and compounds, so a term counts anywhere; a Latin one only where a word starts."""
    return re.search(rf"\b{re.escape(term)}", text) is not None if term.isascii() else term in packed
