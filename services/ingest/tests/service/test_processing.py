"""From a file to a searchable document, with the real model and the real index."""

import unicodedata
from uuid import UUID

import growfit_documents as documents
import numpy as np
import pytest

from contracts.ingest import ChunksEmbedded, UsageRecorded
from contracts.usage import Operation, Outcome
from ingest.adapters.parser_process import ChildProcessParser
from ingest.adapters.parsers.page import clean
from ingest.config import MIB
from ingest.factory import wire
from retrieval.retriever import search

PDF = "application/pdf"


@pytest.fixture(scope="module")
async def real(settings, embedder_url):
    """The worker as `make up` wires it, on the real embedding server."""
    wired = wire(settings.model_copy(update={"embedding_base_url": embedder_url}))
    await wired.index.open()
    yield wired
    await wired.index.close()
    await wired.database.close()
    await wired.embeddings[0].close()


@pytest.fixture(scope="module")
def embeddings(real):
    return real.embeddings[0]


@pytest.fixture
def make_ready(ingest, real):
    async def make(content: bytes, **options) -> UUID:
        document_id = await ingest.put(content, **options)
        await real.processing.process(document_id)
        return document_id

    return make


async def pages_of(content: bytes, path, media_type: str = PDF) -> dict[int, str]:
    path.write_bytes(content)
    parser = ChildProcessParser(seconds=20, memory_bytes=1024 * MIB, max_pages=50)
    return {page.number: page.text async for page in parser.pages(path, media_type)}


async def test_a_korean_pdf_becomes_searchable(ingest, real, embeddings, make_ready, person, tmp_path) -> None:
    content = documents.korean_pdf(3, seed=21)
    document_id = await make_ready(content, name="기록.pdf", person=person)

    row, chunks = await ingest.sql.document(document_id), await ingest.sql.chunks(document_id)
    assert (row["state"], row["page_count"], row["claim_id"], row["reason"]) == ("ready", 3, None, None)
    assert row["chunk_count"] == row["chunks_embedded"] == len(chunks) == await ingest.vectors(document_id)
    assert [chunk["ordinal"] for chunk in chunks] == list(range(len(chunks)))
    pages = await pages_of(content, tmp_path / "original")
    for chunk in chunks:
        assert chunk["page_from"] == chunk["page_to"]
        assert chunk["text"] == pages[chunk["page_from"]][chunk["char_start"] : chunk["char_end"]]
        assert chunk["text"] == chunk["text"].strip() != ""
    assert {chunk["page_from"] for chunk in chunks} == {1, 2, 3}
    assert max(await embeddings.count_tokens([chunk["text"] for chunk in chunks])) <= 240
    said = ["\n".join(filter(None, (chunk["context"], chunk["text"]))) for chunk in chunks]
    counts = await embeddings.count_tokens(said)
    assert min(chunk["tokens"] for chunk in chunks) > 0

    (usage,) = await ingest.sql.events(document_id, UsageRecorded)
    assert usage.input_tokens == sum(chunk["tokens"] for chunk in chunks) == sum(counts) + 2 * len(counts)
    assert (usage.operation, usage.outcome, usage.output_tokens) == (Operation.EMBEDDING, Outcome.COMPLETED, 0)
    assert (usage.model, usage.provider) == ("multilingual-e5-small", "growfit-embedder")
    (event,) = await ingest.sql.events(document_id, ChunksEmbedded)
    assert (event.page_count, event.chunk_count, event.scopes) == (3, len(chunks), [f"user:{person.user_id}"])
    assert (event.index, event.dimension) == ("pgvector:multilingual-e5-small:384", 384)

    fact = documents.page_fact(2, seed=21)
    filters = {"scopes": {"any": [f"user:{person.user_id}"]}}
    found = await search(fact.question, embeddings=embeddings, store=real.index, filters=filters, top_k=3)
    (hit,) = [hit for hit in found.hits if fact.answer in " ".join(hit.metadata["text"].split())]
    assert (hit.metadata["page_from"], hit.metadata["title"]) == (2, "기록.pdf")


async def test_stored_vectors_are_those_of_the_index(ingest, real, make_ready) -> None:
    document_id = await make_ready(documents.korean_text(seed=22))
    chunks = {str(chunk["chunk_id"]): chunk for chunk in await ingest.sql.chunks(document_id)}
    items = [item for item in await real.index.scroll() if item[2]["doc_id"] == str(document_id)]

    assert {key for key, _, _ in items} == set(chunks)
    for key, vector, metadata in items:
        kept = np.frombuffer(chunks[key]["embedding"], dtype="<f4")
        assert abs(float(np.linalg.norm(kept)) - 1) < 1e-3
        assert np.allclose(kept, vector, atol=2e-3)
        assert metadata["text"] == chunks[key]["text"]
        assert metadata["version"] == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949"])
async def test_text_in_every_encoding(ingest, make_ready, encoding) -> None:
    document_id = await make_ready(documents.korean_text(encoding, pages=2, seed=23))

    assert (await ingest.sql.document(document_id))["state"] == "ready"
    text = " ".join(chunk["text"] for chunk in await ingest.sql.chunks(document_id))
    assert documents.page_fact(1, seed=23).sentence in text
    assert "\ufeff" not in text
    assert "\ufffd" not in text


async def test_markdown(ingest, make_ready) -> None:
    document_id = await make_ready(documents.korean_markdown(sections=2, seed=24), name="정리.md")

    row = await ingest.sql.document(document_id)
    assert (row["state"], row["media_type"]) == ("ready", "text/markdown")
    starts = [chunk["text"].split("\n")[0] for chunk in await ingest.sql.chunks(document_id)]
    assert starts[0] == "견본 문서"


async def test_text_in_pieces_is_found_as_typed(ingest, make_ready) -> None:
    """macOS writes Hangul decomposed."""
    text = documents.korean_text(seed=25).decode()
    document_id = await make_ready(unicodedata.normalize("NFD", text).encode())

    stored = " ".join(chunk["text"] for chunk in await ingest.sql.chunks(document_id))
    assert documents.page_fact(1, seed=25).sentence in stored
    assert stored == clean(stored)


async def test_the_smallest_document(ingest, make_ready) -> None:
    document_id = await make_ready(b"\n\n  1 + 1\n")

    (chunk,) = await ingest.sql.chunks(document_id)
    assert (chunk["text"], chunk["page_from"], chunk["char_start"], chunk["char_end"]) == ("1 + 1", 1, 4, 9)


async def test_what_is_ready_is_not_worked_on_again(ingest, real, make_ready) -> None:
    document_id = await make_ready(documents.korean_text(seed=26))
    before = await ingest.sql.document(document_id)
    assert not await real.processing.process(document_id)

    assert await ingest.sql.document(document_id) == before
    assert len(await ingest.sql.events(document_id, ChunksEmbedded)) == 1
    assert len(await ingest.sql.events(document_id, UsageRecorded)) == 1


async def test_a_file_that_is_gone_fails_the_document(ingest, real, objects) -> None:
    document_id = await ingest.put(documents.korean_text(seed=28))
    (objects / (await ingest.sql.document(document_id))["storage_key"]).unlink()
    await real.processing.process(document_id)

    assert (await ingest.sql.document(document_id))["state"] == "failed"
