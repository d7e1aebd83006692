"""Materials of classes: who finds a document follows what the class lists, whatever comes late or is cut off."""

import asyncio
import random
from collections.abc import AsyncIterator
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis.delivery import AlreadyHandled, Delivery
from chassis.errors import Invalid, Unavailable
from contracts.ingest import ChunksEmbedded, DocumentDeleted, DocumentShared
from contracts.org_partner import MembershipRevoked, Role
from ingest.errors import INDEX_UNAVAILABLE
from ingest.ports import PageText
from ingest.service.sharing import SharingService
from retrieval import chunks as store_chunks
from retrieval.pgvector import PgVectorAdapter
from tenancy.contradictions import TRIES


@pytest.fixture
async def school(ingest):
    return await ingest.open_school()


class OnePage:
    """A second adapter behind `ingest.ports.Parser`: a text, without a process for each."""

    async def pages(self, path, media_type) -> AsyncIterator[PageText]:
        yield PageText(1, 1, path.read_text())


@pytest.fixture(scope="module")
def make(ingest, words, stand_in):
    """`make(person)`: the id of a ready document of theirs."""
    seeds = iter(range(1000, 9000))

    async def made(person, *, ready: bool = True, **options) -> UUID:
        document_id = await ingest.put(words(30, seed=next(seeds)), person=person, **options)
        if ready:
            processing = ingest.processing(stand_in(), parser=OnePage())
            await processing.process(document_id)
        return document_id

    return made


@pytest.fixture
def stands(ingest):
    """Row, classes, index and events agree: who else than its owner finds the document."""

    async def check(document_id: UUID, *scopes: str) -> dict[str, Any]:
        row = await ingest.sql.document(document_id)
        own = f"user:{row['owner_id']}"
        assert (row["scopes"][0], set(row["scopes"][1:])) == (own, set(scopes))
        query = "SELECT kind, target_id FROM ingest.document_shares WHERE document_id = %s"
        held = await ingest.sql.rows(query, document_id)
        assert {f"{each['kind']}:{each['target_id']}" for each in held} == set(scopes)
        if row["state"] == "ready":
            told = "SELECT version, due_at FROM ingest.document_indexes WHERE document_id = %s"
            assert await ingest.sql.rows(told, document_id) == [{"version": row["version"], "due_at": None}]
            items = [item[2] for item in await ingest.wired.index.scroll() if item[2]["doc_id"] == str(document_id)]
            assert {tuple(item["scopes"]) for item in items} == {tuple(sorted([own, *scopes]))}
            assert {item["version"] for item in items} == {row["version"]}
            told = await ingest.sql.events(document_id, ChunksEmbedded)
            told += await ingest.sql.events(document_id, DocumentShared)
            latest = max(told, key=lambda event: event.version)
            assert set(latest.scopes) == {own, *scopes}
            assert len({event.version for event in told}) == len(told)
        return row

    return check


class Watched(PgVectorAdapter):
    """The real index, at whose door a test may stand: before and after each change of scopes, or instead of it."""

    def __init__(self, index, *, before=None, after=None) -> None:
        self.__dict__ = dict(vars(index))
        self.before, self.after = before, after

    async def update_scopes(self, doc_id, scopes, *, version) -> int:
        if self.before:
            await self.before(scopes)
        changed = await super().update_scopes(doc_id, scopes, version=version)
        if self.after:
            await self.after(scopes)
        return changed


async def test_what_a_class_lists_its_students_find_and_no_longer_when_it_does_not(
    client, ingest, school, make, stands
) -> None:
    document_id = await make(school.teacher)
    path = f"/documents/{document_id}"
    assert (await client.ask(school.student, "GET", path)).status_code == 404
    chunks = await ingest.sql.chunks(document_id)
    await ingest.share(school.lists(document_id, version=1))

    await stands(document_id, school.scope)
    assert document_id in await ingest.found_by(school.scope)
    body = (await client.ask(school.student, "GET", path)).json()
    assert (body["document_id"], body["visibility"]) == (str(document_id), "class")
    listed = (await client.ask(school.student, "GET", "/documents", params={"class_id": school.class_id})).json()
    assert [item["document_id"] for item in listed["items"]] == [str(document_id)]

    await ingest.share(school.lists(version=2))
    await stands(document_id)
    assert await ingest.found_by(school.scope) == set()
    assert (await client.ask(school.student, "GET", path)).status_code == 404
    assert (await client.ask(school.teacher, "GET", path)).json()["visibility"] == "private"
    assert await ingest.sql.chunks(document_id) == chunks, "nothing was embedded anew"
    assert await ingest.vectors(document_id) == len(chunks)


async def test_what_the_upload_shared_stays_shared_whatever_the_class_lists(ingest, school, make, stands) -> None:
    document_id = await make(school.teacher, class_id=school.class_id, shared=True)
    before = await stands(document_id, school.scope)
    for version, listed in enumerate([[], [document_id], []], start=1):
        await ingest.share(school.lists(*listed, version=version))
        assert (await stands(document_id, school.scope))["version"] == before["version"]

    other = await ingest.open_school()
    await ingest.tell(other.granted(school.teacher))
    await ingest.share(other.lists(document_id, version=1))
    await stands(document_id, school.scope)


async def test_a_document_for_the_class_that_is_private_is_private_again(ingest, school, make, stands) -> None:
    document_id = await make(school.teacher, class_id=school.class_id)
    await ingest.share(school.lists(document_id, version=1))
    await stands(document_id, school.scope)
    await ingest.share(school.lists(version=2))

    await stands(document_id)


async def test_two_classes_list_and_drop_the_same_document(ingest, school, make, stands) -> None:
    other = await ingest.open_school()
    await ingest.tell(other.granted(school.teacher))
    document_id = await make(school.teacher)
    await ingest.share(school.lists(document_id, version=1), other.lists(document_id, version=1))
    await stands(document_id, school.scope, other.scope)

    await ingest.share(school.lists(version=2))
    await stands(document_id, other.scope)
    await ingest.share(other.lists(uuid4(), version=2), school.lists(document_id, version=3))
    await stands(document_id, school.scope)


async def test_whose_documents_a_class_may_list(ingest, school, make, stands, another) -> None:
    sibling, admin, former, stranger = another(), another(), another(), another()
    other = await ingest.open_school()
    place = {"partner_id": uuid4()}
    left = school.granted(former)
    await ingest.tell(school.granted(sibling, **place), school.granted(admin, Role.ORG_ADMIN, partner_id=None), left)
    inside = {"class_id": school.class_id}
    documents = {
        "the teacher's own": await make(school.teacher),
        "the teacher's for the class": await make(school.teacher, **inside),
        "the admin's own": await make(admin),
        "of one who left, for the class": await make(former, **inside),
        "a sibling partner's own": await make(sibling),
        "a student's own": await make(school.student),
        "a student's for the class": await make(school.student, **inside),
        "a stranger's": await make(stranger),
        "another org's": await make(other.teacher, class_id=other.class_id, shared=True),
        "of one who left, their own": await make(former),
    }
    gone = left.model_dump(exclude={"role", "granted_at", "version"})
    await ingest.tell(MembershipRevoked(**gone, version=2, revoked_at=left.granted_at))
    await ingest.share(school.lists(*documents.values(), uuid4(), version=1))

    shared = {name for name, each in documents.items() if each in await ingest.found_by(school.scope)}
    assert shared == set(list(documents)[:3])
    for name, document_id in documents.items():
        await stands(document_id, *([school.scope] if name in shared else [other.scope] if "another" in name else []))


async def test_an_instructor_who_leaves_leaves_the_materials_in_the_class(ingest, school, make, stands) -> None:
    document_id = await make(school.teacher)
    await ingest.share(school.lists(document_id, version=1))
    (role,) = await ingest.sql.rows(
        "SELECT membership_id FROM ingest.memberships WHERE user_id = %s", school.teacher.user_id
    )
    facts = {"user_id": school.teacher.user_id, "version": 2, "revoked_at": "2026-11-22T09:00:00Z", **role}
    await ingest.tell(MembershipRevoked(**school.ids, **facts))
    await ingest.share(school.lists(document_id, version=2))
    await stands(document_id, school.scope)

    await ingest.share(school.lists(version=3), school.lists(document_id, version=4))
    await stands(document_id)


async def test_what_is_open_at_the_partner_may_be_in_its_other_classes_when_its_owner_has_left(
    ingest, school, make, stands, another
) -> None:
    owner, second, sibling = another(), uuid4(), uuid4()
    role = school.granted(owner)
    await ingest.tell(role)
    listed, uploaded = await make(owner), await make(owner, class_id=school.class_id, shared=True)
    private, dropped = await make(owner), await make(owner)
    await ingest.share(school.lists(listed, dropped, version=1), school.lists(listed, version=2))
    gone = role.model_dump(exclude={"role", "granted_at", "version"})
    await ingest.tell(MembershipRevoked(**gone, version=2, revoked_at=role.granted_at))
    every = (listed, uploaded, private, dropped)

    await ingest.share(school.lists(*every, version=1, class_id=second))
    await ingest.share(school.lists(*every, version=1, class_id=sibling, partner_id=uuid4()))

    for document_id in (listed, uploaded):
        await stands(document_id, school.scope, f"class:{second}")
    for document_id in (private, dropped):
        await stands(document_id)


async def test_a_role_that_is_told_after_the_list_opens_what_was_listed(ingest, school, make, stands, another) -> None:
    """Membership and materials come through two durables, in any order."""
    newcomer, other = another(), await ingest.open_school()
    mine, theirs = await make(newcomer), await make(school.teacher)
    await ingest.share(school.lists(mine, theirs, version=1), other.lists(mine, version=1))
    await stands(mine)
    await ingest.tell(school.granted(newcomer))

    await stands(mine, school.scope)
    await stands(theirs, school.scope)


@pytest.mark.parametrize("share", [True, False], ids=["listed", "listed and dropped"])
async def test_a_document_that_is_not_ready_yet_is_shared_when_it_is(
    ingest, school, make, stands, stand_in, share
) -> None:
    waiting = await make(school.teacher, ready=False)
    working = await make(school.teacher, ready=False)
    embedder = stand_in(hangs_after=0)
    task = asyncio.create_task(ingest.processing(embedder).process(working))
    await asyncio.wait_for(embedder.hanging.wait(), 20)
    await ingest.share(school.lists(waiting, working, version=1))
    await stands(waiting, school.scope)
    if not share:
        await ingest.share(school.lists(version=2))
    assert await ingest.sql.events(waiting, DocumentShared) == []
    embedder.go_on.set()
    await task
    await ingest.process(waiting, stand_in())

    for document_id in (waiting, working):
        row = await stands(document_id, *([school.scope] if share else []))
        assert row["state"] == "ready"
        (event,) = await ingest.sql.events(document_id, ChunksEmbedded)
        assert (event.version, event.scopes) == (row["version"], row["scopes"])


async def test_while_a_document_is_written_its_index_shows_it_to_nobody_whom_the_row_no_longer_names(
    ingest, school, make, stands, stand_in
) -> None:
    """Listed when the worker began, dropped while it wrote its vectors: the row names the class until it is told."""
    document_id = await make(school.teacher, ready=False)
    await ingest.share(school.lists(document_id, version=1))
    reached, go_on = asyncio.Event(), asyncio.Event()

    class Halted(PgVectorAdapter):
        def __init__(self, index) -> None:
            self.__dict__ = dict(vars(index))

        async def upsert_embeddings(self, items) -> int:
            reached.set()
            await go_on.wait()
            return await super().upsert_embeddings(items)

    processing = ingest.processing(stand_in(), index=Halted(ingest.wired.index))
    task = asyncio.create_task(processing.process(document_id))
    await asyncio.wait_for(reached.wait(), 20)
    dropping = asyncio.create_task(ingest.share(school.lists(version=2)))
    while (await ingest.sql.document(document_id))["version"] == 1:  # noqa: ASYNC110  the state is the database's
        await asyncio.sleep(0.02)
    assert school.scope in (await ingest.sql.document(document_id))["scopes"]
    go_on.set()
    await asyncio.gather(task, dropping)

    assert (await stands(document_id))["state"] == "ready"
    assert document_id not in await ingest.found_by(school.scope)


async def test_a_worker_that_is_late_with_its_vectors_takes_no_class_away(
    ingest, school, make, stands, stand_in
) -> None:
    document_id = await make(school.teacher)
    await ingest.share(school.lists(document_id, version=1))
    held = [item for item in await ingest.wired.index.scroll() if item[2]["doc_id"] == str(document_id)]
    late = [(key, vector, {**item, "scopes": [item["scopes"][-1]], "version": 1}) for key, vector, item in held]
    assert await ingest.wired.index.upsert_embeddings(late) == 0

    await stands(document_id, school.scope)


async def test_lists_in_any_order_end_with_the_last_one(ingest, make, stands) -> None:
    for order in permutations(range(3)):
        school = await ingest.open_school()
        kept, dropped = await make(school.teacher), await make(school.teacher)
        lists = [(dropped,), (kept, dropped), (kept,)]
        told = [school.lists(*lists[place], version=place + 1) for place in order]
        await ingest.share(*told, *told)

        await stands(kept, school.scope)
        await stands(dropped)


async def test_many_messages_at_once_end_with_the_last_lists(ingest, make, stands, school) -> None:
    """Two classes, four documents, the handlers side by side as several workers run them."""
    other = await ingest.open_school()
    await ingest.tell(other.granted(school.teacher))
    documents = [await make(school.teacher) for _ in range(4)]
    seed = random.randrange(10**6)
    dice = random.Random(seed)
    for version in range(0, 40, 4):
        told = [
            room.lists(*dice.sample(documents, dice.randint(0, 4)), version=version + n)
            for room in (school, other)
            for n in range(1, 5)
        ]
        await asyncio.gather(*(ingest.share(each) for each in dice.sample(told, len(told))))

        last = {school.scope: told[3].material_ids, other.scope: told[7].material_ids}
        for document_id in documents:
            named = [scope for scope, listed in last.items() if document_id in listed]
            assert await stands(document_id, *named), f"seed {seed}, from version {version}"


async def test_a_delivery_counts_once(ingest, school, make) -> None:
    document_id, delivery = await make(school.teacher), Delivery("ingest-share_materials", uuid4())
    await ingest.wired.sharing.share(school.lists(document_id, version=1), once=delivery)
    with pytest.raises(AlreadyHandled):
        await ingest.wired.sharing.share(school.lists(document_id, version=1), once=delivery)

    assert len(await ingest.sql.events(document_id, DocumentShared)) == 1


async def test_row_and_event_of_a_share_are_written_by_one_transaction(ingest, school, make) -> None:
    document_id = await make(school.teacher)
    await ingest.share(school.lists(document_id, version=1))
    query = """SELECT s.xmin::text = o.xmin::text AS together FROM ingest.document_shares s, ingest.outbox o
        WHERE s.document_id = %s AND o.subject = 'ingest.document.shared.v1'
        AND o.payload->'data'->>'document_id' = s.document_id::text"""

    assert await ingest.sql.rows(query, document_id) == [{"together": True}]


async def test_an_index_that_is_away_shows_nobody_too_much_and_is_told_later(ingest, school, make, stands) -> None:
    document_id = await make(school.teacher)

    async def refuse(_scopes) -> None:
        raise Unavailable(INDEX_UNAVAILABLE)

    away = SharingService(ingest.wired.database, ingest.syncs(Watched(ingest.wired.index, before=refuse)))
    delivery = Delivery("ingest-share_materials", uuid4())
    with pytest.raises(Unavailable):
        await away.share(school.lists(document_id, version=1), once=delivery)
    assert (await ingest.sql.document(document_id))["scopes"][1:] == [school.scope]
    assert await ingest.found_by(school.scope) == set()
    # The message comes again: its rows stand, and what was cut off is made up for.
    with pytest.raises(AlreadyHandled):
        await ingest.wired.sharing.share(school.lists(document_id, version=1), once=delivery)
    await stands(document_id, school.scope)

    with pytest.raises(Unavailable):
        await away.share(school.lists(version=2), once=Delivery("ingest-share_materials", uuid4()))
    row = await ingest.sql.document(document_id)
    assert row["scopes"][1:] == [school.scope], "it is still found, so the row still says so"
    await ingest.sql.hurry(document_id)
    await ingest.wired.syncs.sweep()
    await stands(document_id)


async def test_at_no_moment_the_index_shows_more_than_the_row_says(ingest, school, make, stands) -> None:
    document_id = await make(school.teacher)
    seen = []

    async def look(_scopes) -> None:
        named = school.scope in (await ingest.sql.document(document_id))["scopes"]
        found = document_id in await ingest.found_by(school.scope)
        seen.append((named, found))

    watched = SharingService(ingest.wired.database, ingest.syncs(Watched(ingest.wired.index, before=look, after=look)))
    for version, listed in enumerate([[document_id], [], [document_id]], start=1):
        await watched.share(school.lists(*listed, version=version), once=Delivery("ingest-share_materials", uuid4()))
        await look(None)

    opened, closed = [(True, False), (True, True), (True, True)], [(True, True), (True, False), (False, False)]
    assert seen == opened + closed + opened
    await stands(document_id, school.scope)


async def test_a_slow_run_that_was_overtaken_opens_nothing_again(ingest, school, make, stands) -> None:
    """It read that the class shall find the document, and comes to the index when the class has long dropped it."""
    document_id = await make(school.teacher)
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def halt(_scopes) -> None:
        reached.set()
        await go_on.wait()

    slow = SharingService(ingest.wired.database, ingest.syncs(Watched(ingest.wired.index, before=halt)))
    listing = school.lists(document_id, version=1)
    task = asyncio.create_task(slow.share(listing, once=Delivery("ingest-share_materials", uuid4())))
    await asyncio.wait_for(reached.wait(), 20)
    await ingest.sql.expire(document_id)
    await ingest.share(school.lists(version=2))
    await stands(document_id)
    go_on.set()
    await task
    # What outlived its lease may have written over something: the index is told once more.
    await ingest.wired.syncs.sweep()

    assert await ingest.found_by(school.scope) == set()
    await stands(document_id)


async def test_listed_again_before_it_has_wholly_left_it_stays(ingest, school, make, stands) -> None:
    document_id = await make(school.teacher)
    await ingest.share(school.lists(document_id, version=1))

    async def list_again(_scopes) -> None:
        """Its rows are written at once; telling the index waits for who is at it."""
        if not seen:
            before = (await ingest.sql.document(document_id))["version"]
            seen.append(asyncio.create_task(ingest.share(school.lists(document_id, version=3))))
            while (await ingest.sql.document(document_id))["version"] == before:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    for moment in ("before", "after"):
        seen: list[asyncio.Task] = []
        watched = Watched(ingest.wired.index, **{moment: list_again})
        sharing = SharingService(ingest.wired.database, ingest.syncs(watched))
        await sharing.share(school.lists(version=2), once=Delivery("ingest-share_materials", uuid4()))
        await seen[0]
        await stands(document_id, school.scope)
        await ingest.sql.rows("UPDATE ingest.class_materials SET version = 1 WHERE class_id = %s", school.class_id)


async def test_a_deleted_document_leaves_its_classes_and_no_list_brings_it_back(ingest, school, make) -> None:
    document_id = await make(school.teacher)
    await ingest.share(school.lists(document_id, version=1))
    version = (await ingest.sql.document(document_id))["version"]
    await ingest.wired.deletion.delete(school.teacher.principal, document_id)
    await ingest.share(school.lists(document_id, version=2), school.lists(document_id, version=3))

    assert await ingest.sql.rows("SELECT 1 FROM ingest.document_shares WHERE document_id = %s", document_id) == []
    assert await ingest.found_by(school.scope) == set()
    (gone,) = await ingest.sql.events(document_id, DocumentDeleted)
    assert gone.version == version + 1
    assert (await ingest.sql.document(document_id))["state"] == "deleted"


async def test_only_its_owner_deletes_what_a_class_lists(client, ingest, school, make, stands, problem) -> None:
    document_id = await make(school.teacher)
    await ingest.share(school.lists(document_id, version=1))
    answer = await client.ask(school.student, "DELETE", f"/documents/{document_id}")

    problem(answer, 403, "not_the_owner")
    await stands(document_id, school.scope)


async def test_a_class_of_another_org_lists_nothing(ingest, school, make, stands) -> None:
    """Forged: the class is known under its own org and partner."""
    other = await ingest.open_school()
    mine, theirs = await make(school.teacher), await make(other.teacher)
    elsewhere = [other.ids, {"org_id": other.org_id}, {"partner_id": other.partner_id}]
    for place in elsewhere:
        forged = school.lists(mine, theirs, version=9, **place)
        with pytest.raises(Invalid, match="tenant_contradicted"):
            await ingest.wired.sharing.share(forged, once=Delivery("ingest-share_materials", uuid4(), attempt=TRIES))

    await stands(mine)
    await stands(theirs)
    query = "SELECT 1 FROM ingest.class_materials WHERE class_id = %s"
    assert await ingest.sql.rows(query, school.class_id) == []


async def test_what_another_partner_listed_for_a_class_that_was_not_known_is_closed_when_it_is(
    ingest, school, make, stands
) -> None:
    """Forged: a list of a draft, of which nothing is known yet, by a partner of another org for its own documents."""
    other, draft = await ingest.open_school(), uuid4()
    theirs = await make(other.teacher)
    place = {"org_id": other.org_id, "partner_id": other.partner_id}
    forged = school.lists(theirs, version=9, class_id=draft, **place)
    await ingest.share(forged)
    await stands(theirs, f"class:{draft}")

    await ingest.tell(school.opened(class_id=draft))

    await stands(theirs)
    mine = await make(school.teacher)
    await ingest.share(school.lists(mine, version=1, class_id=draft))
    await stands(mine, f"class:{draft}")


async def test_what_its_own_partner_listed_before_stays_open(ingest, school, make, stands) -> None:
    mine, draft = await make(school.teacher), uuid4()
    await ingest.share(school.lists(mine, version=1, class_id=draft))
    await ingest.tell(school.opened(class_id=draft))

    await stands(mine, f"class:{draft}")


async def test_more_classes_than_an_index_takes_are_not_told_to_it(
    ingest, school, make, stands, monkeypatch, caplog
) -> None:
    monkeypatch.setattr("ingest.service.scoping.MAX_SCOPES", 2)
    assert store_chunks.MAX_SCOPES > 100
    other = await ingest.open_school()
    await ingest.tell(other.granted(school.teacher))
    document_id = await make(school.teacher)
    await ingest.share(school.lists(document_id, version=1), other.lists(document_id, version=1))

    await stands(document_id, school.scope)
    assert f"not to {other.class_id}" in caplog.text
