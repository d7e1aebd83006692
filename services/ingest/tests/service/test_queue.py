"""Whose document is next, and that a slot is never idle while something waits."""

import asyncio
from uuid import uuid4

import pytest

from ingest.crud import queue as queue_crud
from ingest.service.claims import ClaimService
from ingest.service.queue import QueueService

MIB = 1024**2


@pytest.fixture
async def claims(ingest):
    """Nothing waits from an earlier test."""
    await ingest.sql.rows("""UPDATE "user".documents SET state = 'failed' WHERE state = 'uploaded'""")
    await ingest.sql.rows("DELETE FROM ingest.turns")
    return ClaimService(ingest.wired.database, ingest.book())


@pytest.fixture
def waiting(ingest, words, claims):
    """`waiting(person, size=…, org_id=…)`: a document that waits, as large as is said."""
    seeds = iter(range(9000))

    async def put(person, *, size: int | None = None, org_id=None):
        document_id = await ingest.put(words(30, seed=next(seeds)), person=person)
        changed = (
            'UPDATE "user".documents SET size_bytes = coalesce(%s, size_bytes), org_id = %s WHERE document_id = %s'
        )
        await ingest.sql.rows(changed, size, org_id, document_id)
        return document_id

    return put


async def order(claims, **options) -> list:
    """The documents in the order in which they are taken up."""
    taken = []
    while claim := await claims.take_next(small_alone=options.get("small_alone", False)):
        taken.append(claim.document_id)
    return taken


async def test_one_persons_thousand_do_not_stand_before_anothers_one(claims, waiting, another) -> None:
    many, few = another(), another()
    first = [await waiting(many) for _ in range(6)]
    later = [await waiting(few) for _ in range(2)]
    taken = await order(claims)

    assert taken == [first[0], later[0], first[1], later[1], *first[2:]]


async def test_who_comes_with_few_goes_before_who_was_served_all_the_time(claims, waiting, another) -> None:
    many, few = another(), another()
    first = [await waiting(many) for _ in range(8)]
    before = [claim.document_id for claim in [await claims.take_next(small_alone=False) for _ in range(4)] if claim]
    later = [await waiting(few) for _ in range(3)]

    assert await order(claims) == [*later, *first[4:]]
    assert before == first[:4]


async def test_turns_fade(ingest, claims, waiting, another) -> None:
    many, few = another(), another()
    first = [await waiting(many) for _ in range(6)]
    for _ in range(4):
        await claims.take_next(small_alone=False)
    # Far more half-lives than a number can hold.
    await ingest.sql.rows("UPDATE ingest.turns SET taken_at = taken_at - interval '20 hours'")
    later = [await waiting(few) for _ in range(2)]

    assert await order(claims) == [later[0], first[4], later[1], first[5]]


async def test_an_org_has_one_turn_however_many_of_its_people_wait(claims, waiting, another) -> None:
    org_id = uuid4()
    crowd = [await waiting(another(), org_id=org_id) for _ in range(4)]
    alone = another()
    own = [await waiting(alone) for _ in range(2)]
    taken = await order(claims)

    assert [taken.index(each) for each in own] == [1, 3]
    assert set(taken) == {*crowd, *own}


async def test_within_an_org_its_people_take_turns(claims, waiting, another) -> None:
    org_id, many, few = uuid4(), another(), another()
    first = [await waiting(many, org_id=org_id) for _ in range(3)]
    (later,) = [await waiting(few, org_id=org_id)]

    assert await order(claims) == [first[0], later, *first[1:]]


async def test_a_small_document_goes_before_a_large_one_of_the_same_person(claims, waiting, person) -> None:
    large = await waiting(person, size=5 * MIB)
    small = [await waiting(person) for _ in range(2)]

    assert await order(claims) == [*small, large]


async def test_the_slot_for_small_documents_takes_no_large_one(claims, waiting, person) -> None:
    large, small = await waiting(person, size=MIB + 1), await waiting(person, size=MIB)

    assert await order(claims, small_alone=True) == [small]
    assert await order(claims) == [large]


async def test_what_is_held_or_put_off_is_nobodys_turn(ingest, claims, waiting, person) -> None:
    held, put_off, free = [await waiting(person) for _ in range(3)]
    assert await claims.take(held) is not None
    later = """UPDATE "user".documents SET waits_until = now() + interval '1 minute' WHERE document_id = %s"""
    await ingest.sql.rows(later, put_off)

    assert await order(claims) == [free]
    await ingest.sql.expire(held)
    await ingest.sql.hurry(put_off)
    assert set(await order(claims)) == {held, put_off}


@pytest.fixture
async def crowd(ingest, claims):
    """`await crowd(people, each)`: so many people with so many waiting documents each, of which every second was put
    off, to now or for a minute; some are large.
    """

    async def fill(people: int, each: int) -> None:
        query = """INSERT INTO "user".documents
            (document_id, owner_id, scopes, title, media_type, size_bytes, sha256, storage_key, queued_at, waits_until)
            SELECT gen_random_uuid(), ('00000000-0000-0000-0000-' || lpad(p::text, 12, '0'))::uuid, '{}', 'crowd',
                'text/plain', CASE WHEN n %% 5 = 0 THEN 2097152 ELSE 1000 END, '', 'k',
                now() - make_interval(secs => n),
                CASE WHEN n %% 4 = 1 THEN now() WHEN n %% 4 = 3 THEN now() + interval '1 minute' END
            FROM generate_series(1, %s) AS p, generate_series(1, %s) AS n"""
        await ingest.sql.rows(query, people, each)
        await ingest.sql.rows('ANALYZE "user".documents')

    yield fill
    await ingest.sql.rows("""DELETE FROM "user".documents WHERE title = 'crowd'""")
    await ingest.sql.rows('ANALYZE "user".documents')


def rows_read(plan: dict) -> int:
    """Of the table of documents, also those that a condition threw away."""
    own = 0
    if plan.get("Relation Name") == "documents":
        own = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return own + sum(map(rows_read, plan.get("Plans", [])))


@pytest.mark.parametrize("small_alone", [False, True])
@pytest.mark.parametrize(("people", "each"), [(1, 10_000), (20, 500)])
async def test_of_ten_thousand_that_wait_a_few_of_each_person_are_read(
    ingest, crowd, people, each, small_alone
) -> None:
    await crowd(people, each)
    statement = queue_crud._NEXT_SMALL if small_alone else queue_crud._NEXT
    (row,) = await ingest.sql.rows(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement.text}")
    read = rows_read(row["QUERY PLAN"][0]["Plan"])

    # Of each person the next one, and the first ones of four kinds.
    assert 0 < read <= 6 * (people + 1)


async def test_all_ten_thousand_may_be_put_off(ingest, claims, crowd) -> None:
    await crowd(1, 10_000)
    await ingest.sql.rows("""UPDATE "user".documents SET waits_until = now() + interval '1 minute'
        WHERE title = 'crowd'""")
    await ingest.sql.rows('ANALYZE "user".documents')
    (row,) = await ingest.sql.rows(f"EXPLAIN (ANALYZE, FORMAT JSON) {queue_crud._NEXT.text}")
    assert rows_read(row["QUERY PLAN"][0]["Plan"]) <= 6
    assert await claims.take_next(small_alone=False) is None

    longest = """UPDATE "user".documents SET waits_until = now() - interval '5 s' WHERE document_id =
        (SELECT document_id FROM "user".documents WHERE title = 'crowd' AND size_bytes < 1048576 LIMIT 1)
        RETURNING document_id"""
    (due,) = await ingest.sql.rows(longest)
    claim = await claims.take_next(small_alone=False)
    assert claim is not None
    assert claim.document_id == due["document_id"]


async def test_a_turn_of_long_ago_is_forgotten(ingest, claims, waiting, person) -> None:
    await waiting(person)
    await order(claims)
    for age, left in (("1 hour", 1), ("25 hours", 0)):
        await ingest.sql.rows(f"UPDATE ingest.turns SET taken_at = now() - interval '{age}'")
        await ingest.wired.queue.sweep()
        assert len(await ingest.sql.rows("SELECT 1 FROM ingest.turns")) == left


async def test_of_many_slots_at_once_each_gets_a_document(claims, waiting, another) -> None:
    ids = {await waiting(another()) for _ in range(8)}
    taken = await asyncio.gather(*(claims.take_next(small_alone=False) for _ in range(8)))

    assert {claim.document_id for claim in taken} == ids


async def test_every_slot_works_and_is_woken(ingest, claims, waiting, person, stand_in) -> None:
    ids = [await waiting(person) for _ in range(6)]
    queue = QueueService(ingest.wired.database, ingest.processing(stand_in()), slots=3)
    running = asyncio.create_task(queue.run())
    try:
        async with asyncio.timeout(20):
            for document_id in ids:
                while (await ingest.sql.document(document_id))["state"] != "ready":  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_stopped_worker_goes_on_with_nothing(ingest, claims, waiting, person, stand_in) -> None:
    document_id = await waiting(person)
    embedder = stand_in(hangs_after=0)
    processing = ingest.processing(embedder)
    processing._claims = claims
    running = asyncio.create_task(QueueService(ingest.wired.database, processing, slots=1).run())
    await asyncio.wait_for(embedder.hanging.wait(), 20)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    row = await ingest.sql.document(document_id)
    assert (row["claim_id"], row["attempts"]) == (None, 0)
    assert (await ingest.process(document_id))["state"] == "ready"
