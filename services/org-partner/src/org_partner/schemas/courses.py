from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from org_partner.schemas.fields import Given, Name, Prose, Version


class CourseIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name = Field(examples=["생성형 AI 기초"])
    description: Prose = Field(default="", examples=["프롬프트를 처음 쓰는 사람을 위한 8주 과정"])


class CoursePatch(BaseModel):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Name | None, Given] = Field(default=None, examples=["생성형 AI 입문"])
    description: Annotated[Prose | None, Given] = Field(default=None, examples=["8주 과정, 실습 포함"])
    archived: Annotated[bool | None, Given] = Field(
        default=None, strict=True, description="false brings an archived course back", examples=[False]
    )
    version: Annotated[Version | None, Given] = Field(
        default=None, description="409 when the course has another one by now", examples=[3]
    )

    def changes(self) -> dict[str, Any]:
        return self.model_dump(exclude={"version"}, exclude_unset=True)


class CourseOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    course_id: UUID
    org_id: UUID
    name: str
    description: str
    version: int
    created_at: datetime
    archived_at: datetime | None = Field(description="Set: no new classes of it")
