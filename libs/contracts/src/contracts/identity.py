"""Facts that identity publishes: users, sessions, platform settings, what was done."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime

from contracts.audit import AuditEntry
from contracts.event import Event


class Tier(StrEnum):
    """What the account itself is; roles inside orgs and classes are memberships, published by org-partner."""

    SUPERVISOR = "supervisor"
    USER = "user"


class UserRegistered(Event, type="identity.user.registered.v1", key="user_id"):
    """`email_verified`: whether somebody has shown that the address is theirs; absent in what was written before."""

    user_id: UUID
    email: str
    display_name: str
    tier: Tier
    locale: str
    registered_at: AwareDatetime
    email_verified: bool | None = None


class UserStatus(StrEnum):
    ACTIVE = "active"
    DEACTIVATED = "deactivated"
    SUSPENDED = "suspended"
    ANONYMISED = "anonymised"


class UserChanged(Event, type="identity.user.changed.v1", key="user_id"):
    """The account as it is now. A token with an older epoch is refused from now on.

    `email_verified`: whether somebody has shown that the address is theirs; absent in what was written before.
    """

    user_id: UUID
    email: str
    display_name: str
    tier: Tier
    locale: str
    status: UserStatus
    token_epoch: int
    version: int
    changed_at: AwareDatetime
    email_verified: bool | None = None


class UserAnonymised(Event, type="identity.user.anonymised.v1", key="user_id"):
    user_id: UUID
    version: int
    anonymised_at: AwareDatetime


class SessionRevoked(Event, type="identity.session.revoked.v1", key="user_id"):
    """A session, or an API key, which is one of its own. `session_id` absent: every one of the user.

    Tokens with an older epoch are refused from now on.
    """

    user_id: UUID
    session_id: UUID | None = None
    token_epoch: int
    revoked_at: AwareDatetime


class PlatformSettingsChanged(Event, type="identity.platform_setting.changed.v1", key="setting_id"):
    """`value` absent: it was taken back, and the default of `contracts.platform` holds."""

    setting_id: UUID
    name: str
    value: Any = None
    version: int
    changed_at: AwareDatetime


class AuditRecorded(AuditEntry, type="identity.audit.recorded.v1", key="audit_id"):
    pass
