import dataclasses
import itertools
import uuid

import numpy as np
import pytest

from retrieval.checksums import Checksum, checksum

DOC = uuid.UUID(int=9)
RNG = np.random.default_rng(3)
ROWS = [
    (uuid.UUID(bytes=RNG.bytes(16)), RNG.normal(size=384).astype(np.float32), {"text": f"본문 {n}", "page": n})
    for n in range(200)
]


@pytest.fixture(scope="module")
def known() -> Checksum:
    return checksum(DOC, ROWS)


def test_order_length_and_sixteen_bits_do_not_matter(known: Checksum) -> None:
    rounded = [(key, (vector * 7).astype(np.float16), data) for key, vector, data in reversed(ROWS)]
    assert known.matches(checksum(DOC, rounded))


def test_two_exchanged_vectors_are_seen(known: Checksum) -> None:
    """Any two of the document; with one weight a chunk, about one exchange in twenty went unseen."""
    for one, other in itertools.pairwise(range(len(ROWS))):
        rows = list(ROWS)
        (a, va, da), (b, vb, db) = rows[one], rows[other]
        rows[one], rows[other] = (a, vb, da), (b, va, db)
        assert not known.matches(checksum(DOC, rows)), (one, other)


def test_one_changed_word_missing_chunk_or_other_document_is_seen(known: Checksum) -> None:
    key, vector, data = ROWS[0]
    assert not known.matches(checksum(DOC, [(key, vector, data | {"page": 7}), *ROWS[1:]]))
    assert not known.matches(checksum(DOC, ROWS[1:]))
    assert not known.matches(dataclasses.replace(known, doc_id=str(uuid.UUID(int=1))))


def test_nothing_equals_nothing() -> None:
    assert checksum(DOC, []).matches(checksum(DOC, []))
