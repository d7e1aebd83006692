"""Projections: what a service remembers of other services' facts, kept right in any order of arrival."""

from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession


async def upsert(session: AsyncSession, table: Table, *, version: int, **values: Any) -> None:
    """Write the row unless a newer version stands there already. `table` has a column `version`.

    A fact that comes late, or again, changes nothing; so an end that overtakes its beginning stays the end.
    """
    statement = insert(table).values(version=version, **values)
    changed = {name: statement.excluded[name] for name in (*values, "version") if not table.c[name].primary_key}
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=list(table.primary_key.columns), set_=changed, where=table.c.version < version
        )
    )
