from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from rag.schemas.fields import AN_ID, NO_NUL, Asked


class ConversationIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str = Field(default="", max_length=200, pattern=NO_NUL, examples=["수료증 발급"])
    class_id: UUID | None = Field(
        default=None, description="The class that the conversation belongs to and pays", examples=[AN_ID]
    )
    project_id: UUID | None = Field(default=None, description="About what is in this project", examples=[AN_ID])
    agent_id: UUID | None = Field(
        default=None, description="With this agent, which says who pays: no `class_id`", examples=[AN_ID]
    )
    document_ids: list[UUID] = Field(
        default_factory=list, max_length=100, description="Talk with these alone", examples=[[AN_ID]]
    )


class ConversationOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    conversation_id: UUID
    title: str
    class_id: UUID | None
    project_id: UUID | None
    agent_id: UUID | None
    document_ids: list[UUID]
    created_at: datetime


class QuestionIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: Asked = Field(max_length=4000, pattern=NO_NUL, examples=["강사료는 언제 지급되나요?"])


class MessageOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    message_id: UUID
    role: str = Field(examples=["assistant"])
    text: str
    state: str = Field(examples=["complete"])
    problem: str | None = Field(examples=["llm_unavailable"])
    model: str | None = Field(examples=["growfit-extractive"])
    citations: list[dict[str, Any]]
    input_tokens: int
    output_tokens: int
    first_token_ms: int | None
    duration_ms: int | None
    created_at: datetime
