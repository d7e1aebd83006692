from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from rag.schemas.fields import Given, Name


class ProjectIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name = Field(examples=["졸업 논문"])


class ProjectPatch(BaseModel):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Name | None, Given] = Field(default=None, examples=["졸업 논문"])


class ProjectOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    project_id: UUID
    name: str
    created_at: datetime
