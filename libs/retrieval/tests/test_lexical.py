import math

import pytest

from retrieval.lexical import (
    MAX_CHUNK_TERMS,
    MAX_QUERY_TERMS,
    TERM_IDS,
    chunk_weights,
    query_ids,
    query_weights,
    term_id,
)


def test_term_ids_are_stored_and_so_must_never_change() -> None:
    assert (term_id("학교"), term_id("school")) == (147_385_806, 96_807_950)
    assert all(0 <= term_id(str(n)) < TERM_IDS for n in range(1000))
    assert term_id("\ud800") >= 0


def test_a_chunk_with_every_word_of_the_question_scores_near_one_and_never_more() -> None:
    ids = query_ids(["학교", "서울"])
    weights = query_weights(ids, containing=[5, 1], total=10)
    assert sum(weights.values()) == pytest.approx(1)
    full = chunk_weights(["학교", "서울"] * 500, average_terms=1000)
    assert 0.99 < sum(weights[term] * full[term] for term in ids) < 1


def test_a_rare_word_weighs_more_and_a_word_in_every_chunk_still_weighs() -> None:
    rare, common = query_ids(["a", "b"])
    weights = query_weights([rare, common], containing=[1, 100], total=100)
    assert weights[rare] > 10 * weights[common] > 0


def test_repeats_saturate_and_length_dilutes() -> None:
    once = chunk_weights(["x"] + ["y"] * 99, average_terms=100)[term_id("x")]
    thrice = chunk_weights(["x"] * 3 + ["y"] * 97, average_terms=100)[term_id("x")]
    in_long = chunk_weights(["x"] + ["y"] * 999, average_terms=100)[term_id("x")]
    assert in_long < once < thrice < 3 * once
    assert once == pytest.approx(1 / (1 + 0.9))


def test_no_words_no_weights() -> None:
    assert query_weights([], containing=[], total=0) == {}
    assert chunk_weights([], average_terms=10) == {}


def test_long_questions_and_huge_chunks_are_bounded() -> None:
    assert len(query_ids([str(n) for n in range(500)])) == MAX_QUERY_TERMS
    assert len(chunk_weights([str(n) for n in range(MAX_CHUNK_TERMS + 10)], average_terms=10)) == MAX_CHUNK_TERMS


def test_an_unseen_word_has_the_largest_finite_weight() -> None:
    (unseen, seen) = query_ids(["a", "b"])
    weights = query_weights([unseen, seen], containing=[0, 1], total=1)
    assert math.isfinite(weights[unseen])
    assert weights[unseen] > weights[seen]
