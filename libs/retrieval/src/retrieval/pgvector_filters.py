"""Filters as SQL. Every value is a parameter and every key comes from FIELDS, so no input becomes SQL."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from psycopg import sql

from retrieval.filters import AnyOf, Condition, Not, Scalar, Within

_BOUNDS = {"gte": ">=", "lte": "<=", "gt": ">", "lt": "<"}


class Where(NamedTuple):
    sql: sql.Composed
    parameters: dict[str, Any]


def where(conditions: Sequence[Condition]) -> Where:
    """Placeholders are named f0, f1_gte, …, so the clause may stand in one statement more than once."""
    parts = [_condition(each, name=f"f{n}") for n, each in enumerate(conditions)]
    clause = sql.SQL(" AND ").join([sql.SQL("true"), *(part.sql for part in parts)])
    return Where(clause, {name: value for part in parts for name, value in part.parameters.items()})


def _condition(condition: Condition, *, name: str) -> Where:
    if isinstance(condition, Not):
        inner = _condition(condition.condition, name=name)
        return Where(sql.SQL("NOT coalesce({}, false)").format(inner.sql), inner.parameters)
    return _within(condition, name=name) if isinstance(condition, Within) else _any_of(condition, name=name)


def _within(condition: Within, *, name: str) -> Where:
    given = {
        f"{name}_{bound}": (sign, value)
        for bound, sign in _BOUNDS.items()
        if (value := getattr(condition, bound)) is not None
    }
    parts = [
        sql.SQL("(payload->>{key})::int {sign} {value}").format(
            key=sql.Literal(condition.key), sign=sql.SQL(sign), value=sql.Placeholder(each)
        )
        for each, (sign, _) in given.items()
    ]
    clause = sql.SQL("({})").format(sql.SQL(" AND ").join(parts))
    return Where(clause, {each: value for each, (_, value) in given.items()})


def _any_of(condition: AnyOf, *, name: str) -> Where:
    values = [value for value in condition.values if value is not None]
    parts = [_one_of(condition.key, sql.Placeholder(name))]
    if None in condition.values:
        parts.append(_valueless(condition.key))
    clause = sql.SQL("({})").format(sql.SQL(" OR ").join(parts))
    return Where(clause, {name: _parameter(condition.key, values)})


def _one_of(key: str, value: sql.Placeholder) -> sql.Composed:
    """The fields with a column, and so with an index, are searched there."""
    if key == "doc_id":
        return sql.SQL("doc_id = ANY({}::uuid[])").format(value)
    if key == "scopes":
        return sql.SQL("scopes && {}::text[]").format(value)
    return sql.SQL("payload->{} = ANY({}::jsonb[])").format(sql.Literal(key), value)


def _parameter(key: str, values: Sequence[Scalar]) -> list[Any]:
    return list(values) if key in ("doc_id", "scopes") else [json.dumps(value) for value in values]


def _valueless(key: str) -> sql.Composed:
    return sql.SQL("coalesce(payload->{}, 'null') IN ('null', '[]')").format(sql.Literal(key))
