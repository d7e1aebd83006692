from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from retrieval.bigrams import BigramTerms
from retrieval.chunks import MAX_TEXT, Chunk, Item, parse_items
from retrieval.errors import ItemInvalid
from retrieval.lexical import term_id
from retrieval.models import EmbeddingModel


@pytest.fixture
def parse(model: EmbeddingModel) -> Callable[..., list[Chunk]]:
    return lambda *items: parse_items(items, model=model, analyser=BigramTerms())


def test_absent_metadata_is_completed_so_that_every_key_is_written(
    parse: Callable[..., list[Chunk]], item: Callable[..., Item]
) -> None:
    key, vector, metadata = item("본문")
    bare = {name: metadata[name] for name in ("doc_id", "scopes", "text")}
    (chunk,) = parse((key, vector, bare))
    assert chunk.payload == {
        "doc_id": metadata["doc_id"],
        "version": 1,
        "ordinal": 0,
        "scopes": ["user:a"],
        "title": "",
        "page_from": None,
        "page_to": None,
        "char_start": None,
        "char_end": None,
        "headings": [],
    }


def test_ordinals_count_within_each_document(parse: Callable[..., list[Chunk]], item: Callable[..., Item]) -> None:
    items = [item(doc=doc, ordinal=n) for n, doc in enumerate((1, 2, 1, 1, 2))]
    bare = [(key, vector, {k: v for k, v in data.items() if k != "ordinal"}) for key, vector, data in items]
    assert [chunk.payload["ordinal"] for chunk in parse(*bare)] == [0, 0, 1, 2, 1]


def test_given_terms_are_taken_and_absent_ones_computed(
    parse: Callable[..., list[Chunk]], item: Callable[..., Item]
) -> None:
    given, computed = parse(item("학교", ordinal=0, terms=["다른말"]), item("학교", ordinal=1))
    assert set(given.weights) == {term_id("다른말")}
    assert set(computed.weights) == {term_id("학교")}


def test_vectors_are_kept_at_length_one(parse: Callable[..., list[Chunk]], item: Callable[..., Item]) -> None:
    (chunk,) = parse(item(vector=[1e-30] * 8))
    assert chunk.vector.dtype == np.float32
    assert np.linalg.norm(chunk.vector) == pytest.approx(1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"vector": [0.0] * 8}, "zero or not finite"),
        ({"vector": [float("nan")] + [1.0] * 7}, "zero or not finite"),
        ({"vector": [float("inf")] + [1.0] * 7}, "zero or not finite"),
        ({"vector": [1.0] * 7}, r"shape \(7,\), the index has dimension 8"),
        ({"vector": [[1.0] * 8]}, "shape"),
        ({"vector": ["a"] * 8}, "list of numbers"),
        ({"doc_id": "x"}, "doc_id must be a UUID"),
        ({"doc_id": None}, "doc_id must be a UUID"),
        ({"scopes": []}, "scopes must be a list"),
        ({"scopes": "user:a"}, "scopes must be a list"),
        ({"scopes": [1]}, "scope must be a text"),
        ({"text": " \n"}, "not blank"),
        ({"text": "x" * (MAX_TEXT + 1)}, "not blank"),
        ({"text": None}, "not blank"),
        ({"version": "1"}, "version must be an integer"),
        ({"version": True}, "version must be an integer"),
        ({"page_from": -1}, "page_from must be an integer"),
        ({"title": None}, "title must be a text"),
        ({"headings": "제1장"}, "headings must be a list"),
        ({"headings": None}, "headings must be a list"),
        ({"headings": ["제1장", 2]}, "heading must be a text"),
        ({"headings": ["가" * 1001]}, "heading must be a text"),
        ({"headings": ["가"] * 21}, "headings must be a list of at most 20"),
        ({"owner": "x"}, r"unknown metadata \['owner'\]"),
    ],
)
def test_an_item_that_no_store_may_hold_is_refused(
    parse: Callable[..., list[Chunk]], item: Callable[..., Item], change: dict[str, Any], said: str
) -> None:
    text = change.get("text", "본문")
    key, vector, metadata = item("본문", **{k: v for k, v in change.items() if k != "text"})
    with pytest.raises(ItemInvalid, match=said):
        parse((key, vector, {**metadata, "text": text}))


def test_an_id_that_is_no_uuid_twins_and_mixed_versions_are_refused(
    parse: Callable[..., list[Chunk]], item: Callable[..., Item]
) -> None:
    _, vector, metadata = item()
    with pytest.raises(ItemInvalid, match="id must be a UUID"):
        parse(("chunk-1", vector, metadata))
    with pytest.raises(ItemInvalid, match="same id"):
        parse(item(), item())
    with pytest.raises(ItemInvalid, match="two versions"):
        parse(item(ordinal=0, version=1), item(ordinal=1, version=2))
