"""Sessions: login, refresh with rotation, logout, and the end of what is long over."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit, origin, outbox
from chassis.auth import Principal
from chassis.clock import now
from chassis.database import Database
from chassis.errors import Unauthenticated
from chassis.ids import new_id
from contracts.identity import SessionRevoked
from identity.crud import sessions, users
from identity.errors import LOGIN_REFUSED, REFRESH_REFUSED
from identity.models import User
from identity.ports import Challenge, Claims, Passwords, RefreshSecrets, SecondFactor, Values
from identity.service.keys import KeyService
from identity.service.networks import network_of

# Two tabs, or a lost answer, refresh twice; only the immediate predecessor is forgiven, and only this long.
GRACE = timedelta(seconds=10)

# A reused token is told from an unknown one, and a theft looked into, only while the rows are there.
RETENTION = timedelta(days=30)
# One DELETE of everything could run into the statement timeout, and then nothing would ever go.
FORGET_BATCH = 5_000


@dataclass(frozen=True)
class TokenPair:
    access_token: str
    refresh_token: str
    expires_in: int


class SessionService:
    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        secrets: RefreshSecrets,
        keys: KeyService,
        factors: SecondFactor,
        *,
        settings: Values,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._secrets = secrets
        self._keys = keys
        self._factors = factors
        self._settings = settings

    async def login(self, *, email: str, password: str, user_agent: str) -> TokenPair | Challenge:
        """Open a session, or ask for the second factor.

        Raises:
            Unauthenticated: wrong address, wrong password, not active; one answer, in the same time.
        """
        email = email.lower()
        async with self._database.transaction() as session:
            found = await users.get_with_hash(session, email=email)
        right = await self._passwords.verify(password, found[1] if found else None)
        if not right or found is None or found[0].status != "active":
            raise Unauthenticated(LOGIN_REFUSED)
        user, hashed = found
        renewed = await self._passwords.hash(password) if self._passwords.is_outdated(hashed) else None
        lifetime = await self._lifetime()
        async with self._database.transaction() as session:
            if renewed:
                await users.update_password_hash(session, user_id=user.user_id, password_hash=renewed)
            challenge = await self._factors.challenge(session, user.user_id)
            if challenge:
                return challenge
            opened = await self._add(session, user, user_agent=user_agent, lifetime=lifetime)
        return await self._pair(*opened)

    async def open(self, user: User, *, user_agent: str) -> TokenPair:
        """A session for somebody who has shown who they are, by whichever way.

        Raises:
            Unauthenticated: the user is no longer active, or every session ended since `user` was read.
        """
        lifetime = await self._lifetime()
        async with self._database.transaction() as session:
            opened = await self._add(session, user, user_agent=user_agent, lifetime=lifetime)
        return await self._pair(*opened)

    async def refresh(self, refresh_token: str) -> TokenPair:
        """Trade a refresh token for its successor and a new access token.

        A token used twice outside the grace was stolen or leaked: its whole session ends.

        Raises:
            Unauthenticated: unknown, expired, revoked or reused.
        """
        digest, successor = self._secrets.digest(refresh_token), self._secrets.successor(refresh_token)
        async with self._database.transaction() as session:
            session_id = await sessions.use_token(session, digest=digest)
            if session_id is None:
                session_id = await self._within_grace(session, digest, self._secrets.digest(successor))
            live = await sessions.get_live(session, session_id) if session_id else None
            user = await users.get(session, live.user_id) if live else None
            if live and user and user.status == "active":
                await sessions.add_token(session, digest=self._secrets.digest(successor), session_id=live.session_id)
        if live is None or user is None or user.status != "active":
            raise Unauthenticated(REFRESH_REFUSED)
        return await self._pair(Claims(user.user_id, user.tier, live.session_id, user.token_epoch), successor)

    async def logout(self, *, user_id: UUID, session_id: UUID) -> None:
        async with self._database.transaction() as session:
            live = await sessions.get_live(session, session_id)
            if live is not None and live.user_id == user_id:
                await self._revoke(session, session_id, reason="logout")

    async def forget_old(self) -> None:
        """Delete the sessions that expired or ended before `RETENTION`, with their tokens.

        Nothing can be added to them meanwhile: only a live session gets a token.
        """
        # The tokens first, they point at their session. One transaction each time: what is deleted stays deleted.
        for delete in (sessions.delete_ended_tokens, sessions.delete_ended):
            deleted = FORGET_BATCH
            while deleted == FORGET_BATCH:
                async with self._database.transaction() as session:
                    deleted = await delete(session, age=RETENTION, limit=FORGET_BATCH)

    async def _within_grace(self, session: AsyncSession, digest: bytes, successor: bytes) -> UUID | None:
        token = await sessions.get_token(session, digest=digest)
        if token is None:
            return None
        session_id, used_at, database_now = token
        fresh = used_at is not None and database_now - used_at <= GRACE
        if fresh and await sessions.is_unused(session, digest=successor):
            return session_id
        await self._revoke(session, session_id, reason="refresh token reused")
        return None

    async def _revoke(self, session: AsyncSession, session_id: UUID, *, reason: str) -> None:
        live = await sessions.get_live(session, session_id)
        if live is None:
            return
        await sessions.update_revoked(session, session_id=session_id, reason=reason)
        user = await users.get(session, live.user_id)
        epoch = user.token_epoch if user else 0
        event = SessionRevoked(user_id=live.user_id, session_id=session_id, token_epoch=epoch, revoked_at=now())
        await outbox.add(session, event)

    async def _lifetime(self) -> timedelta:
        # Asked before the transaction: what holds one connection must not wait for a second.
        return timedelta(days=await self._settings.value("security.refresh_token_days"))

    async def _add(
        self, session: AsyncSession, user: User, *, user_agent: str, lifetime: timedelta
    ) -> tuple[Claims, str]:
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
            lifetime=lifetime,
        )
        await sessions.add_token(session, digest=self._secrets.digest(refresh_token), session_id=session_id)
        principal = Principal(user.user_id, current.tier, session_id, current.token_epoch)
        await audit.record(session, "user.logged_in", actor=principal, target=f"user/{user.user_id}")
        return Claims(user.user_id, current.tier, session_id, current.token_epoch), refresh_token

    async def _pair(self, claims: Claims, refresh_token: str) -> TokenPair:
        lifetime = timedelta(minutes=await self._settings.value("security.access_token_minutes"))
        access = await self._keys.sign(claims, lifetime=lifetime)
        return TokenPair(access, refresh_token, int(lifetime.total_seconds()))
