"""Facts that org-partner publishes: tenants, memberships, classes, enrolments, LLM settings."""

from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime

from contracts.event import Event


class Role(StrEnum):
    """What a membership allows. An org role reaches all partners of the org, a partner role its own classes."""

    ORG_ADMIN = "org_admin"
    PARTNER_OWNER = "partner_owner"
    INSTRUCTOR = "instructor"
    ASSISTANT = "assistant"
    STUDENT = "student"


class OrgCreated(Event, type="org_partner.org.created.v1", key="org_id"):
    org_id: UUID
    name: str
    version: int
    created_at: AwareDatetime


class PartnerCreated(Event, type="org_partner.partner.created.v1", key="partner_id"):
    partner_id: UUID
    org_id: UUID
    name: str
    version: int
    created_at: AwareDatetime


class CourseCreated(Event, type="org_partner.course.created.v1", key="course_id"):
    course_id: UUID
    org_id: UUID
    name: str
    version: int
    created_at: AwareDatetime


class ClassOpened(Event, type="org_partner.class.opened.v1", key="class_id"):
    class_id: UUID
    course_id: UUID
    org_id: UUID
    partner_id: UUID
    name: str
    version: int
    opened_at: AwareDatetime


class ClassClosed(Event, type="org_partner.class.closed.v1", key="class_id"):
    class_id: UUID
    org_id: UUID
    partner_id: UUID
    version: int
    closed_at: AwareDatetime


class MembershipGranted(Event, type="org_partner.membership.granted.v1", key="membership_id"):
    """`partner_id` absent: the role is in the org itself."""

    membership_id: UUID
    user_id: UUID
    org_id: UUID
    partner_id: UUID | None = None
    role: Role
    version: int
    granted_at: AwareDatetime


class MembershipRevoked(Event, type="org_partner.membership.revoked.v1", key="membership_id"):
    membership_id: UUID
    user_id: UUID
    org_id: UUID
    partner_id: UUID | None = None
    version: int
    revoked_at: AwareDatetime


class StudentEnrolled(Event, type="org_partner.student.enrolled.v1", key="enrollment_id"):
    enrollment_id: UUID
    student_id: UUID
    user_id: UUID
    class_id: UUID
    partner_id: UUID
    org_id: UUID
    version: int
    enrolled_at: AwareDatetime


class EnrollmentEnded(Event, type="org_partner.enrollment.ended.v1", key="enrollment_id"):
    enrollment_id: UUID
    student_id: UUID
    user_id: UUID
    class_id: UUID
    partner_id: UUID
    org_id: UUID
    version: int
    ended_at: AwareDatetime


class LlmSettingsChanged(Event, type="org_partner.llm_settings.changed.v1", key="settings_id"):
    """Carries names and limits only: the provider's key never travels."""

    settings_id: UUID
    org_id: UUID
    partner_id: UUID | None = None
    provider: str
    model: str
    allowed_models: list[str]
    version: int
    changed_at: AwareDatetime
