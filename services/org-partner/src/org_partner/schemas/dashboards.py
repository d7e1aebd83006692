from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from org_partner.schemas.days import Day


class DashboardQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    first: Day | None = Field(
        None, alias="from", description="First day, Asia/Seoul; 29 days before `to`", examples=["2026-11-01"]
    )
    last: Day | None = Field(
        None, alias="to", description="Last day, Asia/Seoul, inclusive; today", examples=["2026-11-30"]
    )


class ClassCounts(BaseModel):
    draft: int
    scheduled: int
    open: int
    closed: int


class StudentCounts(BaseModel):
    """Each student once, in the best of their enrolments here."""

    active: int
    paused: int
    ended: int


class FiguresOut(BaseModel):
    """Students, codes and documents as they are now; questions, uploads and active students within the days."""

    model_config = ConfigDict(from_attributes=True)

    students: StudentCounts
    invite_codes_active: int = Field(validation_alias="codes")
    invite_code_uses_left: int = Field(validation_alias="uses_left")
    documents: int = Field(description="In classes")
    questions: int = Field(description="All: answered, failed and cancelled")
    answered: int
    failed: int
    cancelled: int
    uploads: int
    active_students: int = Field(description="Who asked or uploaded something")
    last_activity_at: datetime | None = Field(description="When somebody last asked or uploaded, whenever that was")


class WideFiguresOut(FiguresOut):
    classes: ClassCounts


class DayOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    day: date
    new_enrollments: int
    questions: int
    failed: int
    cancelled: int
    uploads: int


class ClassPart(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    class_id: UUID = Field(validation_alias="id")
    name: str
    state: Literal["draft", "scheduled", "open", "closed"]
    figures: FiguresOut


class PartnerPart(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    partner_id: UUID = Field(validation_alias="id")
    name: str
    status: str = Field(validation_alias="state")
    figures: WideFiguresOut


class _DaysOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    first: date = Field(serialization_alias="from")
    last: date = Field(serialization_alias="to")


class _DashboardOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    days: _DaysOut
    by_day: list[DayOut] = Field(description="Every day of them")


class ClassDashboard(_DashboardOut):
    figures: FiguresOut


class PartnerDashboard(_DashboardOut):
    figures: WideFiguresOut
    classes: list[ClassPart] = Field(validation_alias="parts", description="The newest 200")
    has_more_classes: bool = Field(validation_alias="has_more_parts")


class OrgDashboard(_DashboardOut):
    figures: WideFiguresOut
    partners: list[PartnerPart] = Field(validation_alias="parts", description="The newest 200")
    has_more_partners: bool = Field(validation_alias="has_more_parts")
