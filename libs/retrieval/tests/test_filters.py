import uuid

import pytest

from retrieval.errors import FilterInvalid
from retrieval.filters import MAX_VALUES, AnyOf, Not, Within, parse_filters, parse_search_filters

DOC = uuid.UUID("6f1f9a2e-0f43-4d5a-9d1c-1f7a60c40a11")


def test_every_spelling_has_one_meaning() -> None:
    assert parse_filters(None) == parse_filters({}) == []
    assert (
        parse_filters({"scopes": ["a", "b"]})
        == parse_filters({"scopes": {"any": ("a", "b")}})
        == [AnyOf("scopes", ("a", "b"))]
    )
    assert parse_filters({"doc_id": str(DOC).upper()}) == parse_filters({"doc_id": DOC}) == [AnyOf("doc_id", (DOC,))]
    assert parse_filters({"page_from": {"gte": 3, "lt": 9}}) == [Within("page_from", gte=3, lt=9)]
    assert parse_filters({"title": {"not": None}}) == [Not(AnyOf("title", (None,)))]
    assert parse_filters({"title": {"not": ["a", "b"]}}) == [Not(AnyOf("title", ("a", "b")))]


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ({"owner": "x"}, "unknown filter key 'owner'; known: doc_id, version"),
        ({"scopes; DROP TABLE x": "x"}, "unknown filter key"),
        ({"text": "x"}, "unknown filter key"),
        ({"title": {"like": "x"}}, "unknown condition"),
        ({"title": {}}, "unknown condition"),
        ({"title": {"any": "x"}}, "unknown condition"),
        ({"page_from": {"gte": 1, "any": [1]}}, "unknown condition"),
        ({"title": {"not": "x", "any": ["y"]}}, "'not' stands alone"),
        ({"title": {"not": {"not": "x"}}}, "unknown condition"),
        ({"title": 3}, "compares texts"),
        ({"title": [["x"]]}, "compares texts"),
        ({"page_from": "3"}, "compares integers"),
        ({"page_from": True}, "compares integers"),
        ({"page_from": 3.5}, "compares integers"),
        ({"page_from": {"gte": None}}, "compares integers"),
        ({"page_from": 2**31}, "compares integers"),
        ({"title": {"gte": "a"}}, "has no bounds"),
        ({"doc_id": "not-a-uuid"}, "compares UUIDs"),
        ({"doc_id": 7}, "compares UUIDs"),
        ({"page_from": list(range(MAX_VALUES + 1))}, "at most"),
    ],
)
def test_a_filter_that_cannot_be_meant_is_refused(filters: dict[str, object], said: str) -> None:
    with pytest.raises(FilterInvalid, match=said):
        parse_filters(filters)


@pytest.mark.parametrize(
    "filters",
    [
        None,
        {},
        {"doc_id": str(DOC)},
        {"scopes": None},
        {"scopes": ["user:a", None]},
        {"scopes": {"not": "user:a"}},
    ],
)
def test_a_search_without_the_callers_scopes_is_refused(filters: dict[str, object] | None) -> None:
    with pytest.raises(FilterInvalid, match="scopes"):
        parse_search_filters(filters)
