"""What is long over is deleted: sessions, tokens, invitations, counts of tries, logins that nobody ended."""

from collections.abc import Awaitable
from datetime import timedelta
from functools import partial
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import tenant
from chassis.database import Database
from identity.crud import account_tokens, attempts, factors, federation, invitations, sessions, tenant_invitations

# A reused token is told from an unknown one, and a theft looked into, only while the rows are there.
RETENTION = timedelta(days=30)
# One DELETE of everything could run into the statement timeout, and then nothing would ever go.
BATCH = 5_000


class Delete(Protocol):
    """Deletes `limit` rows at most and says how many it was."""

    def __call__(self, session: AsyncSession, *, limit: int) -> Awaitable[int]: ...


# What points at a row before the row.
_DELETES: tuple[Delete, ...] = (
    partial(sessions.delete_ended_tokens, age=RETENTION),
    partial(sessions.delete_ended, age=RETENTION),
    account_tokens.delete_old,
    partial(invitations.delete_old, age=RETENTION),
    partial(tenant_invitations.delete_old, age=RETENTION),
    attempts.delete_old,
    factors.delete_expired_challenges,
    federation.delete_expired_logins,
)


class Tidy:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        # One transaction each time: what is deleted stays deleted.
        for delete in _DELETES:
            deleted = BATCH
            while deleted == BATCH:
                async with self._database.transaction(tenant.PLATFORM) as session:
                    deleted = await delete(session, limit=BATCH)
