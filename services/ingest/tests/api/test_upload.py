"""`POST /documents`: the file is stored, the row and its announcement are one transaction, the answer is 202."""

import asyncio
import hashlib
import unicodedata
from uuid import UUID

import growfit_documents as documents
import pytest

from contracts.ingest import DocumentUploaded


async def test_an_upload_is_stored_written_and_announced(client, ingest, person, objects) -> None:
    content = documents.korean_pdf(2, seed=11)
    answer = await client.upload(person, content, name="운영 안내서.pdf")

    body = answer.json()
    document_id = UUID(body["document_id"])
    assert (answer.status_code, answer.headers["location"]) == (202, f"/documents/{document_id}")
    shown = {name: body[name] for name in ("title", "media_type", "size_bytes", "state", "progress", "visibility")}
    assert shown == {
        "title": "운영 안내서.pdf",
        "media_type": "application/pdf",
        "size_bytes": len(content),
        "state": "uploaded",
        "progress": 0.0,
        "visibility": "private",
    }
    assert (body["class_id"], body["problem"], body["page_count"], body["chunk_count"]) == (None, None, None, None)
    row = await ingest.sql.document(document_id)
    assert (objects / row["storage_key"]).read_bytes() == content
    assert row["sha256"] == hashlib.sha256(content).hexdigest()
    assert row["scopes"] == [f"user:{person.user_id}"]
    (event,) = await ingest.sql.events(document_id, DocumentUploaded)
    assert (event.version, event.title, event.size_bytes) == (1, "운영 안내서.pdf", len(content))
    assert event.tenant.model_dump(exclude_none=True) == {"user_id": person.user_id}


async def test_row_and_event_are_written_by_one_transaction(client, ingest, person, words) -> None:
    document_id = (await client.upload(person, words(50))).json()["document_id"]
    (row,) = await ingest.sql.rows(
        """SELECT documents.xmin::text = outbox.xmin::text AS together FROM "user".documents, ingest.outbox
        WHERE document_id = %s AND payload->'data'->>'document_id' = document_id::text""",
        document_id,
    )

    assert row["together"]


@pytest.mark.parametrize(
    ("content", "name", "media_type"),
    [
        (documents.korean_text("utf-8-sig", seed=2), "메모.txt", "text/plain"),
        (documents.korean_text("utf-16", seed=3), "메모.txt", "text/plain"),
        (documents.korean_text("cp949", seed=4), "메모.text", "text/plain"),
        (documents.korean_markdown(seed=5), "정리.MD", "text/markdown"),
        (documents.korean_markdown(seed=6), "확장자 없음", "text/plain"),
        (documents.owner_locked_pdf(seed=7), "잠김.pdf", "application/pdf"),
        (b"8 bytes.", "작은 글.txt", "text/plain"),
    ],
)
async def test_accepted_types(client, person, content, name, media_type) -> None:
    answer = await client.upload(person, content, name=name)

    assert (answer.status_code, answer.json()["media_type"]) == (202, media_type)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        (unicodedata.normalize("NFD", "한글 보고서 (최종).txt"), "한글 보고서 (최종).txt"),
        ("../../../etc/cron.d/몰래.txt", "몰래.txt"),
        ("청구서\u202efdp.txt", "청구서fdp.txt"),
        ("이름\u200b.txt\u200b", "이름.txt"),
        ("가" * 300 + ".txt", "가" * 200),
        ("'; DROP TABLE documents;--.txt", "'; DROP TABLE documents;--.txt"),
    ],
)
async def test_file_names(client, person, words, name, title) -> None:
    answer = await client.upload(person, words(30), name=name)

    assert (answer.status_code, answer.json().get("title")) == (202, title), answer.json()


async def test_a_part_without_a_file_name(client, person) -> None:
    form = b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nno name, but text\r\n--x--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = await client.ask(person, "POST", "/documents", content=form, headers=headers)

    assert (answer.status_code, answer.json()["title"], answer.json()["media_type"]) == (202, "untitled", "text/plain")


async def test_the_largest_file_and_one_byte_more(client, person, settings, problem) -> None:
    limit = settings.max_upload_bytes

    assert (await client.upload(person, b"a" * limit)).status_code == 202
    problem(await client.upload(person, b"a" * (limit + 1)), 413, "document_too_large")


async def test_a_duplicate_names_its_twin_and_can_be_allowed(client, person, another, words, stored, problem) -> None:
    content = words(60)
    first = (await client.upload(person, content, name="첫 이름.txt")).json()
    before = stored()

    for language, said in (("ko", "이미 올렸습니다: 「첫 이름.txt」"), ("en", "already: “첫 이름.txt”")):
        body = problem(
            await client.upload(person, content, name="다른 이름.txt", language=language), 409, "document_duplicate"
        )
        assert said in body["detail"]
        assert body["document_id"] == first["document_id"]
    assert stored() == before
    allowed = await client.upload(person, content, duplicate="allow")
    assert allowed.status_code == 202
    assert allowed.json()["document_id"] != first["document_id"]
    assert (await client.upload(another(), content)).status_code == 202


async def test_the_same_file_in_another_class_is_no_duplicate(client, ingest, words) -> None:
    school, content = await ingest.open_school(), words(60)

    assert (await client.upload(school.teacher, content)).status_code == 202
    assert (await client.upload(school.teacher, content, class_id=school.class_id)).status_code == 202
    assert (await client.upload(school.teacher, content, class_id=school.class_id)).status_code == 409


async def test_of_many_same_uploads_at_once_one_is_taken(client, person, words, stored) -> None:
    before, content = len(stored()), words(60)
    answers = await asyncio.gather(*(client.upload(person, content) for _ in range(6)))

    assert sorted(answer.status_code for answer in answers) == [202, *[409] * 5]
    (taken,) = [answer.json()["document_id"] for answer in answers if answer.status_code == 202]
    assert {answer.json()["document_id"] for answer in answers} == {taken}
    assert len(stored()) == before + 1


async def test_again_after_a_deletion_and_after_a_failure(client, ingest, person, words, stand_in) -> None:
    content = words(60)
    first = (await client.upload(person, content)).json()["document_id"]
    assert (await client.ask(person, "DELETE", f"/documents/{first}")).status_code == 200
    assert (await client.upload(person, content)).status_code == 202

    scan = documents.pdf_without_text()
    failed = UUID((await client.upload(person, scan, name="스캔.pdf")).json()["document_id"])
    assert (await ingest.process(failed, stand_in()))["state"] == "failed"
    again = await client.upload(person, scan, name="스캔.pdf")
    assert (again.status_code, again.json()["document_id"] != str(failed)) == (202, True)


async def test_the_class_pays_and_may_search_what_is_shared(client, ingest, words) -> None:
    school = await ingest.open_school()
    answer = await client.upload(school.teacher, words(40), class_id=school.class_id, visibility="class")

    body = answer.json()
    assert (body["class_id"], body["visibility"]) == (str(school.class_id), "class")
    row = await ingest.sql.document(UUID(body["document_id"]))
    assert row["scopes"] == [f"user:{school.teacher.user_id}", f"class:{school.class_id}"]
    (event,) = await ingest.sql.events(UUID(body["document_id"]), DocumentUploaded)
    assert event.tenant.model_dump() == {**school.ids, "class_id": school.class_id, "user_id": school.teacher.user_id}


async def test_a_students_own_file_for_a_class_is_private_and_the_class_pays(client, ingest, words) -> None:
    school = await ingest.open_school()
    body = (await client.upload(school.student, words(40), class_id=school.class_id)).json()

    row = await ingest.sql.document(UUID(body["document_id"]))
    assert (row["scopes"], row["org_id"]) == ([f"user:{school.student.user_id}"], school.org_id)
