"""Filters as Qdrant has them. All fields are always written, so missing, null and empty are one `is_empty`."""

from collections.abc import Sequence

from qdrant_client.models import Condition as QdrantCondition
from qdrant_client.models import (
    FieldCondition,
    Filter,
    HasIdCondition,
    IsEmptyCondition,
    MatchAny,
    MatchValue,
    PayloadField,
    Range,
)

from retrieval.filters import AnyOf, Condition, Not, Within


def conditions(parsed: Sequence[Condition]) -> Filter | None:
    """None when nothing can match: an any-of without values, which Qdrant has no way to say."""
    must: list[QdrantCondition] = []
    must_not: list[QdrantCondition] = []
    for each in parsed:
        if isinstance(each, Not):
            if (inner := _positive(each.condition)) is not None:
                must_not.append(inner)
        elif (condition := _positive(each)) is None:
            return None
        else:
            must.append(condition)
    return Filter(must=must, must_not=must_not)


def has_id(ids: Sequence[str]) -> HasIdCondition:
    return HasIdCondition(has_id=list(ids))


def equals(key: str, value: str | int) -> FieldCondition:
    return FieldCondition(key=key, match=MatchValue(value=value))


def any_of(key: str, values: Sequence[str] | Sequence[int]) -> FieldCondition:
    return FieldCondition(key=key, match=MatchAny(any=list(values)))


def within(
    key: str, *, gte: int | None = None, lte: int | None = None, gt: int | None = None, lt: int | None = None
) -> FieldCondition:
    return FieldCondition(key=key, range=Range(gte=gte, lte=lte, gt=gt, lt=lt))


def _positive(condition: AnyOf | Within) -> QdrantCondition | None:
    if isinstance(condition, Within):
        return within(condition.key, gte=condition.gte, lte=condition.lte, gt=condition.gt, lt=condition.lt)
    values = [value if isinstance(value, int) else str(value) for value in condition.values if value is not None]
    parts: list[QdrantCondition] = []
    if values:
        # A field holds one type, and so do a filter's values: retrieval.filters saw to it.
        parts.append(any_of(condition.key, values))  # type: ignore[arg-type]
    if None in condition.values:
        parts.append(IsEmptyCondition(is_empty=PayloadField(key=condition.key)))
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else Filter(should=parts)
