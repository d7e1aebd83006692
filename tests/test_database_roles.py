"""Each service's database role reaches its own tables and is refused on every other one."""

from typing import Any

import psycopg
import pytest
from psycopg import sql

PACKAGES = ("identity", "org_partner", "ingest", "rag", "usage_metrics")
ROLES = (*PACKAGES, "vector_reader")


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
    """The one service that has any right on a table."""
    owners: dict[tuple[str, str], str] = {}
    for role in PACKAGES:
        for table in allowed(database, role):
            assert table not in owners, f"{role} and {owners.get(table)} both reach {table}"
            owners[table] = role
    return owners


def test_every_table_has_exactly_one_owning_service(database):
    owners = owner_of(database)
    plain = {table for table in tables(database) if table[1] != "alembic_version"}
    # A partition is reached through its table alone.
    assert {t for t in plain - set(owners) if not t[1].startswith("usage_events_")} == set()
    assert set(owners.values()) == set(PACKAGES)


@pytest.mark.parametrize("role", ROLES)
def test_role_is_refused_on_foreign_tables(database, role):
    owners = owner_of(database)
    foreign = [table for table in tables(database) if owners.get(table) != role and table[0] != "vector"]
    assert len(foreign) > 10
    with psycopg.connect(database.libpq_url(role), autocommit=True) as connection:
        for schema, table in foreign:
            name = sql.Identifier(schema, table)
            for statement in (
                sql.SQL("SELECT 1 FROM {} LIMIT 1"),
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
