"""The catalogue says that every table with a tenant is behind forced row-level security, and which ones need none."""

from dataclasses import dataclass

import psycopg
import pytest

SCHEMAS = ("supervisor", "partner", "user", "identity", "org_partner", "ingest", "rag", "usage_metrics")

# No tables of rows but of vectors, and of one kind: a wall below an index scan would keep PostgreSQL from using the
# index (decision 13). Their filter by scopes is part of every query of `retrieval`, as it is in Qdrant.
WITHOUT_WALL = {"vector"}
SERVICES = {"identity", "org_partner", "ingest", "rag", "usage_metrics"}

# Carries events, whatever they are about; read by the service's own worker alone.
PLUMBING = {"outbox", "inbox", "dead_letters", "alembic_version", "mails"}
# What the platform decides for all: nothing in it is a tenant's.
PLATFORM = {"revocations", "platform_settings", "request_counts"}

# Every other table without a tenant, and why it has none. A new table is behind the wall, or it stands here.
WITHOUT_TENANT = {
    "user.app_user": "a person is in many orgs or in none; others see what org-partner shows of them",
    "identity.api_keys": "of a person, read when a key comes and nobody is known",
    "identity.credentials": "of a person, read at the login before anybody is known",
    "identity.linked_identities": "of a person, read at the login before anybody is known",
    "identity.mfa_challenges": "of a login, read before anybody is known",
    "identity.oidc_logins": "of a login of nobody yet",
    "identity.recovery_codes": "of a person, read at the login before anybody is known",
    "identity.sessions": "of a person, read before anybody is known",
    "identity.refresh_tokens": "of a session",
    "identity.account_tokens": "of a person, found by the hash of a letter's link before anybody is known",
    "identity.attempts": "counts of guesses, by keyed hashes of who and where",
    "identity.totp_factors": "of a person, needed while they log in",
    "identity.sign_up_invitations": "of the platform, to people without an account",
    "identity.erasures": "what services reported of a person who is gone",
    "identity.signing_keys": "the platform's",
    "ingest.turns": "when an org's or a person's document was last taken up, for a day; the worker's alone",
    "ingest.vector_indexes": "the platform's",
    "ingest.vector_migrations": "the platform's",
    "ingest.vector_checks": "the platform's: counts and ids of documents, read by supervisors alone",
    "ingest.read_rules": "the platform's",
    "org_partner.guessing_sources": "wrong codes counted by where they came from, for an hour or two",
    "org_partner.sent_letters": "letters counted by hashes of their addresses and by org, for a day or two",
    "org_partner.users": "names and addresses of persons, joined to rows that are behind the wall",
    "rag.vector_reads": "the platform's",
    "supervisor.platform_setting": "the platform's",
    "supervisor.platform_setting_changes": "the platform's",
}


@dataclass(frozen=True)
class Table:
    name: str
    enabled: bool
    forced: bool
    has_org: bool
    is_partition: bool
    granted: bool
    policies: int
    checked: int


@pytest.fixture(scope="module")
def tables(database) -> list[Table]:
    query = """
        SELECT n.nspname || '.' || c.relname, c.relrowsecurity, c.relforcerowsecurity,
               EXISTS (SELECT FROM pg_attribute a
                       WHERE a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped),
               c.relispartition,
               EXISTS (SELECT FROM unnest(%s::text[]) r
                       WHERE has_any_column_privilege(r, c.oid, 'SELECT, INSERT, UPDATE')),
               -- Those that let rows be written. A further one may show rows, which is for their readers alone.
               (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid AND p.polcmd <> 'r'),
               (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid AND p.polcmd = '*'
                  AND p.polqual IS NOT NULL AND p.polwithcheck IS NOT NULL AND p.polpermissive)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND n.nspname = ANY (%s) ORDER BY 1
    """
    roles = ["identity", "org_partner", "ingest", "rag", "usage_metrics"]
    with psycopg.connect(database.libpq_url("postgres")) as connection:
        return [Table(*row) for row in connection.execute(query, [roles, list(SCHEMAS)])]


def is_exempt(name: str) -> bool:
    schema, short = name.split(".", 1)
    return name in WITHOUT_TENANT or (schema in SERVICES and short in PLUMBING | PLATFORM)


def reached(tables: list[Table]) -> list[Table]:
    """Those that some service may reach by name; a partition is reached through its table, and under its policy."""
    return [table for table in tables if not (table.is_partition and not table.granted)]


def test_every_table_is_behind_the_wall_or_says_why_it_need_not_be(tables):
    open_ = [table.name for table in reached(tables) if not table.enabled]
    assert [name for name in open_ if not is_exempt(name)] == []


def test_there_are_no_tables_elsewhere(database):
    query = """
        SELECT DISTINCT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    """
    with psycopg.connect(database.libpq_url("postgres")) as connection:
        found = {name for (name,) in connection.execute(query)}
    assert found - WITHOUT_WALL == set(SCHEMAS)


def test_no_table_with_an_org_is_exempt(tables):
    assert [table.name for table in reached(tables) if table.has_org and not (table.enabled and table.forced)] == []


def test_the_wall_holds_for_the_owner_too_and_for_what_is_written(tables):
    walled = [table for table in tables if table.enabled]
    assert len(walled) > 15
    assert [table.name for table in walled if not table.forced] == []
    assert [table.name for table in walled if (table.policies, table.checked) != (1, 1)] == []


def test_the_reasons_are_about_tables_that_there_are(tables):
    assert set(WITHOUT_TENANT) - {table.name for table in tables} == set()
    assert [table.name for table in tables if table.name in WITHOUT_TENANT and table.enabled] == []


def test_a_partition_is_out_of_every_service_s_reach(tables):
    partitions = [table for table in tables if table.is_partition]
    assert partitions
    assert [table.name for table in partitions if table.granted] == []


def test_no_view_goes_around_the_wall(database):
    query = """
        SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('v', 'm') AND n.nspname = ANY (%s)
          AND NOT coalesce(c.reloptions @> ARRAY['security_invoker=true'], false)
    """
    with psycopg.connect(database.libpq_url("postgres")) as connection:
        assert connection.execute(query, [list(SCHEMAS)]).fetchall() == []


def test_functions_with_the_owner_s_rights_are_known(database):
    """One of these could read around the wall; each is the migrations' own, and takes nothing from its caller."""
    query = """
        SELECT n.nspname || '.' || p.proname, p.pronargs FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE p.prosecdef AND n.nspname = ANY (%s) ORDER BY 1
    """
    with psycopg.connect(database.libpq_url("postgres")) as connection:
        found = connection.execute(query, [list(SCHEMAS)]).fetchall()
    assert {arguments for _, arguments in found} <= {0}
