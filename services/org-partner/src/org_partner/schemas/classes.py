from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from org_partner.schemas.fields import Name


class ClassIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    course_id: UUID
    name: Name = Field(examples=["월수 저녁반"])


class ClassOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    class_id: UUID
    org_id: UUID
    partner_id: UUID
    course_id: UUID
    name: str
    opened_at: datetime
