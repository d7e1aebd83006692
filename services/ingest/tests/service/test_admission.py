"""The file and its row: both or neither, also when the commit itself is cut off."""

import asyncio

import pytest

from chassis.errors import DATABASE_UNAVAILABLE, Conflict, Unavailable
from contracts.ingest import DocumentUploaded
from ingest.service.uploads import UploadService


def cut_off(monkeypatch, *, by: BaseException, before: bool) -> list:
    """The next admission ends with `by`, right before or right after its commit."""
    admit, admitted = UploadService._admit, []

    async def admit_and_fail(self, document_id, *arguments):
        monkeypatch.setattr(UploadService, "_admit", admit)
        admitted.append(document_id)
        if not before:
            await admit(self, document_id, *arguments)
        raise by

    monkeypatch.setattr(UploadService, "_admit", admit_and_fail)
    return admitted


ENDS = [Unavailable(DATABASE_UNAVAILABLE), asyncio.CancelledError(), ZeroDivisionError()]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: type(end).__name__)
async def test_what_was_committed_keeps_its_file(ingest, person, words, stored, monkeypatch, end) -> None:
    admitted = cut_off(monkeypatch, by=end, before=False)
    with pytest.raises(type(end)):
        await ingest.put(words(30), person=person)

    assert any(str(admitted[0]) in path for path in stored())
    assert len(await ingest.sql.events(admitted[0], DocumentUploaded)) == 1
    with pytest.raises(Conflict):
        await ingest.put(words(30), person=person)
    assert (await ingest.process(admitted[0]))["state"] == "ready"


@pytest.mark.parametrize("end", ENDS, ids=lambda end: type(end).__name__)
async def test_what_was_not_committed_leaves_no_file(ingest, person, words, stored, monkeypatch, end) -> None:
    before = stored()
    cut_off(monkeypatch, by=end, before=True)
    with pytest.raises(type(end)):
        await ingest.put(words(30), person=person)

    assert stored() == before
    await ingest.put(words(30), person=person)
