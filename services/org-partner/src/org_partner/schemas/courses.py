from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from org_partner.schemas.fields import Name


class CourseIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name = Field(examples=["생성형 AI 기초"])


class CourseOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    course_id: UUID
    org_id: UUID
    name: str
    created_at: datetime
