"""What the database itself refuses the service's role: nobody who takes the service over can rewrite the ledger."""

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

FORBIDDEN = [
    "UPDATE partner.usage_events SET input_tokens = 0",
    "DELETE FROM partner.usage_events",
    "TRUNCATE partner.usage_events",
    "DROP TABLE partner.usage_events",
    "ALTER TABLE partner.usage_events DETACH PARTITION partner.usage_events_default",
    "UPDATE partner.usage_events_default SET input_tokens = 0",
    "DELETE FROM partner.usage_events_default",
    "SELECT * FROM partner.usage_events_default",
    """INSERT INTO partner.usage_events SELECT * FROM partner.usage_events
       ON CONFLICT (occurred_at, event_id) DO UPDATE SET input_tokens = 0""",
    "CREATE TABLE partner.usage_events_2031_01 (LIKE partner.usage_events)",
    "CREATE TABLE usage_metrics.anything (id int)",
    "TRUNCATE partner.usage_daily",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_the_service_cannot(books, make_usage, database, statement):
    await books.book(make_usage())

    with psycopg.connect(database.libpq_url("usage_metrics")) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute(statement)

    assert await books.rows("SELECT input_tokens FROM partner.usage_events") == [(100,)]


async def test_other_services_cannot_read_usage(database):
    for role in ("identity", "org_partner", "ingest", "rag", "vector_reader", "vector_writer"):
        for table in ("partner.usage_events", "partner.usage_daily", "usage_metrics.memberships"):
            with psycopg.connect(database.libpq_url(role)) as connection, pytest.raises(InsufficientPrivilege):
                connection.execute(f"SELECT * FROM {table}")


async def test_only_this_service_may_make_partitions(database):
    with psycopg.connect(database.libpq_url("org_partner")) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute("SELECT usage_metrics.make_partitions()")
