"""The same text of one tenant is embedded once; of another tenant's nobody learns that it exists."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from contracts.ingest import UsageRecorded
from ingest.ports import PageText
from ingest.service.embedding import EmbeddingService

PARAGRAPH = "이 문단은 안내문마다 똑같이 들어갑니다. 그래서 한 번만 임베딩합니다."


def letter(*names: str) -> bytes:
    """Begins and ends with the same page."""
    own = [f"{name} 님께 드리는 안내입니다. {name} 님의 과정은 따로 적습니다." for name in names]
    return "\f".join([PARAGRAPH, *own, PARAGRAPH]).encode()


class Pages:
    """A second adapter behind `ingest.ports.Parser`: pages divided by form feeds, each of them one chunk."""

    async def pages(self, path, media_type) -> AsyncGenerator[PageText]:
        texts = path.read_text().split("\f")
        for number, text in enumerate(texts, start=1):
            yield PageText(number, len(texts), text)


@pytest.fixture
def embed(ingest, stand_in):
    async def run(content: bytes, person, **options):
        embedder = stand_in()
        document_id = await ingest.put(content, person=person, **options)
        await ingest.processing(embedder, parser=Pages()).process(document_id)
        assert (await ingest.sql.document(document_id))["state"] == "ready"
        return document_id, embedder

    return run


async def test_what_a_document_repeats_is_embedded_once(ingest, embed, person) -> None:
    document_id, embedder = await embed(letter("가람", "나래"), person)
    chunks = await ingest.sql.chunks(document_id)

    assert len(embedder.texts) == len(set(embedder.texts)) < len(chunks)
    assert set(embedder.texts) == {chunk["text"] for chunk in chunks}
    by_text = {chunk["text"]: chunk["embedding"] for chunk in chunks}
    assert all(chunk["embedding"] == by_text[chunk["text"]] for chunk in chunks)
    assert await ingest.vectors(document_id) == len(chunks)


async def test_a_second_document_pays_for_what_is_new_in_it(ingest, embed, person) -> None:
    first, paid = await embed(letter("가람"), person)
    second, embedder = await embed(letter("가람", "다솜"), person)

    assert paid.texts
    assert not set(embedder.texts) & {chunk["text"] for chunk in await ingest.sql.chunks(first)}
    (usage,) = await ingest.sql.events(second, UsageRecorded)
    assert usage.input_tokens == embedder.tokens > 0
    assert sum(chunk["tokens"] for chunk in await ingest.sql.chunks(second)) == embedder.tokens


async def test_a_document_of_known_text_alone_costs_nothing(ingest, embed, person) -> None:
    await embed(letter("가람"), person)
    again, embedder = await embed(letter("가람"), person, allow_duplicate=True)

    assert embedder.calls == 0
    assert await ingest.sql.events(again, UsageRecorded) == []


async def test_people_of_one_org_share_what_is_embedded_and_strangers_do_not(ingest, embed, another) -> None:
    school, other = await ingest.open_school(), await ingest.open_school()
    content = letter("라온")
    _, first = await embed(content, school.teacher, class_id=school.class_id)
    _, same_org = await embed(content, school.student, class_id=school.class_id)
    _, other_org = await embed(content, other.student, class_id=other.class_id)
    _, nobody = await embed(content, another())

    assert (same_org.calls, sorted(other_org.texts)) == (0, sorted(first.texts))
    assert sorted(nobody.texts) == sorted(first.texts)


async def test_what_is_deleted_is_known_no_more(ingest, embed, person) -> None:
    document_id, first = await embed(letter("마루"), person)
    await ingest.wired.deletion.delete(person.principal, document_id)
    _, again = await embed(letter("마루"), person)

    assert sorted(again.texts) == sorted(first.texts)


@pytest.fixture
async def ready(ingest, person, words, stand_in):
    document_id = await ingest.put(words(300), person=person)
    await ingest.processing(stand_in(), chunk_tokens=40).process(document_id)
    return document_id


@pytest.fixture
def second_model(ingest):
    """`second_model(stand_in())`: what embeds for indexes of another model, as each process has one."""

    def make(embedder) -> EmbeddingService:
        own, book = ingest.wired.processing._embedding, ingest.book()
        embedders = {book.first.model: embedder, "second-model": embedder}
        return EmbeddingService(ingest.wired.database, embedders, own._analyser, book=book)

    return make


async def usages_of_second(ingest, document_id) -> list[UsageRecorded]:
    return [each for each in await ingest.sql.events(document_id, UsageRecorded) if each.model == "second-model"]


async def test_two_indexes_of_a_new_model_embed_a_document_once(ingest, ready, second_model, stand_in) -> None:
    embedder = stand_in()
    embedding = second_model(embedder)
    await asyncio.gather(*(embedding.embed_shown(ready, "second-model") for _ in range(3)))

    assert len(embedder.texts) == len(await ingest.sql.chunks(ready)) // 2
    assert sum(each.input_tokens for each in await usages_of_second(ingest, ready)) == embedder.tokens


async def test_two_processes_that_embed_it_at_once_both_tell_what_they_paid(
    ingest, ready, second_model, stand_in
) -> None:
    embedders = [stand_in(hangs_after=0), stand_in(hangs_after=0)]
    work = [asyncio.create_task(second_model(each).embed_shown(ready, "second-model")) for each in embedders]
    # Both are at it before either has anything to show.
    for each in embedders:
        await asyncio.wait_for(each.hanging.wait(), 20)
    for each in embedders:
        each.go_on.set()
    await asyncio.gather(*work)

    told = await usages_of_second(ingest, ready)
    assert sum(each.input_tokens for each in told) == sum(each.tokens for each in embedders)
    assert all(each.tokens for each in embedders), "both paid"
    assert len({each.usage_id for each in told}) == len(told)
