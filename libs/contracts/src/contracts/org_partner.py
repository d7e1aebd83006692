"""Facts that org-partner publishes: tenants, memberships, classes, enrolments, LLM settings, settlement policies."""

from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from contracts.audit import AuditEntry
from contracts.erasure import Erasure
from contracts.event import Event

_SHA_256 = r"^[0-9a-f]{64}$"


class Role(StrEnum):
    """What a membership allows. An org role reaches all partners of the org, a partner role its own classes."""

    ORG_ADMIN = "org_admin"
    PARTNER_OWNER = "partner_owner"
    INSTRUCTOR = "instructor"
    ASSISTANT = "assistant"
    STUDENT = "student"


class TenantStatus(StrEnum):
    """What an org or a partner is. Only an active one's classes can be used, and only while its org is active too."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class Budget(BaseModel):
    """`amount`: minor units of `currency` (won, cents) within each `period` of Asia/Seoul."""

    model_config = ConfigDict(frozen=True)

    amount: int = Field(ge=0)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    period: Literal["month", "total"]


class OrgCreated(Event, type="org_partner.org.created.v1", key="org_id"):
    org_id: UUID
    name: str
    version: int
    created_at: AwareDatetime


class OrgChanged(Event, type="org_partner.org.changed.v1", key="org_id"):
    """The org as it is now. Its status holds for all that is below it."""

    org_id: UUID
    name: str
    status: TenantStatus
    version: int
    changed_at: AwareDatetime


class PartnerCreated(Event, type="org_partner.partner.created.v1", key="partner_id"):
    partner_id: UUID
    org_id: UUID
    name: str
    version: int
    created_at: AwareDatetime


class PartnerChanged(Event, type="org_partner.partner.changed.v1", key="partner_id"):
    """The partner as it is now, with the org that it is in now."""

    partner_id: UUID
    org_id: UUID
    name: str
    status: TenantStatus
    version: int
    changed_at: AwareDatetime


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


class ClassConfigured(Event, type="org_partner.class.configured.v1", key="class_id"):
    """What the class's students may use. An empty `allowed_models` is the org's and partner's own list.

    Counted by a version of its own, apart from the class's opening and closing.
    """

    class_id: UUID
    org_id: UUID
    partner_id: UUID
    name: str
    allowed_models: list[str]
    class_budget: Budget | None = None
    student_budget: Budget | None = None
    material_ids: list[UUID]
    version: int
    configured_at: AwareDatetime


class MembershipGranted(Event, type="org_partner.membership.granted.v1", key="membership_id"):
    """`partner_id` absent: the role is in the org itself. A changed role is granted anew, with a higher version."""

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


class InvitationSent(Event, type="org_partner.invitation.sent.v1", key="invitation_id"):
    """A letter that invites to a role or into a class. Who shows it may sign up where only invited people may.

    `address_digest`, `token_digest`: see `contracts.digests`; the token is the letter's token or invite code. A letter
    that is sent again has another token and a higher version, and so has one whose partner is in another org now.
    `partner_id` absent: the role is in the org itself.
    """

    invitation_id: UUID
    org_id: UUID
    partner_id: UUID | None = None
    address_digest: str = Field(pattern=_SHA_256)
    token_digest: str = Field(pattern=_SHA_256)
    version: int
    expires_at: AwareDatetime
    sent_at: AwareDatetime


class InvitationEnded(Event, type="org_partner.invitation.ended.v1", key="invitation_id"):
    """It was taken back. One that is accepted or expires has no event: its letter says until when it is good."""

    invitation_id: UUID
    org_id: UUID
    partner_id: UUID | None = None
    version: int
    ended_at: AwareDatetime


class StudentEnrolled(Event, type="org_partner.student.enrolled.v1", key="enrollment_id"):
    enrollment_id: UUID
    student_id: UUID
    user_id: UUID
    class_id: UUID
    partner_id: UUID
    org_id: UUID
    version: int
    enrolled_at: AwareDatetime
    # What redeeming the code assigned; absent in what was published before classes had any of it.
    allowed_models: list[str] | None = None
    budget: Budget | None = None
    material_ids: list[UUID] | None = None


class EnrollmentPaused(Event, type="org_partner.enrollment.paused.v1", key="enrollment_id"):
    """Takes the class away until a newer `StudentEnrolled` gives it back."""

    enrollment_id: UUID
    student_id: UUID
    user_id: UUID
    class_id: UUID
    partner_id: UUID
    org_id: UUID
    version: int
    paused_at: AwareDatetime


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


class SettlementTier(BaseModel):
    """From this many minor units of a month's revenue on, this share, in basis points, is the partner's."""

    model_config = ConfigDict(frozen=True)

    from_amount: int = Field(ge=0)
    share_bps: int = Field(ge=0, le=10_000)


class SettlementPolicyAdopted(Event, type="org_partner.settlement_policy.adopted.v1", key="policy_id"):
    """How an org settles with its partners from `effective_from` on. Amounts are minor units of `currency`."""

    policy_id: UUID
    org_id: UUID
    kind: Literal["share", "fixed_fee"]
    share_bps: int | None = None
    fixed_fee: int | None = None
    tiers: list[SettlementTier]
    minimum_amount: int
    currency: str
    rounding: Literal["down", "half_up", "half_even"]
    effective_from: AwareDatetime
    version: int
    adopted_at: AwareDatetime


class SettlementPolicyWithdrawn(Event, type="org_partner.settlement_policy.withdrawn.v1", key="policy_id"):
    """It was taken back before it came into effect, and never will. `version` is the policy's own."""

    policy_id: UUID
    org_id: UUID
    version: int
    withdrawn_at: AwareDatetime


class AuditRecorded(AuditEntry, type="org_partner.audit.recorded.v1", key="audit_id"):
    pass


class PersonalDataErased(Erasure, type="org_partner.personal_data.erased.v1", key="user_id"):
    pass
