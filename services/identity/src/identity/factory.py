"""The one place that knows which adapter stands behind which port."""

from dataclasses import dataclass

from chassis.access import Access
from chassis.auth import Verifier
from chassis.database import Database
from chassis.limits import Limits
from chassis.mail import MailQueue, mailer
from chassis.sealing import Sealer
from identity.adapters.oidc_authlib import OidcProviders
from identity.adapters.passwords_argon2 import Argon2Passwords
from identity.adapters.refresh_hmac import HmacRefreshSecrets
from identity.adapters.signer_jwt import JwtSigner, bound_to
from identity.config import Settings
from identity.errors import TOO_MANY_LOGINS
from identity.models import MAILS, PLUMBING, REQUEST_COUNTS
from identity.service.accounts import AccountService
from identity.service.addresses import AddressService
from identity.service.admin_users import AdminUserService
from identity.service.api_keys import ApiKeyService
from identity.service.attempts import Attempts
from identity.service.codes import CodeCheck
from identity.service.erasures import ErasureService
from identity.service.factors import FactorService
from identity.service.guard import SessionGuard
from identity.service.invitations import InvitationService
from identity.service.key_trade import KeyTradeService
from identity.service.keys import KeyService
from identity.service.leaving import LeavingService
from identity.service.letters import Letters
from identity.service.linking import Linking
from identity.service.oidc import OidcService
from identity.service.own_password import OwnPasswordService
from identity.service.own_sessions import OwnSessionService
from identity.service.password_check import PasswordCheck
from identity.service.platform_settings import PlatformSettingService
from identity.service.rewrapping import RewrapService
from identity.service.second_step import SecondFactors, SecondStepService
from identity.service.sessions import SessionService
from identity.service.supervision import SupervisionService
from identity.service.supervisors import SupervisorService
from identity.service.tenancy import TenancyService
from identity.service.tenant_invitations import TenantInvitationService
from identity.service.tidy import Tidy
from identity.service.tiers import Tiers
from identity.service.turns import Turns


@dataclass(frozen=True)
class Wired:
    database: Database
    accounts: AccountService
    addresses: AddressService
    own_password: OwnPasswordService
    leaving: LeavingService
    invitations: InvitationService
    supervisors: SupervisorService
    admin_users: AdminUserService
    supervision: SupervisionService
    erasures: ErasureService
    platform_settings: PlatformSettingService
    sessions: SessionService
    own_sessions: OwnSessionService
    factors: FactorService
    second_step: SecondStepService
    oidc: OidcService
    linking: Linking
    api_keys: ApiKeyService
    key_trade: KeyTradeService
    tenancy: TenancyService
    tenant_invitations: TenantInvitationService
    keys: KeyService
    rewrapping: RewrapService
    mails: MailQueue
    tidy: Tidy
    access: Access


def wire(settings: Settings) -> Wired:
    database = Database(settings.database_url, PLUMBING, pool_size=settings.database_pool_size)
    sealing_key = settings.key_encryption_key.get_secret_value()
    passwords = Argon2Passwords()
    keys = KeyService(database, JwtSigner(key_encryption_key=sealing_key, issuer=settings.jwt_issuer))
    guard = SessionGuard(database)
    sealer = Sealer(sealing_key)
    mails = MailQueue(database, MAILS, sealer=sealer, mailer=mailer(settings.mail_url), sender=settings.mail_from)
    letters = Letters(mails, public_url=settings.public_url)
    attempts = Attempts(key_encryption_key=sealing_key)
    check = PasswordCheck(database, passwords, attempts, guard)
    secrets = HmacRefreshSecrets(key_encryption_key=sealing_key)
    # One: people who are in share this process with people who come. More processes let more in at once.
    turns = Turns(at_once=1, most_waiting=200, full=TOO_MANY_LOGINS, pause=0.01)
    tiers = Tiers(database, guard)
    second_factors = SecondFactors(tiers)
    sessions = SessionService(database, check, secrets, keys, second_factors, settings=guard, turns=turns)
    codes = CodeCheck(database, sealer, attempts)
    factors = FactorService(database, sealer, codes, check, letters, tiers)
    linking = Linking(database, letters)
    api_keys = ApiKeyService(database)
    key_trade = KeyTradeService(database, keys, attempts, tiers, settings=guard)
    platform_settings = PlatformSettingService(database)
    limits = Limits(database, REQUEST_COUNTS)
    erasers = (factors.forget, linking.forget, api_keys.forget, platform_settings.forget)
    leaving = LeavingService(database, check, erasers=erasers)
    return Wired(
        database=database,
        accounts=AccountService(database, passwords, attempts, letters, guard),
        addresses=AddressService(database, check, attempts, letters),
        own_password=OwnPasswordService(
            database,
            passwords,
            check,
            attempts,
            letters,
            guard,
            api_keys=api_keys,
            forget=(factors.forget, linking.forget),
        ),
        leaving=leaving,
        invitations=InvitationService(database, letters),
        supervisors=SupervisorService(database),
        admin_users=AdminUserService(database, guard),
        supervision=SupervisionService(database, factors, leaving),
        erasures=ErasureService(database),
        platform_settings=platform_settings,
        sessions=sessions,
        own_sessions=OwnSessionService(database),
        factors=factors,
        second_step=SecondStepService(database, codes, sessions, letters),
        oidc=OidcService(
            database,
            OidcProviders(settings.oidc_providers),
            linking,
            second_factors,
            sessions,
            sealer=sealer,
            attempts=attempts,
            settings=guard,
            public_url=settings.public_url,
        ),
        linking=linking,
        api_keys=api_keys,
        key_trade=key_trade,
        tenancy=TenancyService(database, tiers),
        tenant_invitations=TenantInvitationService(database),
        keys=keys,
        rewrapping=RewrapService(database, sealer, of_key=bound_to),
        mails=mails,
        tidy=Tidy(database),
        access=Access(
            verifier=Verifier(keys, issuer=settings.jwt_issuer),
            platform=guard,
            limits=limits,
            key_trade=key_trade,
            close=limits.close,
        ),
    )
