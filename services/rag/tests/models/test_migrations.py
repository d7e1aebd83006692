"""Down to before projects and agents, and up again: conversations from then are what they were."""

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

SERVICE = Path(__file__).parents[2]
CONVERSATION = 'INSERT INTO "user".conversations (conversation_id, user_id) VALUES (%(conversation)s, %(user)s)'
ANSWER = """INSERT INTO "user".messages (message_id, conversation_id, role, text, state)
    VALUES (%(message)s, %(conversation)s, 'assistant', '답', 'completed')"""


@pytest.fixture
def alembic(database):
    def run(*arguments: str) -> None:
        variables = os.environ | {"MIGRATION_DATABASE_URL": database.url("growfit_migrator")}
        command = [sys.executable, "-m", "alembic", *arguments]
        done = subprocess.run(command, cwd=SERVICE, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    return run


def test_down_and_up_again(database, alembic):
    ids = {name: uuid4() for name in ("conversation", "user", "message")}
    alembic("downgrade", "0002")
    with psycopg.connect(database.libpq_url("postgres")) as connection:
        connection.execute(CONVERSATION, ids)
        connection.execute(ANSWER, ids)

    alembic("upgrade", "head")

    with psycopg.connect(database.libpq_url("rag")) as connection:
        connection.execute("SELECT rag.enter_tenant(%(user)s)", ids)
        query = """SELECT project_id, agent_id, reranks
            FROM "user".conversations JOIN "user".messages USING (conversation_id)"""
        assert connection.execute(query).fetchall() == [(None, None, [])]
        made = 'INSERT INTO "user".projects (project_id, owner_id, name) VALUES (gen_random_uuid(), %(user)s, %(name)s)'
        connection.execute(made, {**ids, "name": "논문"})
        other = {"user": uuid4(), "name": "남의 것"}
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            connection.execute(made, other)

    alembic("downgrade", "base")
    alembic("upgrade", "head")
