"""identity's tables. Importing this package knows them all, which migrations need."""

from identity.models.account_tokens import AccountToken
from identity.models.api_keys import ApiKey
from identity.models.attempts import Attempt
from identity.models.base import MAILS, PLUMBING, REQUEST_COUNTS, SCHEMA, TENANCY, Base
from identity.models.erasures import Erasure
from identity.models.factors import MfaChallenge, RecoveryCode, TotpFactor
from identity.models.federation import LinkedIdentity, OidcLogin
from identity.models.invitations import Invitation
from identity.models.platform_settings import PlatformSetting, PlatformSettingChange
from identity.models.sessions import RefreshToken, Session
from identity.models.signing_keys import SigningKey
from identity.models.tenant_invitations import TenantInvitation
from identity.models.users import Credential, User

__all__ = [
    "MAILS",
    "PLUMBING",
    "REQUEST_COUNTS",
    "SCHEMA",
    "TENANCY",
    "AccountToken",
    "ApiKey",
    "Attempt",
    "Base",
    "Credential",
    "Erasure",
    "Invitation",
    "LinkedIdentity",
    "MfaChallenge",
    "OidcLogin",
    "PlatformSetting",
    "PlatformSettingChange",
    "RecoveryCode",
    "RefreshToken",
    "Session",
    "SigningKey",
    "TenantInvitation",
    "TotpFactor",
    "User",
]
