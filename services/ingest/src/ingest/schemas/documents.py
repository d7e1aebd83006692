from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Visibility(StrEnum):
    """`private`: the owner alone. `class`: everybody in the class; only its instructors may choose it."""

    PRIVATE = "private"
    CLASS = "class"


class DocumentOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    document_id: UUID
    version: int
    title: str = Field(examples=["AI 실습 과정 운영 안내서.pdf"])
    media_type: str = Field(examples=["application/pdf"])
    size_bytes: int
    state: str = Field(examples=["ready"])
    progress: float
    searchable: bool = Field(
        description="Whether search finds it: its newest content, or while that is worked on the one before"
    )
    revision: int = Field(
        description="Counts its contents: every new file, and every time it is cut anew", examples=[1]
    )
    waits_for: str | None = Field(
        None, description="What is away and is waited for", examples=["embedding_unavailable"]
    )
    recipe: dict[str, Any] | None = Field(
        None,
        description="How it was cut and embedded",
        examples=[{"model": "multilingual-e5-small", "strategy": "structure-1", "tokens": 240, "overlap": 40}],
    )
    page_count: int | None
    pages_read: int
    chunk_count: int | None
    class_id: UUID | None
    visibility: Visibility
    project_ids: list[UUID] = Field([], description="Your projects that it is in; for its owner alone")
    agent_ids: list[UUID] = Field([], description="Your agents that it is in; for its owner alone")
    created_at: datetime
    updated_at: datetime
    problem: dict[str, Any] | None = None
    refused: dict[str, Any] | None = Field(
        None, description="Why its last newer content did not come about; the one before it stayed"
    )


class DocumentTaken(BaseModel):
    """One file of a bulk upload: its document, or the problem that it was refused for.

    `file_name` null: the request itself came to an end there, and nothing after it was read.
    """

    file_name: str | None = Field(examples=["1주차 강의 노트.pdf"])
    document: DocumentOut | None = None
    problem: dict[str, Any] | None = None


class BulkUploaded(BaseModel):
    """In the order of the form."""

    accepted: int
    items: list[DocumentTaken]


class BulkDelete(BaseModel):
    model_config = ConfigDict(extra="forbid")

    document_ids: list[UUID] = Field(min_length=1, max_length=100)


class DeletionCounts(BaseModel):
    vectors: int
    objects: int
    chunks: int


class IndexCounts(BaseModel):
    deleted: int
    remaining: int


class Receipt(BaseModel):
    """What was deleted where, and what is left; all zeros is the promise."""

    document_id: UUID
    deleted: DeletionCounts
    remaining: DeletionCounts
    indexes: dict[str, IndexCounts] = Field(
        {},
        description="Vectors, index by index",
        examples=[{"pgvector:multilingual-e5-small:384": {"deleted": 12, "remaining": 0}}],
    )
    deleted_at: datetime


class DocumentGone(BaseModel):
    document_id: UUID
    receipt: Receipt | None = None
    problem: dict[str, Any] | None = None


class BulkDeleted(BaseModel):
    """In the order that was asked for."""

    deleted: int
    items: list[DocumentGone]
