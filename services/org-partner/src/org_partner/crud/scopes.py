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
    org_id: UUID
    partner_id: UUID
    class_id: UUID


@dataclass(frozen=True, slots=True)
class InviteScope:
    """The caller holds this code. Whether it can still be used is decided when its use is counted."""

    invite_code_id: UUID
    org_id: UUID
    partner_id: UUID
    class_id: UUID
    user_id: UUID


def place_of(scope: OrgScope | PartnerScope | ClassScope) -> dict[str, UUID | None]:
    """The ids of the org, partner and class that a scope is about; None where it is wider."""
    return {
        "org_id": scope.org_id,
        "partner_id": scope.partner_id if isinstance(scope, PartnerScope | ClassScope) else None,
        "class_id": scope.class_id if isinstance(scope, ClassScope) else None,
    }
