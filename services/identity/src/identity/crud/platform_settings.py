from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.paging import Slice
from identity.crud.scopes import Supervisor
from identity.models import PlatformSetting, PlatformSettingChange, User


async def list_values(session: AsyncSession) -> dict[str, Any]:
    """What was set, by name."""
    query = select(PlatformSetting.name, PlatformSetting.value).where(PlatformSetting.value.is_not(None))
    rows = await session.execute(query)
    return {row.name: row.value for row in rows}


async def list_all(session: AsyncSession, _: Supervisor) -> dict[str, PlatformSetting]:
    """By name; a setting that nobody ever set is not among them."""
    rows = (await session.execute(select(PlatformSetting))).scalars()
    return {row.name: row for row in rows}


async def lock(session: AsyncSession, _: Supervisor) -> None:
    """One change at a time, of all settings: a setting that was never set has no row to lock."""
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtext('identity.platform_setting'))"))


async def get(session: AsyncSession, _: Supervisor, name: str) -> PlatformSetting | None:
    return await session.get(PlatformSetting, name, populate_existing=True)


async def put(session: AsyncSession, _: Supervisor, *, name: str, setting_id: UUID, value: Any) -> PlatformSetting:
    """`value` None: back to the default."""
    values = {"value": value, "changed_at": func.now()}
    statement = (
        insert(PlatformSetting)
        .values(name=name, setting_id=setting_id, **values)
        .on_conflict_do_update(
            index_elements=[PlatformSetting.name], set_={**values, "version": PlatformSetting.version + 1}
        )
        .returning(PlatformSetting)
    )
    return (await session.execute(statement, execution_options={"populate_existing": True})).scalar_one()


async def add_change(session: AsyncSession, proof: Supervisor, **values: Any) -> None:
    await session.execute(insert(PlatformSettingChange).values(changed_by=proof.user_id, **values))


async def list_changes(
    session: AsyncSession, _: Supervisor, name: str, page: Slice, *, first: datetime | None, end: datetime | None
) -> Sequence[Any]:
    """The columns of the changes, and the name of whoever made each."""
    change = PlatformSettingChange
    query = select(*change.__table__.columns, User.display_name.label("changed_by_name"))
    query = query.join(User, User.user_id == change.changed_by).where(change.name == name)
    if first is not None:
        query = query.where(change.changed_at >= first)
    if end is not None:
        query = query.where(change.changed_at < end)
    return (await session.execute(paging.apply(query, page, at=change.changed_at, key=change.change_id))).all()


async def update_origins_forgotten(session: AsyncSession, user_id: UUID) -> None:
    """From where a supervisor made changes; that they did stays."""
    statement = update(PlatformSettingChange).where(PlatformSettingChange.changed_by == user_id)
    await session.execute(statement.values(ip=None, user_agent=None))
