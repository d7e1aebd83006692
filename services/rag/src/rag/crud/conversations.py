from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.paging import Slice
from rag.models import Conversation


async def add(session: AsyncSession, **values: Any) -> Conversation:
    return (await session.execute(insert(Conversation).values(**values).returning(Conversation))).scalar_one()


async def get(session: AsyncSession, conversation_id: UUID, *, user_id: UUID) -> Conversation | None:
    query = select(Conversation).where(Conversation.conversation_id == conversation_id, Conversation.user_id == user_id)
    return (await session.execute(query)).scalar_one_or_none()


async def get_to_write(session: AsyncSession, conversation_id: UUID, *, user_id: UUID) -> Conversation | None:
    """It is not deleted as long as the transaction lasts."""
    query = select(Conversation).where(Conversation.conversation_id == conversation_id, Conversation.user_id == user_id)
    return (await session.execute(query.with_for_update(read=True, key_share=True))).scalar_one_or_none()


async def list_page(
    session: AsyncSession, page: Slice, *, user_id: UUID, title: str | None, **places: UUID | None
) -> list[Conversation]:
    """`places`: columns of ids, each of which narrows the list where it is given."""
    query = select(Conversation).where(Conversation.user_id == user_id)
    query = query.filter_by(**{column: value for column, value in places.items() if value is not None})
    if title:
        query = query.where(Conversation.title.icontains(title, autoescape=True))
    query = paging.apply(
        query, page, at=Conversation.created_at.expression, key=Conversation.conversation_id.expression
    )
    return list((await session.execute(query)).scalars())


async def delete_one(session: AsyncSession, conversation_id: UUID, *, user_id: UUID) -> Conversation | None:
    """The row that was deleted, or None where there was none."""
    statement = (
        delete(Conversation)
        .where(Conversation.conversation_id == conversation_id, Conversation.user_id == user_id)
        .returning(Conversation)
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def list_ids_of_user_for_update(session: AsyncSession, user_id: UUID) -> list[UUID]:
    """Locked: whoever writes into one of them has finished, and whoever wants to waits."""
    query = select(Conversation.conversation_id).where(Conversation.user_id == user_id)
    return list((await session.execute(query.order_by(Conversation.conversation_id).with_for_update())).scalars())


async def delete_of_user(session: AsyncSession, user_id: UUID) -> int:
    statement = delete(Conversation).where(Conversation.user_id == user_id).returning(Conversation.conversation_id)
    return len((await session.execute(statement)).all())


async def count_of_user(session: AsyncSession, user_id: UUID) -> int:
    query = select(func.count()).select_from(Conversation).where(Conversation.user_id == user_id)
    return (await session.execute(query)).scalar_one()
