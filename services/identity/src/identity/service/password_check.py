"""Whether a password is somebody's, within limits that stop guessing and lock nobody out who knows it.

Wrong tries are counted for an account from one network, for an account from everywhere, and for one host over all
accounts; an address without an account is counted like any other, and costs the same work. Networks that the account
has logged in from before are known: the tries of others never shut them out, and there the right password is taken
even beyond the limit, up to `KNOWN_NETWORK` times as many tries.
"""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit, origin
from chassis.auth import Principal
from chassis.database import Database
from chassis.errors import SESSION_ENDED, Forbidden, GrowFitError, Unauthenticated, Unavailable
from contracts.audit import AuditOutcome
from identity.crud import users
from identity.errors import LOGIN_REFUSED, PASSWORD_WRONG
from identity.models import User
from identity.ports import Passwords, Values
from identity.service.attempts import Attempts, Counted, Limit, too_many_tries
from identity.service.networks import here, host_of, network_of

# Each times `security.login_attempts`.
ONE_HOST = 10
ALL_NETWORKS = 5
KNOWN_NETWORK = 10


@dataclass(frozen=True)
class Shown:
    """Who knew the password. `settle` is due in the transaction of the login."""

    user: User
    password_hash: str
    counted: Counted


@dataclass(frozen=True)
class _Place:
    """The keys of one account's tries from one place."""

    network: str | None
    here: bytes
    everywhere: bytes
    host: bytes
    lock: bytes

    def limits(self, limit: int, *, known: bool) -> tuple[Limit, ...]:
        if known:
            # Neither shut out by what others try nor shutting others out.
            return Limit(self.here, KNOWN_NETWORK * limit), Limit(self.host, None, late=True)
        return (
            Limit(self.here, limit),
            Limit(self.everywhere, ALL_NETWORKS * limit),
            Limit(self.host, ONE_HOST * limit, late=True),
        )


class PasswordCheck:
    def __init__(self, database: Database, passwords: Passwords, attempts: Attempts, settings: Values) -> None:
        self._database = database
        self._passwords = passwords
        self._attempts = attempts
        self._settings = settings

    async def login(self, *, email: str, password: str) -> Shown:
        """
        Raises:
            Unauthenticated: wrong address, wrong password, not active; one answer, after the same work.
            RateLimited: too many wrong tries; the same for an address that has no account.
        """
        return await self._check(email.lower(), password, Unauthenticated(LOGIN_REFUSED), caller=None)

    async def own(self, caller: Principal, password: str) -> User:
        """Once more, from somebody who has logged in.

        Raises:
            Forbidden: it is not the caller's password, or the caller has none.
            RateLimited: too many wrong tries.
            Unauthenticated: the session has ended meanwhile.
        """
        async with self._database.transaction() as session:
            user = await users.get(session, caller.user_id)
        if user is None or user.token_epoch != caller.token_epoch:
            raise Unauthenticated(SESSION_ENDED)
        shown = await self._check(user.email, password, Forbidden(PASSWORD_WRONG), caller=caller)
        async with self._database.transaction() as session:
            await self.settle(session, shown)
        return shown.user

    async def renewed(self, shown: Shown, password: str) -> str | None:
        """A hash of today's cost for a password that was just right; None: it has one."""
        return await self._passwords.hash(password) if self._passwords.is_outdated(shown.password_hash) else None

    async def settle(self, session: AsyncSession, shown: Shown) -> None:
        """The last thing in the transaction: a right password is no wrong try."""
        await self._attempts.take_back(session, shown.counted)

    async def _check(self, email: str, password: str, refusal: GrowFitError, *, caller: Principal | None) -> Shown:
        limit = int(await self._settings.value("security.login_attempts"))
        place = self._place(email)
        async with self._database.transaction() as session:
            found = await users.get_for_login(session, email=email, network=place.network)
            known = found is not None and found.is_known_network
            counted = await self._attempts.count(session, *place.limits(limit, known=known))
        try:
            right = await self._passwords.verify(password, found.password_hash if found else None)
        except Unavailable:
            # Nobody looked at it, so it was no try.
            async with self._database.transaction() as session:
                await self._attempts.take_back(session, counted)
            raise
        if right and found and found.user.status == "active":
            return Shown(found.user, found.password_hash, counted)
        await self._note(found.user if found else None, place, counted, limit=limit, caller=caller)
        if counted.total(place.here) > limit:
            raise too_many_tries(counted.wait(place.here, limit))
        raise refusal

    def _place(self, email: str) -> _Place:
        key, ip = self._attempts.key, origin.current().ip
        network = network_of(ip)
        return _Place(
            network=here(),
            here=key("login", email, network),
            everywhere=key("login", email),
            host=key("login from", host_of(ip)),
            lock=key("login locked", email, network),
        )

    async def _note(
        self, user: User | None, place: _Place, counted: Counted, *, limit: int, caller: Principal | None
    ) -> None:
        target = f"user/{user.user_id}" if user else None
        refused = AuditOutcome.REFUSED
        async with self._database.transaction() as session:
            late = await self._attempts.count_late(session, counted)
            reached = counted.total(place.here) == limit or counted.used_up() or late.used_up()
            if caller is None:
                await audit.record(session, "user.login_failed", actor=None, target=target, outcome=refused)
            if reached and await self._attempts.is_first(session, place.lock):
                await audit.record(session, "user.login_locked", actor=caller, target=target, outcome=refused)
