"""Ids: time-ordered UUIDs for new rows, named UUIDs where a repeat must meet the same row."""

from uuid import UUID, uuid5

from uuid_utils.compat import uuid7

NAMESPACE = UUID("8d2b1c52-4c0a-5c43-9a4e-3a6f0f5b7e10")


def new_id() -> UUID:
    return uuid7()


def named_id(*parts: object) -> UUID:
    """The same parts always give the same id."""
    return uuid5(NAMESPACE, "\x1f".join(map(str, parts)))
