from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ingest.models import ClassMaterials


async def update_newer(session: AsyncSession, *, version: int, **values: Any) -> bool:
    """Write what a class lists. False: a newer list stands there, or this very one."""
    statement = insert(ClassMaterials).values(version=version, **values)
    changed = {name: statement.excluded[name] for name in (*values, "version")}
    statement = statement.on_conflict_do_update(
        index_elements=[ClassMaterials.class_id], set_=changed, where=ClassMaterials.version < version
    )
    return (await session.execute(statement.returning(ClassMaterials.class_id))).scalar_one_or_none() is not None


async def get_for_update(session: AsyncSession, class_id: UUID) -> ClassMaterials | None:
    return await session.get(ClassMaterials, class_id, with_for_update=True, populate_existing=True)


async def list_of_org_for_update(session: AsyncSession, org_id: UUID) -> list[ClassMaterials]:
    """Locked in the order of their ids, so that two who lock several never wait for each other."""
    query = select(ClassMaterials).where(ClassMaterials.org_id == org_id).order_by(ClassMaterials.class_id)
    return list((await session.execute(query.with_for_update())).scalars())
