"""Down to before there were revisions and what documents are open to besides classes, and up again: what was shared and
embedded still is, behind the wall.
"""

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import growfit_documents as documents
import psycopg
import pytest

from ingest.models import Chunk, Document
from ingest.service.embedding import content_key

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
    def run(*arguments: str, **variables: str) -> None:
        environment = os.environ | {"MIGRATION_DATABASE_URL": database.url("growfit_migrator")} | variables
        command = [sys.executable, "-m", "alembic", *arguments]
        done = subprocess.run(command, cwd=SERVICE, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    return run


async def test_what_was_embedded_before_is_not_embedded_again(ingest, person, stand_in, alembic) -> None:
    document_id = await ingest.put(documents.korean_markdown(sections=3, seed=24), name="정리.md", person=person)
    await ingest.processing(stand_in(), chunk_tokens=40).process(document_id)
    before = await ingest.sql.chunks(document_id)
    contexts = {bool(chunk["context"]) for chunk in before}
    assert contexts == {True, False}, "with headings before the text, and without"

    alembic("downgrade", "0002")
    alembic("upgrade", "head", EMBEDDING_MODEL="the-model-of-before")
    kept = await ingest.sql.rows('SELECT * FROM "user".chunk_embeddings ORDER BY ordinal')
    owner = Document(owner_id=person.user_id, org_id=None)
    assert [row["model"] for row in kept] == ["the-model-of-before"] * len(before)
    for row, chunk in zip(kept, before, strict=True):
        said = Chunk(text=chunk["text"], context=chunk["context"]).said
        assert row["content_key"] == chunk["content_key"] == content_key(owner, said)
        assert (row["embedding"], row["tokens"]) == (chunk["embedding"], chunk["tokens"])

    alembic("downgrade", "0002")
    alembic("upgrade", "head")
    models = await ingest.sql.rows('SELECT DISTINCT model FROM "user".chunk_embeddings')
    assert models == [{"model": "multilingual-e5-small"}]


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
            JOIN "user".chunk_embeddings e USING (document_id) WHERE d.document_id = %(document)s"""
        assert connection.execute(found, ids).fetchall() == [(1, b"vector", 7)]
        connection.execute(PUT, ids)

    alembic("downgrade", "0002")
    with psycopg.connect(database.libpq_url("postgres")) as connection:
        # What was put into a project cannot be said there.
        rows = connection.execute("SELECT document_id, class_id FROM ingest.document_classes").fetchall()
        assert rows == [(ids["document"], ids["class"])]
        kept = connection.execute(
            'SELECT embedding, tokens FROM "user".chunks WHERE document_id = %(document)s', ids
        ).fetchall()
        assert kept == [(b"vector", 7)]
    alembic("downgrade", "base")
    alembic("upgrade", "head")
