from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.paging import Slice
from rag.models import Conversation, Message, MessageState

# Written out: once the statement is prepared with a parameter here, PostgreSQL no longer sees that the index fits.
_ANSWERING = sql(f"state = '{MessageState.ANSWERING.value}'")


async def add(session: AsyncSession, **values: Any) -> None:
    await session.execute(insert(Message).values(**values))


async def add_answer(session: AsyncSession, **values: Any) -> bool:
    """False: another answer is being written in this conversation."""
    statement = (
        insert(Message)
        .values(**values)
        .on_conflict_do_nothing(index_elements=[Message.conversation_id], index_where=_ANSWERING)
        .returning(Message.message_id)
    )
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def get(session: AsyncSession, message_id: UUID) -> Message | None:
    return await session.get(Message, message_id)


async def update_answer(session: AsyncSession, message_id: UUID, **values: Any) -> bool:
    """False: it has ended already, or its conversation is deleted."""
    statement = (
        update(Message)
        .where(Message.message_id == message_id, Message.state == MessageState.ANSWERING)
        .values(**values)
        .returning(Message.message_id)
    )
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def list_recent(session: AsyncSession, conversation_id: UUID, *, limit: int) -> list[Message]:
    """The last finished messages, oldest first."""
    query = (
        select(Message)
        .where(Message.conversation_id == conversation_id, Message.state == MessageState.COMPLETED)
        .order_by(Message.created_at.desc(), Message.message_id.desc())
        .limit(limit)
    )
    return list((await session.execute(query)).scalars())[::-1]


async def list_page(session: AsyncSession, page: Slice, *, conversation_id: UUID, role: str | None) -> list[Message]:
    query = select(Message).where(Message.conversation_id == conversation_id)
    if role is not None:
        query = query.where(Message.role == role)
    query = paging.apply(query, page, at=Message.created_at.expression, key=Message.message_id.expression)
    return list((await session.execute(query)).scalars())


async def delete_of_conversations(session: AsyncSession, conversation_ids: Collection[UUID]) -> int:
    statement = delete(Message).where(Message.conversation_id.in_(conversation_ids)).returning(Message.message_id)
    return len((await session.execute(statement)).all())


async def list_abandoned(session: AsyncSession, *, before: datetime) -> list[tuple[Message, Conversation]]:
    """Answers begun before then that have not ended, each with the conversation that pays for it."""
    query = (
        select(Message, Conversation)
        .join(Conversation, Conversation.conversation_id == Message.conversation_id)
        .where(_ANSWERING, Message.created_at < before)
    )
    return [(message, conversation) for message, conversation in await session.execute(query)]
