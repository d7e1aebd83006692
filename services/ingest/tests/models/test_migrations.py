"""Down to when documents were open to classes alone, and up again: what was shared and embedded still is, behind the
wall.
"""

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

SERVICE = Path(__file__).parents[2]
DOCUMENT = """INSERT INTO "user".documents
    (document_id, owner_id, scopes, title, media_type, size_bytes, sha256, storage_key, state)
    VALUES (%(document)s, %(owner)s, ARRAY[]::text[], '교재', 'text/plain', 1, '', 'k', 'ready')"""
CHUNK = """INSERT INTO "user".chunks
    (document_id, ordinal, chunk_id, page_from, page_to, char_start, char_end, text, embedding, tokens)
    VALUES (%(document)s, 0, gen_random_uuid(), 1, 1, 0, 1, '글', 'vector', 7)"""
SHARE = """INSERT INTO ingest.document_classes (document_id, class_id, owner_id, by_upload)
    VALUES (%(document)s, %(class)s, %(owner)s, true)"""
PUT = """INSERT INTO ingest.document_shares (document_id, target_id, kind, owner_id, is_listed)
    VALUES (%(document)s, %(project)s, 'project', %(owner)s, true)"""


@pytest.fixture
def alembic(database):
    def run(*arguments: str) -> None:
        variables = os.environ | {"MIGRATION_DATABASE_URL": database.url("growfit_migrator")}
        command = [sys.executable, "-m", "alembic", *arguments]
        done = subprocess.run(command, cwd=SERVICE, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    return run


def test_down_and_up_again(database, alembic):
    ids = {name: uuid4() for name in ("document", "owner", "class", "project")}
    alembic("downgrade", "0002")
    with psycopg.connect(database.libpq_url("postgres")) as connection:
        connection.execute(DOCUMENT, ids)
        connection.execute(CHUNK, ids)
        connection.execute(SHARE, ids)

    alembic("upgrade", "head")

    held = "SELECT kind, target_id, by_upload FROM ingest.document_shares"
    with psycopg.connect(database.libpq_url("ingest")) as connection:
        assert connection.execute(held).fetchall() == []
        connection.execute("SELECT ingest.enter_tenant(%(owner)s)", ids)
        assert connection.execute(held).fetchall() == [("class", ids["class"], True)]
        found = """SELECT d.live_revision, e.embedding, e.tokens FROM "user".documents d
            JOIN "user".chunk_embeddings e USING (document_id)"""
        assert connection.execute(found).fetchall() == [(1, b"vector", 7)]
        connection.execute(PUT, ids)

    alembic("downgrade", "0002")
    with psycopg.connect(database.libpq_url("postgres")) as connection:
        # What was put into a project cannot be said there.
        rows = connection.execute("SELECT document_id, class_id FROM ingest.document_classes").fetchall()
        assert rows == [(ids["document"], ids["class"])]
        kept = connection.execute('SELECT embedding, tokens FROM "user".chunks').fetchall()
        assert kept == [(b"vector", 7)]
    alembic("downgrade", "base")
    alembic("upgrade", "head")
