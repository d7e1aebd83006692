from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class EnrollmentOut(BaseModel):
    """One's own enrolment, with the names that a student's screen shows."""

    model_config = ConfigDict(from_attributes=True)

    enrollment_id: UUID
    student_id: UUID
    status: str
    enrolled_at: datetime
    class_id: UUID
    class_name: str
    course_id: UUID
    course_name: str
    partner_id: UUID
    partner_name: str
    org_id: UUID
    org_name: str


class StudentOut(BaseModel):
    """A class's student, as its teachers see them."""

    model_config = ConfigDict(from_attributes=True)

    enrollment_id: UUID
    student_id: UUID
    user_id: UUID
    status: str
    enrolled_at: datetime
    display_name: str | None = Field(description="Absent for moments after a sign-up")
    email: str | None = Field(description="Absent for moments after a sign-up")
