"""A process that is killed between storing a file and writing its row leaves nothing for ever."""

from collections.abc import AsyncIterator

import pytest

from chassis.errors import Conflict, Invalid, Unavailable, UnsupportedMedia
from contracts.ingest import PersonalDataErased
from ingest.errors import STORAGE_UNAVAILABLE
from ingest.service.intake import Incoming
from ingest.service.resumable import Announced
from ingest.service.uploads import UploadService


@pytest.fixture
def killed(ingest, monkeypatch):
    """`killed(words(30), …)`: an upload that ends as a kill ends it, right after the file is stored."""

    async def put(content: bytes, **options) -> None:
        class Kill(BaseException):
            pass

        async def dies(*_: object) -> None:
            raise Kill

        with monkeypatch.context() as patched:
            patched.setattr(UploadService, "_admit", dies)
            patched.setattr(UploadService, "_is_refused", dies)
            with pytest.raises(Kill):
                await ingest.put(content, **options)

    return put


@pytest.fixture
def pending(ingest):
    async def rows(person) -> int:
        return len(await ingest.sql.rows("SELECT 1 FROM ingest.pending_objects WHERE owner_id = %s", person.user_id))

    return rows


AGE = "UPDATE ingest.pending_objects SET created_at = created_at - interval '25 hours' WHERE owner_id = %s"


async def test_the_file_is_swept_when_a_day_is_over(ingest, person, words, stored, killed, pending) -> None:
    before = stored()
    await killed(words(30), person=person)
    await ingest.wired.uploads.sweep()
    assert (len(stored()), await pending(person)) == (len(before) + 1, 1)

    await ingest.sql.rows(AGE, person.user_id)
    await ingest.wired.uploads.sweep()
    await ingest.wired.uploads.sweep()
    assert (stored(), await pending(person)) == (before, 0)


async def test_half_a_file_is_swept_too(ingest, person, words, stored, killed, pending, objects) -> None:
    before = stored()
    await killed(words(30), person=person)
    (path,) = set(stored()) - set(before)
    (objects / path).rename(objects / f"{path}#1")
    await ingest.sql.rows(AGE, person.user_id)
    await ingest.wired.uploads.sweep()

    assert (stored(), await pending(person)) == (before, 0)


async def test_what_has_its_document_is_never_swept(ingest, person, words, stored, pending) -> None:
    document_id = await ingest.put(words(30), person=person)
    assert await pending(person) == 0
    await ingest.sql.rows(AGE, person.user_id)
    await ingest.wired.uploads.sweep()

    assert any(str(document_id) in path for path in stored())


async def test_a_refused_file_is_forgotten_at_once(ingest, person, words, pending, stored) -> None:
    before = stored()
    await ingest.put(words(30), person=person)
    for content in (b"", b"\x00" * 100, words(30)):
        with pytest.raises((Invalid, UnsupportedMedia, Conflict)):
            await ingest.put(content, person=person)

    assert (len(stored()), await pending(person)) == (len(before) + 1, 0)


async def test_an_upload_that_lasts_longer_than_a_day_has_no_file_without_knowing(
    ingest, person, words, stored, pending
) -> None:
    """The sweep takes its file for a dead one while it is still being stored."""
    before = stored()

    async def slowly() -> AsyncIterator[bytes]:
        yield words(30)
        await ingest.sql.rows(AGE, person.user_id)
        await ingest.wired.uploads.sweep()

    with pytest.raises(Unavailable):
        await ingest.wired.uploads.upload(person.user_id, Incoming(file_name="a.txt", content=slowly()))
    assert (stored(), await pending(person)) == (before, 0)


async def test_a_storage_that_fails_in_doubt_is_looked_after(
    ingest, person, words, stored, pending, monkeypatch
) -> None:
    """The storage said no, and has the object all the same."""
    before = stored()
    storage = ingest.wired.uploads._storage
    put = type(storage).put

    async def in_doubt(self, key, chunks) -> None:
        await put(self, key, chunks)
        raise Unavailable(STORAGE_UNAVAILABLE)

    monkeypatch.setattr(type(storage), "put", in_doubt)
    with pytest.raises(Unavailable):
        await ingest.put(words(30), person=person)
    assert (len(stored()), await pending(person)) == (len(before) + 1, 1)

    await ingest.sql.rows(AGE, person.user_id)
    await ingest.wired.uploads.sweep()
    assert (stored(), await pending(person)) == (before, 0)


async def test_an_erased_user_s_unfinished_uploads_go_with_the_rest(ingest, person, words, stored, another) -> None:
    before = stored()
    other = another()
    for owner in (person, other):
        content = words(30)
        file = Announced(file_name="김철수 이력서.txt", size_bytes=len(content) + 10)
        upload = await ingest.wired.resumable.begin(owner.user_id, file)

        async def arriving(content: bytes = content) -> AsyncIterator[bytes]:
            yield content

        await ingest.wired.resumable.append(owner.user_id, upload.upload_id, offset=0, content=arriving())
    assert len(stored()) == len(before) + 2
    await ingest.wired.erasure.erase(person.user_id, once=ingest.delivery())

    assert len(stored()) == len(before) + 1
    rows = await ingest.sql.rows(
        "SELECT owner_id, file_name FROM ingest.uploads WHERE owner_id = ANY (%s)", [person.user_id, other.user_id]
    )
    assert {row["owner_id"]: row["file_name"] for row in rows} == {
        person.user_id: "",
        other.user_id: "김철수 이력서.txt",
    }
    query = "SELECT payload->'data' AS data FROM ingest.outbox WHERE subject = %s AND payload->'data'->>'user_id' = %s"
    (report,) = await ingest.sql.rows(query, PersonalDataErased.type, str(person.user_id))
    assert (report["data"]["erased"]["ingest.uploads"], report["data"]["remaining"]) == (1, 0)
