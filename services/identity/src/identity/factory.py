"""The one place that knows which adapter stands behind which port."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.access import Access
from chassis.auth import Verifier
from chassis.database import Database
from chassis.errors import API_KEY_INVALID, Unauthenticated
from chassis.limits import Limits
from chassis.mail import MailQueue, mailer
from chassis.sealing import Sealer
from identity.adapters.passwords_argon2 import Argon2Passwords
from identity.adapters.refresh_hmac import HmacRefreshSecrets
from identity.adapters.signer_jwt import JwtSigner
from identity.config import Settings
from identity.models import MAILS, PLUMBING, REQUEST_COUNTS
from identity.ports import Challenge
from identity.service.accounts import AccountService
from identity.service.guard import SessionGuard
from identity.service.keys import KeyService
from identity.service.sessions import SessionService


class NoKeys:
    """No API key is known yet."""

    async def trade(self, api_key: str) -> str:  # noqa: ARG002  the port's
        raise Unauthenticated(API_KEY_INVALID)


class NoSecondFactor:
    """A password is enough."""

    async def challenge(self, session: AsyncSession, user_id: UUID) -> Challenge | None:  # noqa: ARG002  the port's
        return None


@dataclass(frozen=True)
class Wired:
    database: Database
    accounts: AccountService
    sessions: SessionService
    keys: KeyService
    mails: MailQueue
    access: Access


def wire(settings: Settings) -> Wired:
    database = Database(settings.database_url, PLUMBING, pool_size=settings.database_pool_size)
    sealing_key = settings.key_encryption_key.get_secret_value()
    passwords = Argon2Passwords()
    keys = KeyService(database, JwtSigner(key_encryption_key=sealing_key, issuer=settings.jwt_issuer))
    guard = SessionGuard(database)
    sessions = SessionService(
        database,
        passwords,
        HmacRefreshSecrets(key_encryption_key=sealing_key),
        keys,
        NoSecondFactor(),
        settings=guard,
    )
    return Wired(
        database=database,
        accounts=AccountService(database, passwords),
        sessions=sessions,
        keys=keys,
        mails=MailQueue(
            database,
            MAILS,
            sealer=Sealer(sealing_key),
            mailer=mailer(settings.mail_url),
            sender=settings.mail_from,
        ),
        access=Access(
            verifier=Verifier(keys, issuer=settings.jwt_issuer),
            platform=guard,
            limits=Limits(database, REQUEST_COUNTS),
            key_trade=NoKeys(),
        ),
    )
