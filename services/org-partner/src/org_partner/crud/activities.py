from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from org_partner.crud.scopes import AnyScope, place_of
from org_partner.models import Activity


async def add(session: AsyncSession, scope: AnyScope, *, activity_id: UUID, **values: Any) -> None:
    """The same id again adds nothing."""
    statement = insert(Activity).values(activity_id=activity_id, **place_of(scope), **values)
    await session.execute(statement.on_conflict_do_nothing(index_elements=[Activity.activity_id]))
