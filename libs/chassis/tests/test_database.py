"""What a failing database does to a transaction."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from chassis import inbox
from chassis.database import Database, libpq_url
from chassis.delivery import Delivery
from chassis.errors import Unavailable


async def _run(database: Database, sql: str) -> None:
    async with database.transaction() as session:
        await session.execute(text(sql))


async def test_a_database_that_cannot_be_reached_is_unavailable(store) -> None:
    database = Database("postgresql+psycopg://x:x@127.0.0.1:1/x", store.plumbing, pool_size=1)
    with pytest.raises(Unavailable) as error:
        await database.ping()
    assert (error.value.code, error.value.headers) == ("database_unavailable", {"Retry-After": "2"})
    await database.close()


async def test_a_wrong_password_is_not_shown(store, made) -> None:
    url = made.url("usage_metrics").replace("://usage_metrics:", "://usage_metrics:wrong")
    database = Database(url, store.plumbing, pool_size=1)
    with pytest.raises(Unavailable) as error:
        await database.ping()
    assert "wrong" not in str(error.value)
    await database.close()


async def test_a_connection_cut_in_the_middle_is_unavailable_and_leaves_nothing(store, postgres_server, usage) -> None:
    async def cut() -> None:
        async with store.database.transaction() as session:
            await session.execute(text("INSERT INTO usage_metrics.effects VALUES ('cut', NULL)"))
            pid = (await session.execute(text("SELECT pg_backend_pid()"))).scalar_one()
            postgres_server.execute(f"SELECT pg_terminate_backend({pid})")
            await session.execute(text("SELECT 1"))

    with pytest.raises(Unavailable):
        await cut()
    assert await store.effects() == []
    await store.database.ping()


async def test_connections_cut_while_idle_are_not_noticed(store, postgres_server) -> None:
    await asyncio.gather(*(_run(store.database, "SELECT pg_sleep(0.05)") for _ in range(4)))
    postgres_server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'usage_metrics'")
    await asyncio.gather(*(_run(store.database, "SELECT pg_sleep(0.05)") for _ in range(4)))


async def test_a_full_pool_is_unavailable_and_not_a_wait_for_ever(made, store, monkeypatch) -> None:
    database = Database(made.url("usage_metrics"), store.plumbing, pool_size=1)
    monkeypatch.setattr(database._engine.pool, "_timeout", 0.2)
    async with database.transaction() as one, database.transaction() as two:
        await one.execute(text("SELECT 1"))
        await two.execute(text("SELECT 1"))
        with pytest.raises(Unavailable):
            await database.ping()
    await database.ping()
    await database.close()


async def test_a_lock_that_is_not_given_in_time_is_unavailable(store) -> None:
    """Another delivery of the same event is in the middle of its effect."""
    delivery = Delivery("usage_metrics-record_usage", uuid4())

    async def mark() -> None:
        async with store.database.transaction() as session:
            await session.execute(text("SET LOCAL lock_timeout = '50ms'"))
            await inbox.mark(session, delivery)

    async with store.database.transaction(once=delivery):
        with pytest.raises(Unavailable):
            await mark()


async def test_a_defect_stays_a_defect(store) -> None:
    with pytest.raises(ProgrammingError):
        await _run(store.database, "SELECT * FROM usage_metrics.nowhere")
    with pytest.raises(IntegrityError):
        await _run(
            store.database, "INSERT INTO usage_metrics.outbox (event_id, subject, payload) VALUES (NULL, '', '{}')"
        )


async def test_a_service_does_not_see_another_s_plumbing(store, publisher) -> None:
    """Its role has no right there; the whole table test is over the real migrations."""
    for database, other in ((store.database, "ingest"), (publisher.database, "usage_metrics")):
        for table in ("outbox", "inbox", "dead_letters"):
            with pytest.raises(ProgrammingError, match="permission denied"):
                await _run(database, f"SELECT * FROM {other}.{table}")


async def test_the_limits_of_a_session_are_set(store) -> None:
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    values = select(*(text(f"current_setting('{name}')") for name in names))
    assert await store.rows(values) == [("1min", "15s", "30s")]


def test_the_url_as_libpq_reads_it() -> None:
    assert libpq_url("postgresql+psycopg://a:b@h:1/d") == "postgresql://a:b@h:1/d"
