from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.org_partner import Budget

EnrollmentStatus = Literal["active", "paused", "ended"]


class MaterialSeen(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    document_id: UUID
    title: str


class EnrollmentOut(BaseModel):
    """An enrolment with the names that a student's screen shows, and what holds there now."""

    model_config = ConfigDict(from_attributes=True)

    enrollment_id: UUID
    student_id: UUID
    status: EnrollmentStatus
    version: int
    enrolled_at: datetime
    class_id: UUID
    class_name: str = Field(examples=["월수 저녁반"])
    course_id: UUID
    course_name: str = Field(examples=["생성형 AI 기초"])
    partner_id: UUID
    partner_name: str = Field(examples=["AI 실습 파트너"])
    org_id: UUID
    org_name: str = Field(examples=["별무리마루 배움터"])
    models: list[str] = Field(
        description="What may be used there after org, partner and class", examples=[["growfit-extractive"]]
    )
    budget: Budget | None = Field(description="The student's own")
    materials: list[MaterialSeen]


class StudentOut(BaseModel):
    """A student in a class, as its teachers see them."""

    model_config = ConfigDict(from_attributes=True)

    enrollment_id: UUID
    class_id: UUID
    class_name: str
    student_id: UUID
    user_id: UUID
    status: EnrollmentStatus
    version: int
    enrolled_at: datetime
    assigned_models: list[str] = Field(
        description="What the class allowed when they were enrolled", examples=[["growfit-extractive"]]
    )
    assigned_budget: Budget | None = Field(description="What the class gave each when they were enrolled")
    display_name: str | None = Field(description="Absent for moments after a sign-up", examples=["김민지"])
    email: str | None = Field(description="Absent for moments after a sign-up")


EnrollmentAction = Literal["enrolled", "paused", "resumed", "ended", "left", "transferred"]


class ChangeOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    change_id: UUID
    version: int = Field(description="Of the enrolment, after it")
    action: EnrollmentAction
    status: EnrollmentStatus = Field(description="Of the enrolment, after it")
    actor_id: UUID
    actor_name: str | None
    detail: dict[str, Any] = Field(description="Which code, or from and to which class")
    changed_at: datetime


class TransferIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    class_id: UUID = Field(
        description="Of the same partner, or of the same org for its administrators",
        examples=["01a20472-18c4-713b-8af1-3977cd6456c0"],
    )


class ImportedRow(BaseModel):
    row: int = Field(description="As the spreadsheet counts; the names of the columns are row 1")
    email: str = Field(description="As it is written")
    outcome: Literal["enrolled", "already", "ended", "invited", "mail_limit", "unknown_user", "invalid", "class_full"]
    message: str = Field(examples=["수강 등록했습니다."])


class ImportReport(BaseModel):
    dry_run: bool = Field(description="true: nothing of it was done")
    counts: dict[str, int] = Field(description="Rows by outcome", examples=[{"enrolled": 28, "unknown_user": 2}])
    rows: list[ImportedRow]
