"""What of an audit event is kept, and in which form.

An event is never given up for a text of the caller's: whoever sends a browser's name that cannot be stored would
otherwise keep themselves out of the log. Such texts are cut and mended.
"""

import json
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from chassis.errors import Invalid
from contracts.audit import AuditEntry
from usage_metrics.errors import ACTION_TOO_LONG, TENANT_DISAGREES
from usage_metrics.service.places import Chain

MAX_ACTION = 100
MAX_TARGET = 300
MAX_REQUEST_ID = 100
MAX_USER_AGENT = 300
MAX_IP = 60
MAX_DETAIL_BYTES = 16 * 1024


def facts_of(entry: AuditEntry) -> dict[str, Any]:
    """Columns of `AuditEvent`.

    Raises:
        Invalid: an action that long is the publisher's defect.
    """
    if len(entry.action) > MAX_ACTION:
        raise Invalid(ACTION_TOO_LONG, length=len(entry.action))
    kept = entry.model_dump(
        include={"audit_id", "action", "actor_id", "session_id", "org_id", "partner_id", "class_id", "occurred_at"}
    )
    return {
        **kept,
        "publisher": entry.publisher(),
        "outcome": entry.outcome.value,
        "target": _text(entry.target, MAX_TARGET),
        "request_id": _text(entry.request_id, MAX_REQUEST_ID),
        "detail": _detail(entry.detail),
    }


def origin_of(entry: AuditEntry) -> dict[str, Any] | None:
    """Columns of `AuditOrigin`; None when nothing is known of it."""
    if not entry.ip and not entry.user_agent:
        return None
    noun, target_id = _target(entry)
    return {
        "audit_id": entry.audit_id,
        "occurred_at": entry.occurred_at,
        "user_id": entry.actor_id or (target_id if noun == "user" else None),
        "ip": address(_text(entry.ip, MAX_IP)),
        "user_agent": _text(entry.user_agent, MAX_USER_AGENT),
    }


def chains_of(entry: AuditEntry) -> tuple[Chain, ...]:
    """What the entry says of class, partner and org, and that its target lies there too.

    Raises:
        Invalid: it is about another org than it belongs to.
    """
    said = (entry.class_id, entry.partner_id, entry.org_id)
    match _target(entry):
        case ("org", UUID() as target) if entry.org_id not in (None, target):
            raise Invalid(TENANT_DISAGREES, place_id=target, above_id=entry.org_id)
        case ("org", UUID() as target):
            return ((entry.class_id, entry.partner_id, target),)
        case ("class", UUID() as target):
            return said, (target, entry.partner_id, entry.org_id)
        case ("partner", UUID() as target):
            return said, (None, target, entry.org_id)
        case _:
            return (said,)


def address(text: str | None) -> str | None:
    """In the one form in which addresses are compared; what is none is left as it is."""
    try:
        return str(ip_address(text)) if text else None
    except ValueError:
        return text


def _target(entry: AuditEntry) -> tuple[str, UUID | None]:
    noun, _, name = (entry.target or "").partition("/")
    try:
        return noun, UUID(name)
    except ValueError:
        return noun, None


def _text(text: str | None, limit: int) -> str | None:
    """PostgreSQL's text holds neither NUL nor half of a surrogate pair."""
    return None if text is None else text.encode(errors="replace").decode().replace("\x00", "�")[:limit]


def _detail(detail: dict[str, Any]) -> dict[str, Any]:
    try:
        stored = json.dumps(_mended(detail), allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        return {"omitted": "not storable"}
    if len(stored) > MAX_DETAIL_BYTES:
        return {"omitted": f"{len(stored)} bytes"}
    return dict(json.loads(stored))


def _mended(value: Any) -> Any:
    match value:
        case str():
            return _text(value, MAX_DETAIL_BYTES)
        case dict():
            return {_text(str(key), MAX_DETAIL_BYTES): _mended(each) for key, each in value.items()}
        case list():
            return [_mended(each) for each in value]
        case _:
            return value
