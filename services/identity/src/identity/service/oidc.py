"""Login at an OpenID provider: away to it with a state that nobody can guess, and back with a code that works once."""

import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

from chassis import audit, origin
from chassis.database import Database
from chassis.errors import GrowFitError, Invalid, NotFound, Unauthenticated, Unavailable
from chassis.sealing import Sealer
from contracts.audit import AuditOutcome
from contracts.platform import SignUpMode
from identity.crud import federation
from identity.errors import OIDC_PROVIDER_NOT_FOUND, OIDC_REFUSED, OIDC_STATE_INVALID, REDIRECT_URI_INVALID
from identity.models import OidcLogin, User
from identity.ports import Challenge, OidcRequest, Person, ProviderName, Providers, SecondFactor, Values
from identity.service.attempts import Attempts, Limit
from identity.service.linking import Linking
from identity.service.networks import host_of
from identity.service.sessions import SessionService, TokenPair

LIFETIME = timedelta(minutes=10)
# Within a quarter of an hour from one host: a whole school may log in from one address.
MOST_STARTS = 1_000
_LONGEST_SUBJECT = 255
_PLAIN = re.compile(r"[!-\[\]-~]+")


@dataclass(frozen=True)
class Started:
    """`login_token` stays with the browser that began; without it nobody ends this login."""

    authorization_url: str
    state: str
    login_token: str
    expires_in: int


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


class OidcService:
    def __init__(
        self,
        database: Database,
        providers: Providers,
        linking: Linking,
        factors: SecondFactor,
        sessions: SessionService,
        *,
        sealer: Sealer,
        attempts: Attempts,
        settings: Values,
        public_url: str,
    ) -> None:
        self._database = database
        self._providers = providers
        self._linking = linking
        self._factors = factors
        self._sessions = sessions
        self._sealer = sealer
        self._attempts = attempts
        self._settings = settings
        self._public_url = public_url.rstrip("/")

    def names(self) -> list[ProviderName]:
        return self._providers.names()

    async def start(self, provider: str, *, redirect_uri: str | None) -> Started:
        """
        Raises:
            NotFound: no such provider.
            Invalid: the address to come back to is not ours.
            RateLimited: too many were started from there.
            Unavailable: the provider cannot be reached.
        """
        self._check(provider)
        callback = f"{self._public_url}/auth/oidc/{provider}/callback"
        request = OidcRequest(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            code_verifier=secrets.token_urlsafe(48),
            redirect_uri=callback if redirect_uri is None else self._ours(redirect_uri),
        )
        key = self._attempts.key("oidc start", host_of(origin.current().ip))
        limit = Limit(key, MOST_STARTS, name="oidc_logins")
        async with self._database.transaction() as session:
            await self._attempts.count(session, limit)
        url = await self._providers.authorization_url(provider, request)
        login_token = secrets.token_urlsafe(32)
        sealed = self._sealer.seal(
            json.dumps([request.nonce, request.code_verifier]), bound_to=_bound_to(request.state)
        )
        async with self._database.transaction() as session:
            await federation.add_login(
                session,
                state_hash=_digest(request.state),
                provider=provider,
                login_hash=_digest(login_token),
                sealed=sealed,
                redirect_uri=request.redirect_uri,
                lifetime=LIFETIME,
            )
        return Started(url, request.state, login_token, int(LIFETIME.total_seconds()))

    async def complete(
        self, provider: str, *, state: str, code: str, login_token: str, user_agent: str
    ) -> TokenPair | Challenge:
        """Open a session, or ask for the second factor.

        Raises:
            NotFound: no such provider.
            Unauthenticated: the login was not begun here, is over or too old; or the provider does not confirm it.
            Forbidden, Conflict: see `Linking.user_of`.
            Unavailable: the provider cannot be reached; begin again.
        """
        self._check(provider)
        async with self._database.transaction() as session:
            login = await federation.take_login(session, state_hash=_digest(state), provider=provider)
        if login is None or not hmac.compare_digest(login.login_hash, _digest(login_token)):
            await self._note_stranger(provider, is_known=login is not None)
            raise Unauthenticated(OIDC_STATE_INVALID)
        try:
            person = await self._providers.identify(provider, self._request(login, state), code=code)
            user, challenge = await self._admit(person, provider)
        except Unavailable:
            raise
        except GrowFitError as error:
            await self._note_refusal(provider, error.code)
            raise
        return challenge or await self._sessions.open(user, user_agent=user_agent)

    def return_address(self, provider: str, answer: dict[str, str]) -> str:
        """The page that ends a login which came back to the callback. Behind the #, so that no log holds the code.

        Raises:
            NotFound: no such provider.
        """
        self._check(provider)
        return f"{self._public_url}/login#{urlencode({'provider': provider, **answer})}"

    async def _admit(self, person: Person, provider: str) -> tuple[User, Challenge | None]:
        if not 0 < len(person.subject) <= _LONGEST_SUBJECT:
            raise Unauthenticated(OIDC_REFUSED)
        mode = SignUpMode(await self._settings.value("security.sign_up_mode"))
        async with self._database.transaction() as session:
            user = await self._linking.user_of(session, person, provider=provider, mode=mode)
            target = f"user/{user.user_id}"
            await audit.record(session, "oidc.login", actor=None, target=target, provider=provider)
            return user, await self._factors.challenge(session, user.user_id, epoch=user.token_epoch)

    async def _note_refusal(self, provider: str, reason: str) -> None:
        refused = AuditOutcome.REFUSED
        async with self._database.transaction() as session:
            await audit.record(session, "oidc.login", actor=None, outcome=refused, provider=provider, reason=reason)

    async def _note_stranger(self, provider: str, *, is_known: bool) -> None:
        """A login that was begun in another browser each time; one that was never begun once a window from one host:
        anybody can make those up.
        """
        key = self._attempts.key("oidc made up", host_of(origin.current().ip))
        if not is_known:
            async with self._database.transaction() as session:
                if not await self._attempts.is_first(session, key):
                    return
        await self._note_refusal(provider, "begun_elsewhere" if is_known else OIDC_STATE_INVALID.code)

    def _check(self, provider: str) -> None:
        if not self._providers.is_known(provider):
            raise NotFound(OIDC_PROVIDER_NOT_FOUND)

    def _ours(self, redirect_uri: str) -> str:
        """Of another page than ours the code would be a stranger's."""
        try:
            asked, ours = urlsplit(redirect_uri), urlsplit(self._public_url)
        except ValueError:
            asked, ours = urlsplit(""), urlsplit(self._public_url)
        same = (asked.scheme, asked.netloc) == (ours.scheme, ours.netloc)
        # What browsers mend in their own way, we do not take.
        if not same or "#" in redirect_uri or not _PLAIN.fullmatch(redirect_uri):
            raise Invalid(REDIRECT_URI_INVALID, public_url=self._public_url)
        return redirect_uri

    def _request(self, login: OidcLogin, state: str) -> OidcRequest:
        nonce, code_verifier = json.loads(self._sealer.open(login.sealed, bound_to=_bound_to(state)))
        return OidcRequest(state, nonce, code_verifier, login.redirect_uri)


def _bound_to(state: str) -> str:
    return f"oidc:{_digest(state).hex()}"
