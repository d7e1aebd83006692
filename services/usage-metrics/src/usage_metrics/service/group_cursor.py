"""The place after which the next page of groups goes on, opaque to the caller.

It names the grouping it belongs to: with another one its parts would mean something else.
"""

import base64
import binascii
import json
from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

from chassis.errors import CURSOR_INVALID, Invalid
from usage_metrics.crud.usage_daily import Grouping, Place

_BIGINT = 2**63


def encode(grouping: Grouping, place: Place) -> str:
    text = json.dumps([_name(grouping), *map(str, place)], ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(grouping: Grouping, cursor: str) -> Place:
    """
    Raises:
        Invalid: the cursor is not one of ours, or another grouping's.
    """
    try:
        name, *parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if name != _name(grouping):
            raise ValueError(name)
        return tuple(read(part) for read, part in zip(_readers(grouping), parts, strict=True))
    except (ValueError, TypeError, AttributeError, binascii.Error) as error:
        raise Invalid(CURSOR_INVALID) from error


def _name(grouping: Grouping) -> str:
    return ",".join(["tokens" if grouping.most_tokens_first else "group", *grouping.keys])


def _readers(grouping: Grouping) -> list[Callable[[Any], Any]]:
    own: dict[str, Callable[[Any], Any]] = {"day": date.fromisoformat, "operation": _text, "model": _text}
    readers = [own.get(key, UUID) for key in grouping.keys]
    return [_tokens, *readers] if grouping.most_tokens_first else readers


def _tokens(part: str) -> int:
    number = int(part)
    if not -_BIGINT <= number < _BIGINT:
        raise ValueError("more than PostgreSQL can count")
    return number


def _text(part: str) -> str:
    # What PostgreSQL's text cannot hold: half a surrogate pair, which cannot be encoded, and NUL.
    if b"\x00" in part.encode():
        raise ValueError(part)
    return part
