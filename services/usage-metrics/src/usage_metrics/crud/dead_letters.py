from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from usage_metrics.models import PLUMBING


async def list_bodies_about(session: AsyncSession, user_id: UUID) -> dict[UUID, str]:
    """By their ids, of events that carry more of a person than an id."""
    letters = PLUMBING.dead_letters.c
    personal = or_(letters.subject.like("identity.user.%"), letters.subject.like("%.audit.recorded.v_"))
    query = select(letters.id, letters.body).where(personal, letters.body.contains(str(user_id)))
    return {row.id: row.body for row in await session.execute(query)}


async def update_body(session: AsyncSession, letter_id: UUID, body: str) -> None:
    table = PLUMBING.dead_letters
    await session.execute(update(table).where(table.c.id == letter_id).values(body=body))
