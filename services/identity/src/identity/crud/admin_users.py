"""Everybody's accounts, as supervisors look for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import keyset
from chassis.keyset import Order, OrderedSlice
from identity.crud.scopes import Supervisor
from identity.models import ApiKey, LinkedIdentity, RecoveryCode, Session, TotpFactor, User

# Whoever never logged in stands before everybody who did.
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_MFA_ENABLED = (
    select(TotpFactor.user_id)
    .where(TotpFactor.user_id == User.user_id, TotpFactor.confirmed_at.is_not(None))
    .exists()
    .label("mfa_enabled")
)
_COLUMNS = User.__table__.columns
_SORTS: dict[str, tuple[type[str] | type[datetime], Any]] = {
    "created_at": (datetime, User.created_at),
    "email": (str, User.email),
    "display_name": (str, func.lower(User.display_name)),
    "last_login_at": (datetime, func.coalesce(User.last_login_at, _NEVER)),
}


@dataclass(frozen=True)
class Filters:
    """What is None is not asked for. A time's beginning belongs to it, its end does not."""

    email: str | None = None
    name: str | None = None
    tier: str | None = None
    status: str | None = None
    email_verified: bool | None = None
    mfa_enabled: bool | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    last_login_from: datetime | None = None
    last_login_to: datetime | None = None


def order_of(sort: str, *, descending: bool) -> Order:
    return Order(sort, _SORTS[sort][0], descending)


async def list_users(session: AsyncSession, _: Supervisor, filters: Filters, page: OrderedSlice) -> Sequence[Any]:
    """The columns of User, `mfa_enabled`, and `place`, which is what the page is ordered by."""
    by = _SORTS[page.order.name][1]
    query = select(*_COLUMNS, _MFA_ENABLED, by.label("place")).where(*_conditions(filters))
    return (await session.execute(keyset.apply(query, page, by=by, key=User.user_id))).all()


async def count_users(session: AsyncSession, _: Supervisor, filters: Filters) -> int:
    query = select(func.count()).select_from(User).where(*_conditions(filters))
    return (await session.execute(query)).scalar_one()


async def get(session: AsyncSession, _: Supervisor, user_id: UUID) -> Any | None:
    """The columns of User, `mfa_enabled`, and how many there are of what still counts of the user's."""
    now = func.now()
    counts = (
        _count(Session, Session.revoked_at.is_(None), Session.expires_at > now).label("sessions"),
        _count(RecoveryCode, RecoveryCode.used_at.is_(None)).label("recovery_codes"),
        _count(ApiKey, ApiKey.revoked_at.is_(None), ApiKey.expires_at > now).label("api_keys"),
        _count(LinkedIdentity).label("linked_identities"),
    )
    return (
        await session.execute(select(*_COLUMNS, _MFA_ENABLED, *counts).where(User.user_id == user_id))
    ).one_or_none()


async def lock(session: AsyncSession, _: Supervisor, user_id: UUID) -> User | None:
    """The row, held until the transaction ends: whoever changes an account begins here."""
    return await session.get(User, user_id, with_for_update=True, populate_existing=True)


def _count(model: Any, *conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    return select(func.count()).select_from(model).where(model.user_id == User.user_id, *conditions).scalar_subquery()


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    asked: list[tuple[Any, Any]] = [
        (filters.email, lambda part: _contains(User.email, part)),
        (filters.name, lambda part: _contains(User.display_name, part)),
        (filters.tier, lambda tier: User.tier == tier),
        (filters.status, lambda status: User.status == status),
        (filters.email_verified, lambda wanted: User.email_verified_at.is_not(None) == wanted),
        (filters.mfa_enabled, _MFA_ENABLED.is_),
        (filters.created_from, lambda moment: User.created_at >= moment),
        (filters.created_to, lambda moment: User.created_at < moment),
        (filters.last_login_from, lambda moment: User.last_login_at >= moment),
        (filters.last_login_to, lambda moment: User.last_login_at < moment),
    ]
    return [condition(value) for value, condition in asked if value is not None]


def _contains(column: Any, part: str) -> ColumnElement[bool]:
    # Both sides in the database, so that both are folded alike. Not LIKE: a percent sign is a letter here.
    def folded(text: Any) -> Any:
        return func.lower(func.normalize(text))

    found: ColumnElement[bool] = func.strpos(folded(column), folded(part)) > 0
    return found
