"""What a query over tenants must be given. `service.permission` alone makes these; a test holds that.

A function that asks for one of them cannot be called before somebody decided that the caller may.
"""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class PlatformScope:
    """All orgs."""


@dataclass(frozen=True, slots=True)
class OwnScope:
    """What belongs to the caller, wherever it is."""

    user_id: UUID


@dataclass(frozen=True, slots=True)
class OrgScope:
    """`partner_ids` None: every partner of the org; else these alone."""

    org_id: UUID
    partner_ids: frozenset[UUID] | None


@dataclass(frozen=True, slots=True)
class PartnerScope:
    org_id: UUID
    partner_id: UUID


@dataclass(frozen=True, slots=True)
class ClassScope:
    """`as_student`: the caller is one there, and no more."""

    org_id: UUID
    partner_id: UUID
    class_id: UUID
    as_student: bool = False


@dataclass(frozen=True, slots=True)
class EnrollmentScope:
    """One enrolment, in its class. `student_id`, `user_id`: whose it is."""

    enrollment_id: UUID
    org_id: UUID
    partner_id: UUID
    class_id: UUID
    student_id: UUID
    user_id: UUID


@dataclass(frozen=True, slots=True)
class InviteScope:
    """The caller holds this code. Whether it can still be used is decided when its use is counted."""

    invite_code_id: UUID
    org_id: UUID
    partner_id: UUID
    class_id: UUID
    user_id: UUID


@dataclass(frozen=True, slots=True)
class InvitationScope:
    """The caller holds the token of this invitation. `partner_id` None: its role is in the org itself."""

    invitation_id: UUID
    org_id: UUID
    partner_id: UUID | None
    user_id: UUID


AnyScope = OrgScope | PartnerScope | ClassScope | EnrollmentScope | InviteScope | InvitationScope


def place_of(scope: AnyScope) -> dict[str, UUID | None]:
    """The ids of the org, partner and class that a scope is about; None where it is wider."""
    return {
        "org_id": scope.org_id,
        "partner_id": None if isinstance(scope, OrgScope) else scope.partner_id,
        "class_id": scope.class_id if isinstance(scope, ClassScope | EnrollmentScope | InviteScope) else None,
    }
