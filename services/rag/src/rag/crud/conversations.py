from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
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


async def list_page(
    session: AsyncSession, page: Slice, *, user_id: UUID, class_id: UUID | None, title: str | None
) -> list[Conversation]:
    query = select(Conversation).where(Conversation.user_id == user_id)
    if class_id is not None:
        query = query.where(Conversation.class_id == class_id)
    if title:
        query = query.where(Conversation.title.icontains(title, autoescape=True))
    query = paging.apply(
        query, page, at=Conversation.created_at.expression, key=Conversation.conversation_id.expression
    )
    return list((await session.execute(query)).scalars())


async def delete_one(session: AsyncSession, conversation_id: UUID, *, user_id: UUID) -> bool:
    statement = (
        delete(Conversation)
        .where(Conversation.conversation_id == conversation_id, Conversation.user_id == user_id)
        .returning(Conversation.conversation_id)
    )
    return (await session.execute(statement)).scalar_one_or_none() is not None
