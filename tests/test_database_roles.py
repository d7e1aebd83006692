"""Each service's database role reaches its own tables and is refused on every other one."""

from typing import Any

import psycopg
import pytest
from psycopg import sql

from retrieval.bigrams import BigramTerms
from retrieval.models import EmbeddingModel
from retrieval.pgvector import PgVectorAdapter

PACKAGES = ("identity", "org_partner", "ingest", "rag", "usage_metrics")
OWNERS = (*PACKAGES, "vector_writer")
ROLES = (*OWNERS, "vector_reader")
# The one right that crosses: what the writer makes, the reader may read.
READS = {"vector_reader": "vector"}
PARTITIONS = ("usage_events_", "audit_events_")


@pytest.fixture(scope="module")
async def database(database):
    """With a vector index, which no migration makes but ingest when it starts."""
    model = EmbeddingModel(
        name="roles", dimension=8, lexical_weight=0.2, max_tokens=100, average_terms=20, query_prefix=""
    )
    url = database.libpq_url("vector_writer")
    async with PgVectorAdapter(url, model=model, analyser=BigramTerms(), connections=1) as store:
        await store.ensure_index()
    return database


def tables(database: Any) -> list[tuple[str, str]]:
    query = """
        SELECT schemaname, tablename FROM pg_tables
        WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2
    """
    with psycopg.connect(database.libpq_url("postgres")) as connection:
        return [(row[0], row[1]) for row in connection.execute(query)]


def allowed(database: Any, role: str) -> dict[tuple[str, str], set[str]]:
    """What the catalogue says of a role: table → rights."""
    query = """
        SELECT n.nspname, c.relname, p.privilege
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
             unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p(privilege)
        WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
          AND has_table_privilege(%s, c.oid, p.privilege)
    """
    found: dict[tuple[str, str], set[str]] = {}
    with psycopg.connect(database.libpq_url("postgres")) as connection:
        for schema, table, right in connection.execute(query, [role]):
            found.setdefault((schema, table), set()).add(right)
    return found


def owner_of(database: Any) -> dict[tuple[str, str], str]:
    """The one service, or the vector store's writer, that has any right on a table to change it."""
    owners: dict[tuple[str, str], str] = {}
    for role in OWNERS:
        for table in allowed(database, role):
            assert table not in owners, f"{role} and {owners.get(table)} both reach {table}"
            owners[table] = role
    return owners


def test_every_table_has_exactly_one_owner(database):
    owners = owner_of(database)
    plain = {table for table in tables(database) if table[1] != "alembic_version"}
    # A partition is reached through its table alone.
    assert {t for t in plain - set(owners) if not t[1].startswith(PARTITIONS)} == set()
    assert set(owners.values()) == set(OWNERS)


@pytest.mark.parametrize("role", ROLES)
def test_role_is_refused_on_foreign_tables(database, role):
    owners = owner_of(database)
    foreign = [table for table in tables(database) if owners.get(table) != role]
    assert len(foreign) > 10
    assert role == "vector_writer" or "vector" in {schema for schema, _ in foreign}
    with psycopg.connect(database.libpq_url(role), autocommit=True) as connection:
        for schema, table in foreign:
            name = sql.Identifier(schema, table)
            read = sql.SQL("SELECT 1 FROM {} LIMIT 1")
            if READS.get(role) == schema:
                connection.execute(read.format(name))
                read = sql.SQL("SELECT 1 FROM {} FOR UPDATE")
            for statement in (
                read,
                sql.SQL("INSERT INTO {} DEFAULT VALUES"),
                sql.SQL("DELETE FROM {}"),
                sql.SQL("TRUNCATE {}"),
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement.format(name))


@pytest.mark.parametrize("role", PACKAGES)
def test_role_is_no_owner_and_no_superuser(database, role):
    with psycopg.connect(database.libpq_url(role)) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        owned = connection.execute("SELECT count(*) FROM pg_tables WHERE tableowner = current_user").fetchone()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(sql.SQL("CREATE TABLE {}.intruder ()").format(sql.Identifier(role)))
    assert row == (False, False, False, False)
    assert owned == (0,)


def test_the_vector_store_is_written_by_one_role_and_read_by_one(database):
    store = {table for table in tables(database) if table[0] == "vector"}
    assert store
    assert allowed(database, "vector_reader") == {table: {"SELECT"} for table in store}
    assert set(allowed(database, "vector_writer")) == store


@pytest.mark.parametrize("role", ROLES)
def test_only_the_vector_writer_makes_tables_and_only_in_the_store(database, role):
    query = """
        SELECT nspname FROM pg_namespace
        WHERE nspname NOT LIKE 'pg\\_%%' AND has_schema_privilege(%s, oid, 'CREATE')
    """
    with psycopg.connect(database.libpq_url("postgres")) as connection:
        schemas = [row[0] for row in connection.execute(query, [role])]
    assert schemas == (["vector"] if role == "vector_writer" else [])


def test_append_only_ledger(database):
    assert allowed(database, "usage_metrics")[("partner", "usage_events")] == {"SELECT", "INSERT"}


def test_no_user_row_can_be_deleted(database):
    assert "DELETE" not in allowed(database, "identity")[("user", "app_user")]


def test_foreign_key_from_students_to_users(database):
    query = """
        SELECT confrelid::regclass::text FROM pg_constraint
        WHERE contype = 'f' AND conrelid = 'partner.students'::regclass
    """
    with psycopg.connect(database.libpq_url("postgres")) as connection:
        targets = {row[0].replace('"', "") for row in connection.execute(query)}
    assert "user.app_user" in targets
