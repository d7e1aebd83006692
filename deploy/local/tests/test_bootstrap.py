"""deploy/postgres/init.sh on a real server: who may do what before any table exists."""

import subprocess

import pytest

from growfit_local import bootstrap, postgres

SERVICES = {
    "identity": {"identity", "user", "supervisor"},
    "org_partner": {"org_partner", "partner"},
    "ingest": {"ingest", "user"},
    "rag": {"rag", "user"},
    "usage_metrics": {"usage_metrics", "partner", "supervisor"},
}
SCHEMAS = {*SERVICES, "user", "partner", "supervisor", "vector"}


@pytest.fixture(scope="module")
def empty(postgres_server):
    with postgres_server.database(migrated=False) as made:
        yield made


def run(database, role, sql):
    """The rows as text; raises PermissionError with the server's words when it refuses."""
    command = [str(postgres.binary("psql")), "-XAtq", "-v", "ON_ERROR_STOP=1", database.libpq_url(role), "-c", sql]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PermissionError(done.stderr)
    return done.stdout.strip()


@pytest.mark.parametrize("role", SERVICES)
def test_a_service_may_enter_its_schemas_and_no_other(empty, role):
    rows = run(
        empty,
        role,
        f"SELECT nspname FROM pg_namespace WHERE nspname IN {tuple(SCHEMAS)} AND has_schema_privilege(oid, 'USAGE')",
    )

    assert set(rows.splitlines()) == SERVICES[role]


@pytest.mark.parametrize("role", [*SERVICES, "vector_reader"])
@pytest.mark.parametrize("schema", ["public", *sorted(SCHEMAS)])
def test_a_service_makes_no_tables(empty, role, schema):
    with pytest.raises(PermissionError, match="permission denied"):
        run(empty, role, f'CREATE TABLE "{schema}".intruder (id int)')


def test_the_vector_store_is_written_by_one_role_and_read_by_another(empty):
    run(empty, "vector_writer", "CREATE TABLE vector.index_1 (id int, embedding halfvec(3))")
    run(empty, "vector_writer", "INSERT INTO vector.index_1 VALUES (1, '[1,0,0]')")

    assert run(empty, "vector_reader", "SELECT embedding <=> '[1,0,0]' FROM index_1") == "0"
    with pytest.raises(PermissionError, match="permission denied for table"):
        run(empty, "vector_reader", "DELETE FROM vector.index_1")
    for role in (*SERVICES, "growfit_migrator"):
        with pytest.raises(PermissionError, match="permission denied for schema vector"):
            run(empty, role, "SELECT * FROM vector.index_1")


def test_no_role_but_the_first_is_more_than_a_user(empty):
    powerful = run(
        empty,
        "postgres",
        "SELECT rolname FROM pg_roles WHERE rolcanlogin AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolbypassrls)",
    )

    assert powerful == "postgres"


def test_a_wrong_password_is_refused(empty):
    wrong = empty.libpq_url("rag").replace("//rag:", "//rag:wrong")

    asked = subprocess.run([str(postgres.binary("psql")), wrong], capture_output=True, text=True, check=False)

    assert asked.returncode != 0
    assert "password authentication failed" in asked.stderr


def test_running_it_again_changes_nothing(empty, postgres_server):
    grants = "SELECT relname, relacl FROM pg_class WHERE relnamespace = 'vector'::regnamespace ORDER BY 1"
    roles = "SELECT rolname, rolconfig, rolsuper FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1"
    schemas = "SELECT nspname, nspowner::regrole, nspacl FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1"
    before = [run(empty, "postgres", sql) for sql in (grants, roles, schemas)]

    bootstrap.database(postgres_server.layout, name=empty.name)

    assert [run(empty, "postgres", sql) for sql in (grants, roles, schemas)] == before


def test_a_missing_password_stops_it_before_it_changes_anything(postgres_server):
    script = ["bash", str(bootstrap.REPOSITORY / "deploy" / "postgres" / "init.sh")]

    done = subprocess.run(script, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert "MIGRATOR_PASSWORD is not set" in done.stderr
