"""Filters: JSON to the engine's objects."""

from typing import Any

import qdrant_edge as engine

from growfit_local.qdrant.errors import BadRequest, NotHere
from growfit_local.qdrant.fields import Fields, as_list


def parse_filter(value: Any) -> engine.Filter | None:
    if value is None:
        return None
    fields = Fields(value, what="a filter")
    must, should, must_not = (
        [_condition(each) for each in as_list(fields.take(name))] for name in ("must", "should", "must_not")
    )
    fields.end()
    return engine.Filter(must=must or None, should=should or None, must_not=must_not or None)


def filter_keys(value: Any) -> set[str]:
    """The payload keys that a filter reads, for strict mode."""
    if not isinstance(value, dict):
        return set()
    keys = {value["key"]} if isinstance(value.get("key"), str) else set()
    for name in ("is_empty", "is_null"):
        if isinstance(value.get(name), dict):
            keys |= {value[name].get("key")}
    for name in ("must", "should", "must_not"):
        for each in as_list(value.get(name)):
            keys |= filter_keys(each)
    return keys


def _condition(value: Any) -> Any:
    fields = Fields(value, what="a condition")
    if "has_id" in value:
        made: Any = engine.HasIdCondition(set(fields.need("has_id")))
    elif "is_empty" in value:
        made = engine.IsEmptyCondition(_key(fields.need("is_empty")))
    elif "is_null" in value:
        made = engine.IsNullCondition(_key(fields.need("is_null")))
    elif "key" in value:
        match, bounds = fields.take("match"), fields.take("range")
        made = engine.FieldCondition(
            fields.need("key"),
            match=None if match is None else _match(match),
            range=None if bounds is None else _range(bounds),
        )
    else:
        return parse_filter(value)
    fields.end()
    return made


def _key(value: Any) -> str:
    fields = Fields(value, what="a field")
    key = fields.need("key")
    fields.end()
    return str(key)


def _match(value: Any) -> Any:
    fields = Fields(value, what="a match")
    if "any" in value:
        made: Any = engine.MatchAny(_values(fields.need("any")))
    elif "except" in value:
        made = engine.MatchExcept(_values(fields.need("except")))
    elif "value" in value:
        made = engine.MatchValue(_values([fields.need("value")])[0])
    else:
        raise NotHere(f"this local server does not know the match {value!r:.80}")
    fields.end()
    return made


def _values(values: Any) -> list[Any]:
    """The engine's Python binding reads True as 1, so that a match of booleans finds nothing, silently."""
    if not isinstance(values, list) or any(isinstance(each, bool) for each in values):
        raise NotHere("this local server matches texts and integers, not booleans")
    if any(not isinstance(each, str | int) for each in values):
        raise BadRequest(f"a match compares texts and integers, not {values!r:.80}")
    return values


def _range(value: Any) -> engine.RangeFloat:
    fields = Fields(value, what="a range")
    bounds = {name: fields.take(name) for name in ("gte", "gt", "lte", "lt")}
    fields.end()
    if any(isinstance(each, bool | str) for each in bounds.values()):
        raise NotHere("this local server has ranges of numbers alone")
    return engine.RangeFloat(**bounds)
