"""identity's tables. Importing this package knows them all, which migrations need."""

from identity.models.base import MAILS, PLUMBING, REQUEST_COUNTS, SCHEMA, TENANCY, Base
from identity.models.platform_settings import PlatformSetting
from identity.models.sessions import RefreshToken, Session
from identity.models.signing_keys import SigningKey
from identity.models.users import Credential, User

__all__ = [
    "MAILS",
    "PLUMBING",
    "REQUEST_COUNTS",
    "SCHEMA",
    "TENANCY",
    "Base",
    "Credential",
    "PlatformSetting",
    "RefreshToken",
    "Session",
    "SigningKey",
    "User",
]
