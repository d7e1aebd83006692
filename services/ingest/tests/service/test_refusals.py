"""Documents that cannot become searchable end visibly, with a reason that people understand."""

import growfit_documents as documents
import pytest

from chassis.errors import Locale
from contracts.ingest import ChunksEmbedded, DocumentFailed, UsageRecorded
from ingest.adapters.ocr_languages import find_tessdata
from ingest.adapters.parser_process import ChildProcessParser, OcrLimits
from ingest.api.presenting import present
from ingest.config import MIB
from ingest.errors import REASONS

REFUSED = {
    "encrypted": (documents.encrypted_pdf, "rejected", "pdf_encrypted"),
    "truncated": (documents.truncated_pdf, "rejected", "pdf_damaged"),
    "almost whole": (lambda: documents.truncated_pdf(keep=0.98), "rejected", "pdf_damaged"),
    "header only": (documents.pdf_header_only, "rejected", "pdf_damaged"),
    "zero pages": (documents.pdf_with_zero_pages, "rejected", "pdf_damaged"),
    "cyclic tree": (documents.cyclic_page_tree_pdf, "rejected", "pdf_damaged"),
    "page bomb": (documents.page_bomb_pdf, "rejected", "too_many_pages"),
    "a scan": (documents.pdf_without_text, "failed", "no_text"),
    "form bomb": (documents.form_bomb_pdf, "failed", "parse_limit"),
    "blank text": (documents.blank_text, "failed", "no_text"),
    "broken text": (documents.broken_utf8, "rejected", "text_undecodable"),
}


@pytest.mark.parametrize("kind", REFUSED)
async def test_refused(ingest, person, stand_in, kind) -> None:
    make, state, reason = REFUSED[kind]
    content = make()
    name = "문서.pdf" if content.startswith(b"%PDF") else "문서.txt"
    document_id = await ingest.put(content, name=name, person=person)
    embedder = stand_in()
    ocr = OcrLimits(tessdata=find_tessdata())
    parser = ChildProcessParser(seconds=4, memory_bytes=400 * MIB, max_pages=50, ocr=ocr)
    await ingest.processing(embedder, parser=parser).process(document_id)

    row = await ingest.sql.document(document_id)
    assert (row["state"], row["reason"], row["claim_id"]) == (state, reason, None)
    assert (embedder.calls, await ingest.vectors(document_id)) == (0, 0)
    assert await ingest.sql.chunks(document_id) == []
    (event,) = await ingest.sql.events(document_id, DocumentFailed)
    assert event.reason == reason
    assert await ingest.sql.events(document_id, ChunksEmbedded) == []
    assert await ingest.sql.events(document_id, UsageRecorded) == []

    document = await ingest.wired.documents.get(person.user_id, document_id)
    for locale in Locale:
        problem = present(document, locale, reader=person.user_id).problem
        assert problem is not None
        assert problem["detail"] == REASONS[reason].text(locale, **row["reason_values"])
        assert (problem["code"], problem["type"]) == (reason, f"urn:growfit:problem:{reason}")
    assert present(document, Locale.EN, reader=person.user_id).progress == 0.0


async def test_the_limit_of_pages_is_named(ingest, person, stand_in) -> None:
    document_id = await ingest.put(documents.page_bomb_pdf(), name="긴 문서.pdf", person=person)
    await ingest.process(document_id, stand_in())
    document = await ingest.wired.documents.get(person.user_id, document_id)

    assert "50쪽까지" in present(document, Locale.KO, reader=person.user_id).problem["detail"]
    assert "The limit is 50" in present(document, Locale.EN, reader=person.user_id).problem["detail"]


async def test_the_worker_goes_on_after_hostile_files(ingest, stand_in) -> None:
    hostile = [documents.cyclic_page_tree_pdf(), documents.deep_page_tree_pdf(), documents.pdf_header_only()]
    for content in hostile:
        document_id = await ingest.put(content, name="문서.pdf")
        assert (await ingest.process(document_id, stand_in()))["state"] in {"rejected", "failed"}
    sound = await ingest.put(documents.korean_pdf(1, seed=31), name="문서.pdf")

    assert (await ingest.process(sound, stand_in()))["state"] == "ready"
