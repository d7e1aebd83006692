"""How well a sentence answers a question, and when that is too little to answer.

    evidence(sentence) = cosine + WEIGHT · coverage      (a bare heading counts HEADING_COST less)

`cosine` compares the question with the sentence; `coverage`, 0..1, is the share of the question's words that stand in
the sentence, words that few of the found sentences hold weighing more. The best sentences by evidence are the answer;
when even the best stays below its threshold, there is none.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.chains.passages import is_korean
from rag.chains.sentences import Sentence

type Vectors = NDArray[np.float32]

# Characters of sentences worth embedding, because the answer waits for them: a third of five passages when the words of
# the question tell sentences apart (measured: the same answers as with all of them), more when they do not, as for an
# English question on Korean text. In any case one batch.
_CHARACTERS = 700
_CHARACTERS_BY_RANK = 1_500
_TELLING = 0.2
_CANDIDATES = 32
_RANK_COST = 0.05  # coverage that a sentence of the next passage must have more to be embedded before this one's
_HEADING_COST = 0.05
_SENTENCES = 2
_SECOND = 0.06  # a second sentence this far below the first adds nothing: 1.5 sentences instead of 2 an answer

# Words that ask: they stand in questions and not in answers, so they say nothing about coverage.
_ASKING_WORDS = """
무엇 뭐 누구 누가 어디 언제 어느 어떤 어떻게 어떻 얼마 얼마나 몇 왜 이름 말 것 수 때 경우 정도 년도 하 되 있 없 이 그
알 알리 주 대하 위하 따르 의하 통하
a an and any are as at be by can could did do does for from had has have how i if in is it its many me much must my of
on or our shall should tell than that the their there they this to was we were what when where which who whom whose
why will with would you your
"""
_ASKING = frozenset(_ASKING_WORDS.split())


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The evidence from which a question is answered: by a sentence of its own script, or of another.

    Figures for multilingual-e5-small (int8), KorQuAD dev: 1,000 questions, the five best of 1,653 passages of 250
    tokens by cosine + 0.2 · lexical. "no paragraph": the same question with its paragraph taken out of the index (its
    article stays, so this is the hardest case); "no article": with the whole article taken out.

        same script, WEIGHT 0.1     answered: as asked   reworded (30)   refused: no paragraph   no article
            0.880                          .991             .82                 .52                .89
            0.890                          .971             .79                 .64                .94
            0.895                          .960             .79                 .69                .95
            0.900                          .945             .68                 .76                .96
            0.910                          .906             .57                 .83                .98
        WEIGHT 0.2 answers .967 / .75 where it refuses .68 / .93: better at copied words, worse at other words.

        English on Korean (96)      answered: all   found by the answer's sentence   no paragraph   no article
            0.770                        .97                   1.00                       .13           .35
            0.780                        .85                    .97                       .39           .66
            0.790                        .68                    .79                       .61           .86
        The cosine alone: its distance from the other sentences, from the mean of the index or from generic sentences,
        the passage's own cosine, and cosines without one word of the question each were measured and add nothing.

    Other embedding models have other cosines and need their own figures.
    """

    same_script: float
    other_script: float
    weight: float


E5_SMALL = Thresholds(same_script=0.895, other_script=0.78, weight=0.1)


def question_terms(terms: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(term for term in map(str.lower, terms) if term not in _ASKING))


def coverage(terms: Sequence[str], sentences: Sequence[Sentence]) -> list[float]:
    texts = [re.sub(r"\s+", " ", sentence.in_context).lower() for sentence in sentences]
    packed = [text.replace(" ", "") for text in texts]
    holds = [[_holds(term, text, tight) for term in terms] for text, tight in zip(texts, packed, strict=True)]
    counts = [sum(row[column] for row in holds) for column in range(len(terms))]
    weights = [math.log1p((len(texts) - count + 0.5) / (count + 0.5)) for count in counts]
    whole = sum(weights) or 1.0
    return [sum(weight for weight, held in zip(weights, row, strict=True) if held) / whole for row in holds]


def preselect(sentences: Sequence[Sentence], covered: Sequence[float]) -> list[int]:
    """Indexes of the sentences worth embedding, in order."""
    ranks = {document: rank for rank, document in enumerate(dict.fromkeys(s.document for s in sentences))}
    merit = [cover - _RANK_COST * ranks[s.document] for s, cover in zip(sentences, covered, strict=True)]
    room = _CHARACTERS if max(covered, default=0) >= _TELLING else _CHARACTERS_BY_RANK
    chosen: list[int] = []
    for index in _best_first(merit)[:_CANDIDATES]:
        room -= len(sentences[index].in_context)
        if room < 0 and chosen:
            break
        chosen.append(index)
    return sorted(chosen)


def choose(
    question: str,
    sentences: Sequence[Sentence],
    *,
    covered: Sequence[float],
    cosines: Sequence[float],
    thresholds: Thresholds,
) -> list[int]:
    """Indexes of at most two sentences, the better one first; none when the evidence is too little."""
    evidence = [
        cosine + thresholds.weight * cover - _HEADING_COST * sentence.is_heading
        for sentence, cover, cosine in zip(sentences, covered, cosines, strict=True)
    ]
    korean = is_korean(question)
    enough = (
        amount >= (thresholds.same_script if is_korean(sentence.text) == korean else thresholds.other_script)
        for sentence, amount in zip(sentences, evidence, strict=True)
    )
    if not any(enough):
        return []
    best = _best_first(evidence)[:_SENTENCES]
    return [index for index in best if evidence[index] >= evidence[best[0]] - _SECOND]


def _best_first(values: Sequence[float]) -> list[int]:
    return sorted(range(len(values)), key=lambda index: -values[index])


def _holds(term: str, text: str, packed: str) -> bool:
    """Korean words grow endings and compounds, so a term counts anywhere; a Latin one only where a word starts."""
    return re.search(rf"\b{re.escape(term)}", text) is not None if term.isascii() else term in packed
