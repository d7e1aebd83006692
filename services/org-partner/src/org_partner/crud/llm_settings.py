from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from org_partner.crud.scopes import ClassScope, OrgScope, PartnerScope, PlatformScope
from org_partner.models import LlmSettings

LevelScope = OrgScope | PartnerScope


@dataclass(frozen=True, slots=True)
class SealedKey:
    org_id: UUID
    settings_id: UUID
    record: bytes


async def list_levels(session: AsyncSession, scope: OrgScope | PartnerScope | ClassScope) -> Sequence[LlmSettings]:
    """The org's own settings, then those of the scope's partner; each only where there are any."""
    here: ColumnElement[bool] = LlmSettings.partner_id.is_(None)
    if not isinstance(scope, OrgScope):
        here |= LlmSettings.partner_id == scope.partner_id
    query = select(LlmSettings).where(LlmSettings.org_id == scope.org_id, here)
    return (await session.execute(query.order_by(LlmSettings.partner_id.nulls_first()))).scalars().all()


async def lock(session: AsyncSession, scope: LevelScope) -> None:
    """One change of a level at a time, also before it has a row."""
    statement = text("SELECT pg_advisory_xact_lock(hashtextextended('llm_settings:' || :level, 0))")
    await session.execute(statement, {"level": f"{scope.org_id}:{_partner_id(scope)}"})


async def get(session: AsyncSession, scope: LevelScope) -> LlmSettings | None:
    """The level's own settings."""
    here = LlmSettings.partner_id.is_not_distinct_from(_partner_id(scope))
    query = select(LlmSettings).where(LlmSettings.org_id == scope.org_id, here)
    return (await session.execute(query)).scalar_one_or_none()


async def add(session: AsyncSession, scope: LevelScope, *, settings_id: UUID, **values: Any) -> LlmSettings:
    place = {"org_id": scope.org_id, "partner_id": _partner_id(scope)}
    statement = insert(LlmSettings).values(settings_id=settings_id, **place, **values).returning(LlmSettings)
    return (await session.execute(statement)).scalar_one()


async def update_values(session: AsyncSession, scope: LevelScope, settings_id: UUID, **values: Any) -> LlmSettings:
    statement = (
        update(LlmSettings)
        .where(LlmSettings.settings_id == settings_id, LlmSettings.org_id == scope.org_id)
        .values(**values, version=LlmSettings.version + 1, updated_at=func.now())
        .returning(LlmSettings)
        .execution_options(populate_existing=True)
    )
    return (await session.execute(statement)).scalar_one()


async def get_key(session: AsyncSession, _scope: LevelScope, row: LlmSettings) -> SealedKey | None:
    query = select(LlmSettings.sealed_key).where(LlmSettings.settings_id == row.settings_id)
    record = (await session.execute(query)).scalar_one()
    return None if record is None else SealedKey(row.org_id, row.settings_id, record)


async def list_keys(session: AsyncSession, _scope: PlatformScope, *, after: UUID, limit: int) -> list[SealedKey]:
    """By id. Rows that somebody changes right now are waited for, and then read as they are."""
    query = (
        select(LlmSettings.org_id, LlmSettings.settings_id, LlmSettings.sealed_key)
        .where(LlmSettings.sealed_key.is_not(None), LlmSettings.settings_id > after)
        .order_by(LlmSettings.settings_id)
        .limit(limit)
        .with_for_update()
    )
    rows = (await session.execute(query)).all()
    return [SealedKey(row.org_id, row.settings_id, row.sealed_key) for row in rows]


async def update_record(session: AsyncSession, _scope: PlatformScope, key: SealedKey) -> None:
    """The same key, sealed anew: no change of the settings."""
    statement = update(LlmSettings).where(LlmSettings.settings_id == key.settings_id).values(sealed_key=key.record)
    await session.execute(statement.execution_options(synchronize_session=False))


def _partner_id(scope: LevelScope) -> UUID | None:
    return scope.partner_id if isinstance(scope, PartnerScope) else None
