"""Down to the beginning and up again: what an upgrade meets is not lost, and the wall stands after it."""

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

SERVICE = Path(__file__).parents[1]


@pytest.fixture
def alembic(database):
    def run(*arguments: str) -> None:
        variables = os.environ | {"MIGRATION_DATABASE_URL": database.url("growfit_migrator")}
        command = [sys.executable, "-m", "alembic", *arguments]
        done = subprocess.run(command, cwd=SERVICE, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    return run


def test_down_and_up_again(database, alembic):
    ids = {"class_id": uuid4(), "partner_id": uuid4(), "org_id": uuid4()}
    alembic("downgrade", "0001")
    with psycopg.connect(database.libpq_url("usage_metrics")) as connection:
        connection.execute(
            "INSERT INTO usage_metrics.classes (class_id, partner_id, org_id, is_open, version) "
            "VALUES (%(class_id)s, %(partner_id)s, %(org_id)s, true, 1)",
            ids,
        )
        connection.execute("SELECT usage_metrics.make_usage_partitions()")

    alembic("upgrade", "head")

    with psycopg.connect(database.libpq_url("usage_metrics")) as connection:
        assert connection.execute("SELECT count(*) FROM usage_metrics.classes").fetchone() == (0,)
        connection.execute("SET app.platform = 'on'")
        places = connection.execute("SELECT place_id, above_id FROM usage_metrics.places").fetchall()
        assert set(places) == {(ids["class_id"], ids["partner_id"]), (ids["partner_id"], ids["org_id"])}
        assert connection.execute("SELECT usage_metrics.make_partitions()").fetchone() == (0,)
    with psycopg.connect(database.libpq_url("growfit_migrator")) as connection:
        open_ = """SELECT relname FROM pg_class WHERE relname ~ '^(usage|audit)_events'
                   AND relkind IN ('r', 'p') AND NOT (relrowsecurity AND relforcerowsecurity)"""
        assert connection.execute(open_).fetchall() == []

    alembic("downgrade", "base")
    alembic("upgrade", "head")
