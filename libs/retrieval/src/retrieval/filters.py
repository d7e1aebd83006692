"""The one filter language of all stores: a dict of conditions that must all hold.

    {"doc_id": "6f…"}                      equals
    {"scopes": ["user:6f…", "class:07…"]}  any of; an empty list matches nothing
    {"scopes": {"any": […]}}               the same
    {"page_from": {"gte": 3, "lt": 9}}     gte, lte, gt, lt; all given bounds hold; integers only
    {"title": {"not": "초안"}}             everything that the inner condition (value, list, any, bounds) does not match
    {"title": None}                        has no value

Where a field is a list (scopes), a condition holds when it holds for any element. A missing key, null and an
empty list are the same thing, "no value": matched by None and by `not`, never by equals, any-of or bounds. Values
keep their type: True is not 1, "3" is not 3. Document ids compare as UUIDs, whatever their case or form.
"""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from retrieval.errors import FilterInvalid
from retrieval.text import storable

type Scalar = str | int | uuid.UUID

MAX_VALUES = 10_000


class Kind(Enum):
    TEXT = "text"
    TEXTS = "a list of texts"
    NUMBER = "an integer"
    ID = "a UUID"


# Every field that a chunk carries besides its text, and so every key that a filter may name.
FIELDS: Mapping[str, Kind] = {
    "doc_id": Kind.ID,
    "version": Kind.NUMBER,
    "ordinal": Kind.NUMBER,
    "scopes": Kind.TEXTS,
    "title": Kind.TEXT,
    "page_from": Kind.NUMBER,
    "page_to": Kind.NUMBER,
    "char_start": Kind.NUMBER,
    "char_end": Kind.NUMBER,
}

_BOUNDS = ("gte", "lte", "gt", "lt")


@dataclass(frozen=True, slots=True)
class AnyOf:
    """None among `values` stands for "no value"."""

    key: str
    values: tuple[Scalar | None, ...]


@dataclass(frozen=True, slots=True)
class Within:
    key: str
    gte: int | None = None
    lte: int | None = None
    gt: int | None = None
    lt: int | None = None


@dataclass(frozen=True, slots=True)
class Not:
    condition: AnyOf | Within

    @property
    def key(self) -> str:
        return self.condition.key


type Condition = AnyOf | Within | Not


def parse_filters(filters: Mapping[str, Any] | None) -> list[Condition]:
    """Raises FilterInvalid for an unknown key or operator and for a value of the wrong type."""
    return [_condition(key, value) for key, value in (filters or {}).items()]


def parse_search_filters(filters: Mapping[str, Any] | None) -> list[Condition]:
    """The same for a search, which must say whose chunks it may see: without a scope there is no search."""
    conditions = parse_filters(filters)
    if not any(isinstance(each, AnyOf) and each.key == "scopes" and None not in each.values for each in conditions):
        raise FilterInvalid("a search needs the caller's scopes: filters={'scopes': ['user:…', …]}")
    return conditions


def matches(conditions: Collection[Condition], payload: Mapping[str, Any]) -> bool:
    """What the filters mean, in Python; the stores' own query languages are tested against it."""
    return all(_holds(each, payload.get(each.key)) for each in conditions)


def _condition(key: str, value: Any) -> Condition:
    if key not in FIELDS:
        raise FilterInvalid(f"unknown filter key {key!r}; known: {', '.join(FIELDS)}")
    if isinstance(value, Mapping) and "not" in value:
        if len(value) > 1:
            raise FilterInvalid(f"filter {key!r}: 'not' stands alone, the condition goes inside it")
        return Not(_positive(key, value["not"]))
    return _positive(key, value)


def _positive(key: str, value: Any) -> AnyOf | Within:
    if not isinstance(value, Mapping):
        return _any_of(key, value if isinstance(value, list | tuple | set | frozenset) else [value])
    if set(value) == {"any"} and isinstance(value["any"], list | tuple | set | frozenset):
        return _any_of(key, value["any"])
    if value and set(value) <= set(_BOUNDS):
        return _within(key, value)
    raise FilterInvalid(
        f"filter {key!r}: unknown condition {value!r}; use a value, a list, "
        "{'any': […]}, {'gte'|'lte'|'gt'|'lt': number} or {'not': …}"
    )


def _any_of(key: str, values: Collection[Any]) -> AnyOf:
    if len(values) > MAX_VALUES:
        raise FilterInvalid(f"filter {key!r}: {len(values)} values, at most {MAX_VALUES}")
    return AnyOf(key, tuple(None if value is None else _scalar(key, value) for value in values))


def _within(key: str, bounds: Mapping[str, Any]) -> Within:
    if FIELDS[key] is not Kind.NUMBER:
        raise FilterInvalid(f"filter {key!r} holds {FIELDS[key].value} and has no bounds")
    return Within(key, **{name: _number(key, value) for name, value in bounds.items()})


def _scalar(key: str, value: Any) -> Scalar:
    kind = FIELDS[key]
    if kind is Kind.NUMBER:
        return _number(key, value)
    if kind is Kind.ID:
        return _id(key, value)
    if isinstance(value, str):
        return storable(value)
    raise FilterInvalid(f"filter {key!r} compares texts, not {value!r}")


def _number(key: str, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31:
        return value
    raise FilterInvalid(f"filter {key!r} compares integers of at most 32 bits, not {value!r}")


def _id(key: str, value: Any) -> uuid.UUID:
    try:
        return value if isinstance(value, uuid.UUID) else uuid.UUID(value)
    except (ValueError, TypeError, AttributeError):
        raise FilterInvalid(f"filter {key!r} compares UUIDs, not {value!r}") from None


def _holds(condition: Condition, value: Any) -> bool:
    if isinstance(condition, Not):
        return not _holds(condition.condition, value)
    elements = value if isinstance(value, list) else [] if value is None else [value]
    if isinstance(condition, Within):
        return any(_inside(condition, element) for element in elements)
    if not elements:
        return None in condition.values
    return any(_same(wanted, element) for wanted in condition.values for element in elements)


def _inside(within: Within, value: int) -> bool:
    return (
        (within.gte is None or value >= within.gte)
        and (within.lte is None or value <= within.lte)
        and (within.gt is None or value > within.gt)
        and (within.lt is None or value < within.lt)
    )


def _same(wanted: Scalar | None, value: Any) -> bool:
    return wanted is not None and (str(wanted) if isinstance(wanted, uuid.UUID) else wanted) == value
