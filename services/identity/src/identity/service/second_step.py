"""The second step of a login: what it needs, and the session it opens."""

import hashlib
import secrets
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit
from chassis.database import Database
from chassis.errors import Unauthenticated
from identity.crud import factors, users
from identity.errors import MFA_CODE_WRONG, MFA_TOKEN_INVALID
from identity.models import User
from identity.ports import Challenge
from identity.service.codes import METHODS, RECOVERY, CodeCheck
from identity.service.letters import Kind, Letters
from identity.service.sessions import SessionService, TokenPair
from identity.service.tiers import Tiers

LIFETIME = timedelta(minutes=5)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


class SecondFactors:
    """What `SessionService` asks of second factors; its `SecondFactor`."""

    def __init__(self, tiers: Tiers) -> None:
        self._tiers = tiers

    async def challenge(self, session: AsyncSession, user_id: UUID, *, epoch: int) -> Challenge | None:
        if not await factors.is_enrolled(session, user_id):
            return None
        token = secrets.token_urlsafe(32)
        # With the epoch that the first step saw: the second one refuses it when sessions were ended meanwhile.
        await factors.add_challenge(
            session, token_hash=_digest(token), user_id=user_id, token_epoch=epoch, lifetime=LIFETIME
        )
        return Challenge(token, int(LIFETIME.total_seconds()), METHODS)

    async def restriction(self, user_id: UUID, *, tier: str, held: str | None = None) -> str | None:
        return await self._tiers.restriction(user_id, tier=tier, held=held)


class SecondStepService:
    def __init__(self, database: Database, codes: CodeCheck, sessions: SessionService, letters: Letters) -> None:
        self._database = database
        self._codes = codes
        self._sessions = sessions
        self._letters = letters

    async def login(self, *, mfa_token: str, code: str, user_agent: str) -> TokenPair:
        """Trade the first step's token and a code for a session. A wrong code leaves the token as it is.

        Raises:
            Unauthenticated: the token is none, was used or is too old; or the code is not right.
            RateLimited: too many wrong codes of this user.
        """
        token_hash = _digest(mfa_token)
        async with self._database.transaction() as session:
            user = await self._waiting(session, token_hash)
        counted = await self._codes.count(user.user_id)
        async with self._database.transaction() as session:
            method = await self._codes.use(session, user.user_id, code)
            if method:
                # Of several codes at once with one token, one gets it, and the others are not used up.
                if not await factors.delete_challenge(session, token_hash):
                    raise Unauthenticated(MFA_TOKEN_INVALID)
                await self._note_recovery(session, user, method)
                await self._codes.settle(session, counted)
            else:
                await self._codes.refuse(session, user.user_id, counted, actor=None)
        if not method:
            raise Unauthenticated(MFA_CODE_WRONG)
        return await self._sessions.open(user, user_agent=user_agent)

    async def _waiting(self, session: AsyncSession, token_hash: bytes) -> User:
        waiting = await factors.get_challenge(session, token_hash)
        user = await users.get(session, waiting.user_id) if waiting else None
        if waiting is None or user is None or user.status != "active" or user.token_epoch != waiting.token_epoch:
            raise Unauthenticated(MFA_TOKEN_INVALID)
        return user

    async def _note_recovery(self, session: AsyncSession, user: User, method: str) -> None:
        if method != RECOVERY:
            return
        left = await factors.count_codes(session, user.user_id)
        target = f"user/{user.user_id}"
        await audit.record(session, "mfa.recovery_code_used", actor=None, target=target, left=left)
        await self._letters.put(session, Kind.RECOVERY_CODE_USED, to=user.email, locale=user.locale)
