"""Connections to the vector database, and what its failures mean."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from pgvector.psycopg.halfvec import register_halfvec_info
from pgvector.psycopg.sparsevec import register_sparsevec_info
from psycopg import AsyncConnection, InterfaceError, OperationalError, errors
from psycopg import Error as PostgresError
from psycopg.types import TypeInfo
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from retrieval.errors import IndexMissing, StoreError, StoreUnavailable

_log = logging.getLogger(__name__)

_REPEATS = 2

type Connection = AsyncConnection[tuple[Any, ...]]


class Database:
    """A pool of its own: the vector store is reached by its own URL and role, as a Qdrant server would be."""

    def __init__(self, url: str, *, size: int, wait: float) -> None:
        self._pool = AsyncConnectionPool[Connection](
            url.replace("postgresql+psycopg://", "postgresql://", 1),
            min_size=1,
            max_size=size,
            timeout=wait,
            open=False,
            configure=_register_types,
            kwargs={"autocommit": True, "application_name": "growfit-retrieval"},
        )

    async def open(self) -> None:
        """Does not wait for the database: a service starts, and says that it is not ready, while it is down."""
        await self._pool.open()

    async def close(self) -> None:
        await self._pool.close()

    async def run[T](self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Runs `work`, a whole transaction that may be repeated. Repeats it when the connection or the transaction was
        lost, so a restarted database is noticed by nobody; twice, because a connection that was being made meanwhile
        may be lost as well.
        """
        for _ in range(_REPEATS):
            try:
                return await self._attempt(work)
            except (PoolTimeout, errors.QueryCanceled) as error:
                raise StoreUnavailable(f"the vector database is too busy: {error}") from error
            except (OperationalError, InterfaceError) as error:
                _log.warning("vector database failed, trying once more: %s", error)
            await self._pool.check()
        try:
            return await self._attempt(work)
        except (OperationalError, InterfaceError) as error:
            raise StoreUnavailable(f"the vector database failed again and again: {error}") from error

    async def _attempt[T](self, work: Callable[[Connection], Awaitable[T]]) -> T:
        try:
            async with self._pool.connection() as connection:
                return await work(connection)
        except errors.UndefinedTable as error:
            raise IndexMissing(f"the index is not there: {error}") from error
        except (OperationalError, InterfaceError):
            raise
        except PostgresError as error:
            raise StoreError(f"the vector database refused: {error}") from error


async def _register_types(connection: Connection) -> None:
    for name, register in (("halfvec", register_halfvec_info), ("sparsevec", register_sparsevec_info)):
        info = await TypeInfo.fetch(connection, name)
        if info is None:
            raise OperationalError(f"type {name} not found: extension vector 0.7 or newer, on the search_path")
        register(connection, info)
