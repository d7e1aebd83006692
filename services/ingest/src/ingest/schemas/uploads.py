from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ingest.schemas.documents import DocumentOut, Visibility

# PostgreSQL has no NUL in its texts; the file system's own limit is 255.
FileName = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class UploadWanted(BaseModel):
    """The file that will come. `sha256` of its content, in lower-case hex: a twin is refused before it is sent."""

    model_config = ConfigDict(extra="forbid")

    file_name: FileName = Field(examples=["AI 실습 과정 운영 안내서.pdf"])
    size_bytes: int = Field(ge=0, le=2**53, strict=True, examples=[41943040])
    sha256: Sha256 | None = None
    class_id: UUID | None = Field(default=None, description="The class that the document is for, and pays for it")
    visibility: Visibility = Visibility.PRIVATE
    duplicate: Literal["refuse", "allow"] = "refuse"


class UploadStage(StrEnum):
    """`completing`: all is there, and a request is making the document of it."""

    OPEN = "open"
    COMPLETING = "completing"
    COMPLETED = "completed"
    REFUSED = "refused"


class UploadOut(BaseModel):
    upload_id: UUID
    state: UploadStage
    offset: int = Field(description="Bytes that have arrived; go on from there")
    size_bytes: int
    file_name: str
    document_id: UUID | None = Field(description="Once it is completed")
    created_at: datetime
    expires_at: datetime
    problem: dict[str, Any] | None = None


class UploadProgress(UploadOut):
    """After the last byte with the document, which is processed from now on."""

    document: DocumentOut | None = None
