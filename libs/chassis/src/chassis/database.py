"""One service's door to PostgreSQL: an engine, and transactions that know their outbox and inbox."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import exc, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from chassis import inbox, tenant
from chassis.delivery import Delivery
from chassis.errors import DATABASE_UNAVAILABLE, Unavailable
from chassis.plumbing import Plumbing
from chassis.tenant import Context

# A forgotten transaction must not hold locks for ever, nor a runaway query a connection.
_SESSION_OPTIONS = "-c statement_timeout=60s -c idle_in_transaction_session_timeout=30s -c lock_timeout=15s"


class Database:
    def __init__(self, url: str, plumbing: Plumbing, *, pool_size: int = 8) -> None:
        self.url = url
        self.plumbing = plumbing
        self._engine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=10,
            pool_pre_ping=True,
            # An error's text goes to the logs; the statement's values may be a password's hash or a person's name.
            hide_parameters=True,
            connect_args={"connect_timeout": 5, "options": _SESSION_OPTIONS},
        )
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False, info={"plumbing": plumbing})

    @asynccontextmanager
    async def transaction(
        self, context: Context | None = None, *, once: Delivery | None = None, snapshot: bool = False
    ) -> AsyncIterator[AsyncSession]:
        """Commit at the end of the block, roll back on any error.

        `context` says whose rows there are for it; without one, tables with a tenant are empty (`chassis.tenant`).
        With `once`, the inbox mark of that delivery is part of the transaction. With `snapshot`, all queries see one
        moment, and none writes.

        Raises:
            AlreadyHandled: the delivery's effect stands already; the message door acknowledges it.
            Unavailable: the database cannot be reached; nothing was written, unless the connection broke in the
                commit itself, which nobody can tell apart.
        """
        try:
            async with self._sessions.begin() as session:
                if snapshot:
                    # Before any query: PostgreSQL takes it as the transaction's first statement alone.
                    await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
                if context is not None:
                    await tenant.enter(session, context, schema=self.plumbing.schema)
                if once is not None:
                    await inbox.mark(session, once)
                yield session
        except (exc.OperationalError, exc.InterfaceError, exc.TimeoutError) as error:
            raise Unavailable(DATABASE_UNAVAILABLE, headers={"Retry-After": "2"}) from error
        except exc.DBAPIError as error:
            if error.connection_invalidated:
                raise Unavailable(DATABASE_UNAVAILABLE, headers={"Retry-After": "2"}) from error
            raise

    async def ping(self) -> None:
        async with self.transaction() as session:
            await session.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self._engine.dispose()


def libpq_url(url: str) -> str:
    """SQLAlchemy's URL as libpq reads it, for connections outside the pool."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)
