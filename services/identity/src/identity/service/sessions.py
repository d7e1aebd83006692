"""Sessions: login, refresh with rotation, logout."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit, origin
from chassis.auth import Principal
from chassis.database import Database
from chassis.errors import SESSION_ENDED, Forbidden, Unauthenticated
from chassis.ids import new_id
from contracts.audit import AuditOutcome
from identity.crud import sessions, users
from identity.crud.sessions import Holder
from identity.errors import EMAIL_UNVERIFIED, LOGIN_REFUSED, REFRESH_REFUSED
from identity.models import User
from identity.ports import Challenge, Claims, RefreshSecrets, SecondFactor, Values
from identity.service import changes
from identity.service.keys import KeyService
from identity.service.networks import host_of, network_of
from identity.service.password_check import PasswordCheck, Shown
from identity.service.permission import own
from identity.service.turns import Turns

# Two tabs, or a lost answer, refresh twice; only the immediate predecessor is forgiven, and only this long.
GRACE = timedelta(seconds=10)


@dataclass(frozen=True)
class TokenPair:
    access_token: str
    refresh_token: str
    expires_in: int


@dataclass(frozen=True)
class _Terms:
    """`restricted_to`: what alone the session is good for; None: for all that its user may do."""

    lifetime: timedelta
    restricted_to: str | None


class SessionService:
    def __init__(
        self,
        database: Database,
        check: PasswordCheck,
        secrets: RefreshSecrets,
        keys: KeyService,
        factors: SecondFactor,
        *,
        settings: Values,
        turns: Turns,
    ) -> None:
        self._database = database
        self._check = check
        self._secrets = secrets
        self._keys = keys
        self._factors = factors
        self._settings = settings
        self._turns = turns

    async def login(self, *, email: str, password: str, user_agent: str) -> TokenPair | Challenge:
        """Open a session, or ask for the second factor.

        Raises:
            Unauthenticated: wrong address, wrong password, not active; one answer, after the same work.
            RateLimited: too many wrong tries.
            Forbidden: the address must be verified first; told to nobody but who knows the password.
            Unavailable: too many log in at once.
        """
        # From the first query on: what a hundred at once ask of the database would hold up those who are in as well.
        async with self._turns.take(host_of(origin.current().ip)):
            return await self._login(email=email, password=password, user_agent=user_agent)

    async def _login(self, *, email: str, password: str, user_agent: str) -> TokenPair | Challenge:
        shown = await self._check.login(email=email, password=password)
        if shown.user.email_verified_at is None and await self._settings.value("security.email_verification_required"):
            await self._refuse_unverified(shown)
        renewed = await self._check.renewed(shown, password)
        terms = await self._terms(shown.user)
        async with self._database.transaction() as session:
            if renewed:
                await users.update_password_hash(session, user_id=shown.user.user_id, password_hash=renewed)
            challenge = await self._factors.challenge(session, shown.user.user_id, epoch=shown.user.token_epoch)
            opened = None
            if challenge is None:
                opened = await self._add(session, shown.user, terms, user_agent=user_agent)
            await self._check.settle(session, shown)
        if challenge is not None:
            return challenge
        assert opened is not None  # noqa: S101  there is a session where there is no challenge
        return await self._pair(*opened)

    async def open(self, user: User, *, user_agent: str) -> TokenPair:
        """A session for somebody who has shown who they are, by whichever way.

        Raises:
            Unauthenticated: the user is no longer active, or every session ended since `user` was read.
        """
        terms = await self._terms(user)
        async with self._database.transaction() as session:
            opened = await self._add(session, user, terms, user_agent=user_agent)
        return await self._pair(*opened)

    async def refresh(self, refresh_token: str) -> TokenPair:
        """Trade a refresh token for its successor and a new access token.

        A token used twice outside the grace was stolen or leaked: its whole session ends.

        Raises:
            Unauthenticated: unknown, expired, revoked or reused; or the user is no longer active.
        """
        digest, successor = self._secrets.digest(refresh_token), self._secrets.successor(refresh_token)
        async with self._database.transaction() as session:
            holder = await self._rotate(session, digest, self._secrets.digest(successor))
        if holder is None:
            raise Unauthenticated(REFRESH_REFUSED)
        return await self._pair(await self._claims(holder), successor)

    async def access_token(self, session_id: UUID) -> tuple[str, int]:
        """Another access token of a session that goes on while its older ones have ended; and its seconds.

        Good for no more than its session is, as at a refresh.

        Raises:
            Unauthenticated: the session is over.
        """
        async with self._database.transaction() as session:
            holder = await sessions.get_holder(session, session_id)
        if holder is None:
            raise Unauthenticated(SESSION_ENDED)
        pair = await self._pair(await self._claims(holder), "")
        return pair.access_token, pair.expires_in

    async def logout(self, caller: Principal) -> None:
        async with self._database.transaction() as session:
            await changes.end_session(session, caller.session_id, own=own(caller), reason="logout", actor=caller)

    async def _refuse_unverified(self, shown: Shown) -> None:
        async with self._database.transaction() as session:
            await audit.record(
                session,
                "user.login_failed",
                actor=None,
                target=f"user/{shown.user.user_id}",
                outcome=AuditOutcome.REFUSED,
                reason="email_unverified",
            )
            await self._check.settle(session, shown)
        raise Forbidden(EMAIL_UNVERIFIED)

    async def _claims(self, holder: Holder) -> Claims:
        """With what the session is good for by now."""
        scope = await self._factors.restriction(holder.user_id, tier=holder.tier, held=holder.restricted_to)
        if scope != holder.restricted_to:
            async with self._database.transaction() as session:
                await sessions.update_restricted(session, holder.session_id, restricted_to=scope)
        return Claims(holder.user_id, holder.tier, holder.session_id, holder.token_epoch, scope)

    async def _rotate(self, session: AsyncSession, digest: bytes, successor: bytes) -> Holder | None:
        session_id = await sessions.use_token(session, digest=digest)
        if session_id is not None:
            holder = await sessions.update_used(session, session_id)
            if holder is not None:
                await sessions.add_token(session, digest=successor, session_id=session_id)
            return holder
        token = await sessions.get_token(session, digest=digest)
        if token is None:
            return None
        session_id, used_at, database_now = token
        fresh = used_at is not None and database_now - used_at <= GRACE
        if fresh and await sessions.is_unused(session, digest=successor):
            return await sessions.get_holder(session, session_id)
        await changes.end_session(
            session,
            session_id,
            reason="refresh token reused",
            actor=None,
            action="session.reuse_detected",
            outcome=AuditOutcome.REFUSED,
        )
        return None

    async def _terms(self, user: User) -> _Terms:
        # Asked before the transaction: what holds one connection must not wait for a second.
        lifetime = timedelta(days=await self._settings.value("security.refresh_token_days"))
        return _Terms(lifetime, await self._factors.restriction(user.user_id, tier=user.tier))

    async def _add(self, session: AsyncSession, user: User, terms: _Terms, *, user_agent: str) -> tuple[Claims, str]:
        current = await users.update_last_login(session, user.user_id, epoch=user.token_epoch)
        if current is None:
            raise Unauthenticated(LOGIN_REFUSED)
        refresh_token, session_id, ip = self._secrets.first(), new_id(), origin.current().ip
        await sessions.add(
            session,
            session_id=session_id,
            user_id=user.user_id,
            user_agent=user_agent[:300],
            ip=ip,
            network=network_of(ip),
            lifetime=terms.lifetime,
            restricted_to=terms.restricted_to,
        )
        await sessions.add_token(session, digest=self._secrets.digest(refresh_token), session_id=session_id)
        principal = Principal(user.user_id, current.tier, session_id, current.token_epoch)
        await audit.record(session, "user.logged_in", actor=principal, target=f"user/{user.user_id}")
        claims = Claims(user.user_id, current.tier, session_id, current.token_epoch, terms.restricted_to)
        return claims, refresh_token

    async def _pair(self, claims: Claims, refresh_token: str) -> TokenPair:
        lifetime = timedelta(minutes=await self._settings.value("security.access_token_minutes"))
        access = await self._keys.sign(claims, lifetime=lifetime)
        return TokenPair(access, refresh_token, int(lifetime.total_seconds()))
