"""Whether a code is the user's: of their authenticator app, or one of their recovery codes."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit
from chassis.auth import Principal
from chassis.clock import now
from chassis.database import Database
from chassis.sealing import Sealer
from contracts.audit import AuditOutcome
from identity.crud import factors
from identity.service import totp
from identity.service.attempts import Attempts, Counted, Limit

APP, RECOVERY = "totp", "recovery_code"
METHODS = (APP, RECOVERY)

# A code has six digits, and three of them are right at any time.
MOST_TRIES, WITHIN_MINUTES = 5, 5


def bound_to(user_id: UUID) -> str:
    """What a secret is sealed for."""
    return f"totp:{user_id}"


class CodeCheck:
    def __init__(self, database: Database, sealer: Sealer, attempts: Attempts) -> None:
        self._database = database
        self._sealer = sealer
        self._attempts = attempts

    async def count(self, user_id: UUID) -> Counted:
        """Before a code is looked at.

        Raises:
            RateLimited: too many wrong ones.
        """
        async with self._database.transaction() as session:
            limit = Limit(self._attempts.key("factor", str(user_id)), MOST_TRIES, minutes=WITHIN_MINUTES)
            return await self._attempts.count(session, limit)

    async def settle(self, session: AsyncSession, counted: Counted) -> None:
        """The last thing in the transaction: a right code is no wrong try."""
        await self._attempts.take_back(session, counted)

    async def refuse(self, session: AsyncSession, user_id: UUID, counted: Counted, *, actor: Principal | None) -> None:
        """Tell the audit log of a wrong code, and of the last that is looked at for a while."""
        target, refused = f"user/{user_id}", AuditOutcome.REFUSED
        await audit.record(session, "mfa.challenge_failed", actor=actor, target=target, outcome=refused)
        if counted.used_up():
            await audit.record(session, "mfa.locked", actor=actor, target=target, outcome=refused)

    async def use(self, session: AsyncSession, user_id: UUID, code: str) -> str | None:
        """Which of `METHODS` it was, and now it is used; None: it is not right, or was used before."""
        code = totp.normal(code)
        if totp.is_of_app(code):
            return APP if await self._use_of_app(session, user_id, code) else None
        digest = totp.recovery_digest(user_id, code)
        return RECOVERY if await factors.use_code(session, user_id=user_id, code_hash=digest) else None

    async def _use_of_app(self, session: AsyncSession, user_id: UUID, code: str) -> bool:
        factor = await factors.get(session, user_id)
        if factor is None or factor.confirmed_at is None:
            return False
        step = self.step(user_id, factor.sealed, code)
        return step is not None and await factors.use_step(session, user_id=user_id, step=step)

    def step(self, user_id: UUID, sealed: bytes, code: str) -> int | None:
        return totp.step_of(self._sealer.open(sealed, bound_to=bound_to(user_id)), code, at=now())
