"""identity's tables. Importing this package knows them all, which migrations need."""

from identity.models.base import PLUMBING, SCHEMA, Base
from identity.models.sessions import RefreshToken, Session
from identity.models.signing_keys import SigningKey
from identity.models.users import Credential, User

__all__ = ["PLUMBING", "SCHEMA", "Base", "Credential", "RefreshToken", "Session", "SigningKey", "User"]
