"""How well a sentence answers a question, and when that is too little to answer.

    evidence(sentence) = cosine + weight · coverage      (a bare heading counts HEADING_COST less)

`cosine` compares the question with the sentence; `coverage`, 0..1, is the share of the question's words that stand in
the sentence, words that few of the found sentences hold weighing more. The best sentences are the answer; when even the
best stays below its threshold, there is none. Words tell sentences apart (weight `choice`) better than they tell
whether there is an answer at all (weight `enough`): people ask in words of their own.
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
    """The evidence from which a question is answered, by the languages of the question and of the sentence.

    Another embedding model has other cosines and needs its own figures.
    """

    choice: float  # weight of coverage when sentences compete
    enough: float  # weight of coverage when the best is held against its threshold
    korean: float
    other: float
    korean_of_other: float  # the question is Korean, the sentence is not
    other_of_korean: float

    def of(self, *, question_is_korean: bool, sentence_is_korean: bool) -> float:
        if question_is_korean:
            return self.korean if sentence_is_korean else self.korean_of_other
        return self.other_of_korean if sentence_is_korean else self.other


# Measured for multilingual-e5-small (int8) on the five best of 1,653 KorQuAD passages of 250 tokens, by cosine +
# 0.2 · lexical. Questions: 1,000 as asked there, which copy the text's words; 30 of them put into other words; 96 of
# them asked in English. "Refused": the same questions when no answer is there, because the paragraph (its article
# stays: the hardest case) or the whole article is taken out of the index.
#
#   Korean                answered: as asked   reworded    refused: no paragraph   no article   reworded, no article
#     0.850                          .996         .96               .21                .65             .68
#     0.860 (chosen)                 .993         .93               .36                .82             .79
#     0.870                          .976         .82               .51                .90             .86
#     0.880                          .943         .82               .66                .95             .96
#     0.890                          .892         .64               .78                .98            1.00
#   The highest round value that answers 95 % of a mix, half as asked and half reworded. The right sentence is among
#   those shown for .88 of the questions as asked, .63 of the reworded.
#
#   English on Korean     answered: all   where the right sentence is found    refused: no paragraph   no article
#     0.770                        .97                 1.00                              .11               .29
#     0.780 (chosen)               .89                  .98                              .34               .62
#     0.790                        .74                  .81                              .61               .82
#
#   English, 45 questions answered by two sets of English documents and 30 that are not: 0.84 answers .96, refuses .87.
#   Korean on English, 20 and 14 of the same: 0.80 answers .85 and refuses all; 0.78 answers .95 and refuses .43.
#
# Also measured, each without a gain: the distance from the mean cosine of the other sentences, of the index, of
# generic sentences; the passage's own cosine; cosines of the question less one word; of its nouns alone; of single
# words. Weights of 0.2 and 0.5 answer fewer reworded questions at the same refusals.
E5_SMALL = Thresholds(choice=0.1, enough=0.05, korean=0.86, other=0.84, korean_of_other=0.8, other_of_korean=0.78)


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
    known = list(zip(sentences, cosines, covered, strict=True))
    question_is_korean = is_korean(question)
    enough = (
        _evidence(sentence, cosine, thresholds.enough * cover)
        >= thresholds.of(question_is_korean=question_is_korean, sentence_is_korean=sentence.is_korean)
        for sentence, cosine, cover in known
    )
    if not any(enough):
        return []
    merit = [_evidence(sentence, cosine, thresholds.choice * cover) for sentence, cosine, cover in known]
    best = _best_first(merit)[:_SENTENCES]
    return [index for index in best if merit[index] >= merit[best[0]] - _SECOND]


def _evidence(sentence: Sentence, cosine: float, words: float) -> float:
    return cosine + words - (_HEADING_COST if sentence.is_heading else 0)


def _best_first(values: Sequence[float]) -> list[int]:
    return sorted(range(len(values)), key=lambda index: -values[index])


def _holds(term: str, text: str, packed: str) -> bool:
    """Korean words grow endings and compounds, so a term counts anywhere; a Latin one only where a word starts."""
    return re.search(rf"\b{re.escape(term)}", text) is not None if term.isascii() else term in packed
