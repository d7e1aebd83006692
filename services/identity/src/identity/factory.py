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
from identity.service.addresses import AddressService
from identity.service.attempts import Attempts
from identity.service.guard import SessionGuard
from identity.service.invitations import InvitationService
from identity.service.keys import KeyService
from identity.service.leaving import LeavingService
from identity.service.letters import Letters
from identity.service.own_password import OwnPasswordService
from identity.service.own_sessions import OwnSessionService
from identity.service.password_check import PasswordCheck
from identity.service.sessions import SessionService
from identity.service.supervisors import SupervisorService
from identity.service.tidy import Tidy


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
    addresses: AddressService
    own_password: OwnPasswordService
    leaving: LeavingService
    invitations: InvitationService
    supervisors: SupervisorService
    sessions: SessionService
    own_sessions: OwnSessionService
    keys: KeyService
    mails: MailQueue
    tidy: Tidy
    access: Access


def wire(settings: Settings) -> Wired:
    database = Database(settings.database_url, PLUMBING, pool_size=settings.database_pool_size)
    sealing_key = settings.key_encryption_key.get_secret_value()
    passwords = Argon2Passwords()
    keys = KeyService(database, JwtSigner(key_encryption_key=sealing_key, issuer=settings.jwt_issuer))
    guard = SessionGuard(database)
    mails = MailQueue(
        database, MAILS, sealer=Sealer(sealing_key), mailer=mailer(settings.mail_url), sender=settings.mail_from
    )
    letters = Letters(mails, public_url=settings.public_url)
    attempts = Attempts(key_encryption_key=sealing_key)
    check = PasswordCheck(database, passwords, attempts, guard)
    secrets = HmacRefreshSecrets(key_encryption_key=sealing_key)
    sessions = SessionService(database, check, secrets, keys, NoSecondFactor(), settings=guard)
    return Wired(
        database=database,
        accounts=AccountService(database, passwords, attempts, letters, guard),
        addresses=AddressService(database, check, attempts, letters),
        own_password=OwnPasswordService(database, passwords, check, attempts, letters, guard),
        leaving=LeavingService(database, check, erasers=()),
        invitations=InvitationService(database, letters),
        supervisors=SupervisorService(database),
        sessions=sessions,
        own_sessions=OwnSessionService(database),
        keys=keys,
        mails=mails,
        tidy=Tidy(database),
        access=Access(
            verifier=Verifier(keys, issuer=settings.jwt_issuer),
            platform=guard,
            limits=Limits(database, REQUEST_COUNTS),
            key_trade=NoKeys(),
        ),
    )
