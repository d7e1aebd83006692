from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, Text, Uuid, func
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from rag.models.base import Base


class MessageState(StrEnum):
    ANSWERING = "answering"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Conversation(Base):
    """One person's conversation. With `document_ids` it is about these documents alone.

    With a project or an agent it reads what is in there, as long as there is one; without it, nothing more is answered.
    `class_id` and what is above it: who pays.
    """

    __tablename__ = "conversations"
    __table_args__ = (
        Index("ix_conversations_user_id_created_at", "user_id", sql("created_at DESC")),
        {"schema": "user"},
    )

    conversation_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    org_id: Mapped[UUID | None]
    partner_id: Mapped[UUID | None]
    class_id: Mapped[UUID | None]
    project_id: Mapped[UUID | None]
    agent_id: Mapped[UUID | None]
    title: Mapped[str] = mapped_column(Text, server_default="")
    document_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), server_default=sql("'{}'"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Message(Base):
    """A question or an answer. An answer keeps what it cited, what it cost and how it ended.

    `provider`, the tokens and the embeddings are written before the model is called: what a killed process leaves can
    be booked. `embeddings`, `reranks`: what embedding the question and ordering what was found was billed.
    """

    __tablename__ = "messages"
    __table_args__ = (
        CheckConstraint("role IN ('user', 'assistant')", name="role"),
        CheckConstraint(f"state IN ({', '.join(repr(state.value) for state in MessageState)})", name="state"),
        Index("ix_messages_conversation_id_created_at", "conversation_id", sql("created_at DESC")),
        # One answer at a time: a second question waits for the end of the first.
        Index(
            "uq_messages_answering",
            "conversation_id",
            unique=True,
            postgresql_where=sql("state = 'answering'"),
        ),
        {"schema": "user"},
    )

    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("user.conversations.conversation_id", ondelete="CASCADE"))
    role: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    problem: Mapped[str | None] = mapped_column(Text)
    model: Mapped[str | None] = mapped_column(Text)
    provider: Mapped[str | None] = mapped_column(Text)  # who was asked; NULL while no model has been
    citations: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=sql("'[]'::jsonb"))
    embeddings: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=sql("'[]'::jsonb"))
    reranks: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=sql("'[]'::jsonb"))
    input_tokens: Mapped[int] = mapped_column(server_default="0")
    output_tokens: Mapped[int] = mapped_column(server_default="0")
    first_token_ms: Mapped[int | None]
    duration_ms: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())
