from datetime import date, datetime
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from org_partner.crud.scopes import ClassScope
from org_partner.models import ClassActivityDaily


async def update_counts(
    session: AsyncSession,
    scope: ClassScope,
    *,
    user_id: UUID,
    day: date,
    at: datetime,
    questions: int = 0,
    failed: int = 0,
    cancelled: int = 0,
    uploads: int = 0,
) -> None:
    """Add to what the user did there on that day. Only together with the mark that it was added."""
    table = ClassActivityDaily
    counts = {"questions": questions, "failed": failed, "cancelled": cancelled, "uploads": uploads}
    statement = insert(table).values(
        class_id=scope.class_id,
        day=day,
        user_id=user_id,
        org_id=scope.org_id,
        partner_id=scope.partner_id,
        last_at=at,
        **counts,
    )
    added = {name: getattr(table, name) + getattr(statement.excluded, name) for name in counts}
    latest = func.greatest(table.last_at, statement.excluded.last_at)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[table.class_id, table.day, table.user_id], set_={**added, "last_at": latest}
        )
    )
