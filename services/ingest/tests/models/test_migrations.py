"""Down to before there were revisions and up again: what was embedded is known by its text and its model."""

import os
import subprocess
import sys
from pathlib import Path

import growfit_documents as documents
import pytest

from ingest.models import Chunk, Document
from ingest.service.embedding import content_key

SERVICE = Path(__file__).parents[2]


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
