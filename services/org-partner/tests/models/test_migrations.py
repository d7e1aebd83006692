"""Down to before tenants were complete and up again: rows from then are what they were, and the wall stands."""

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

SERVICE = Path(__file__).parents[2]

BEFORE = """
    INSERT INTO "user".app_user (user_id, email, display_name, tier) VALUES (%(user)s, %(email)s, '김민지', 'user');
    INSERT INTO org_partner.users (user_id, email, display_name, registered_at)
        VALUES (%(user)s, %(email)s, '김민지', '2026-11-01T00:00Z');
    INSERT INTO partner.orgs (org_id, name) VALUES (%(org)s, '한빛 학원');
    INSERT INTO partner.partners (partner_id, org_id, name) VALUES (%(partner)s, %(org)s, '김민지 선생님');
    INSERT INTO partner.memberships (membership_id, user_id, org_id, partner_id, role)
        VALUES (%(id)s, %(user)s, %(org)s, %(partner)s, 'partner_owner')
"""


@pytest.fixture
def alembic(database):
    def run(*arguments: str) -> None:
        variables = os.environ | {"MIGRATION_DATABASE_URL": database.url("growfit_migrator")}
        command = [sys.executable, "-m", "alembic", *arguments]
        done = subprocess.run(command, cwd=SERVICE, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    return run


def test_down_and_up_again(database, alembic):
    ids = {name: str(uuid4()) for name in ("user", "org", "partner", "id")}
    ids["email"] = f"{ids['user']}@example.com"
    alembic("downgrade", "0003")
    with psycopg.connect(database.libpq_url("postgres")) as connection:
        for statement in BEFORE.split(";"):
            connection.execute(statement, ids)

    alembic("upgrade", "head")

    with psycopg.connect(database.libpq_url("org_partner")) as connection:
        known = "SELECT status, version, told_at::date::text FROM org_partner.users WHERE user_id = %(user)s"
        assert connection.execute(known, ids).fetchone() == ("active", 1, "2026-11-01")
        assert connection.execute("SELECT count(*) FROM partner.memberships").fetchone() == (0,)
        connection.execute("SELECT org_partner.enter_tenant(%(user)s)", ids)
        held = "SELECT role, revoked_at FROM partner.memberships"
        assert connection.execute(held).fetchall() == [("partner_owner", None)]
        status = "SELECT o.status, p.status FROM partner.orgs o JOIN partner.partners p USING (org_id)"
        assert connection.execute(status).fetchall() == [("active", "active")]
        connection.execute("UPDATE partner.memberships SET revoked_at = now()")

    alembic("downgrade", "0003")
    with psycopg.connect(database.libpq_url("postgres")) as connection:
        # A role that had ended does not come back to life.
        assert connection.execute("SELECT count(*) FROM partner.memberships").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM partner.orgs").fetchone() == (1,)
    alembic("downgrade", "base")
    alembic("upgrade", "head")
