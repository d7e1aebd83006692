"""What rag knows of documents and classes, from facts in any order and however often."""

import asyncio
from itertools import permutations
from uuid import uuid4

import pytest

from chassis import worker as door
from chassis.clock import now
from chassis.delivery import AlreadyHandled, Delivery
from chassis.errors import DATABASE_UNAVAILABLE, Unavailable
from chassis.ids import new_id
from contracts.envelope import wrap
from contracts.streams import consumers_of
from rag import worker
from rag.events import documents as document_events
from rag.events import tenancy as tenancy_events


@pytest.fixture
def known(sql):
    async def row(document_id) -> dict:
        query = "SELECT is_live, version, title, scopes FROM rag.documents WHERE document_id = %s"
        (found,) = await sql.rows(query, document_id)
        return found

    return row


async def test_a_deletion_that_overtakes_its_document_stays(library, known, person) -> None:
    document_id = uuid4()
    await library.admit(library.deleted(document_id, person), library.embedded(document_id, scopes=[person.scope]))

    assert await known(document_id) == {"is_live": False, "version": 3, "title": "", "scopes": []}


@pytest.mark.parametrize("repeats", [1, 2])
async def test_every_order_ends_the_same(library, known, person, repeats) -> None:
    ends = []
    for order in permutations(range(3)):
        document_id = uuid4()
        facts = [
            library.embedded(document_id, scopes=[person.scope], title="첫 판"),
            library.embedded(document_id, scopes=[person.scope], title="둘째 판", version=2),
            library.deleted(document_id, person, version=2),
        ]
        await library.admit(*[facts[place] for place in order] * repeats)
        ends.append(await known(document_id))

    assert all(end == {"is_live": False, "version": 5, "title": "", "scopes": []} for end in ends)


async def test_an_older_version_that_comes_late_changes_nothing(library, known, person) -> None:
    document_id = uuid4()
    await library.admit(
        library.embedded(document_id, scopes=[person.scope], title="둘째 판", version=2),
        library.embedded(document_id, scopes=[person.scope], title="첫 판"),
        library.deleted(document_id, person, version=1),
    )

    assert await known(document_id) == {"is_live": True, "version": 4, "title": "둘째 판", "scopes": [person.scope]}


async def test_who_may_find_a_document_is_what_was_told_last(library, known, person) -> None:
    """Ready, opened to a class, closed to it, deleted; in every order, and again."""
    school = await library.open_school()
    teacher = school.teacher
    for order in permutations(range(4)):
        event = library.embedded(uuid4(), scopes=[teacher.scope], title="교재")
        facts = [
            event,
            library.shared(event, teacher.scope, school.scope, version=2),
            library.shared(event, teacher.scope, version=3),
            library.shared(event, teacher.scope, school.scope, version=4),
        ]
        await library.admit(*(facts[place] for place in order), *(facts[place] for place in order))
        scopes = [teacher.scope, school.scope]
        assert await known(event.document_id) == {"is_live": True, "version": 8, "title": "교재", "scopes": scopes}
        await library.admit(library.deleted(event.document_id, teacher, version=4), *facts)
        assert await known(event.document_id) == {"is_live": False, "version": 9, "title": "", "scopes": []}


async def test_a_shared_document_may_be_talked_about_as_long_as_it_is(client, library, problem) -> None:
    school = await library.open_school()
    teacher, student = school.teacher, school.student
    document_id = await library.add("초대 코드는 72시간 동안 씁니다.", scopes=[teacher.scope])
    event = library.embedded(document_id, scopes=[teacher.scope])
    asked = {"document_ids": [str(document_id)]}
    problem(await client.ask(student, "POST", "/conversations", json=asked), 404, "document_not_found")
    await library.admit(library.shared(event, teacher.scope, school.scope))
    assert (await client.ask(student, "POST", "/conversations", json=asked)).status_code == 201

    await library.admit(library.shared(event, teacher.scope, version=3))
    problem(await client.ask(student, "POST", "/conversations", json=asked), 404, "document_not_found")
    assert (await client.ask(teacher, "POST", "/conversations", json=asked)).status_code == 201


async def test_a_delivery_counts_once(library, sql, person) -> None:
    fact, delivery = library.embedded(uuid4(), scopes=[person.scope]), Delivery("rag-admit_document", uuid4())
    await library.wired.documents.project(fact, once=delivery)
    with pytest.raises(AlreadyHandled):
        await library.wired.documents.project(fact, once=delivery)

    assert len(await sql.rows("SELECT 1 FROM rag.inbox WHERE event_id = %s", delivery.event_id)) == 1


class Door:
    """Takes the handlers as `chassis.worker.Worker` does."""

    def __init__(self) -> None:
        self.handlers = {}

    def subscriber(self, handler, *, give_up=None):
        self.handlers[handler.__name__] = handler
        return handler


async def test_messages_reach_their_services(library, known, person, sql) -> None:
    taken, school, document_id = Door(), await library.open_school(), uuid4()
    document_events.register(taken, library.wired)
    tenancy_events.register(taken, library.wired)
    for fact, handler in (
        (library.embedded(document_id, scopes=[person.scope]), "admit_document"),
        (school.closed(), "project_tenancy"),
    ):
        event = wrap(fact, event_id=new_id(), time=now())
        await taken.handlers[handler](event, Delivery(f"rag-{handler}", event.id))

    assert (await known(document_id))["is_live"]
    query = "SELECT is_open FROM rag.classes WHERE class_id = %s"
    assert await sql.rows(query, school.class_id) == [{"is_open": False}]


async def test_the_door_binds_every_durable_of_the_service(settings) -> None:
    made = worker.create_worker(settings)

    handled = {consumer.handler for consumer in consumers_of("rag")} - {"bury_exhausted"}
    assert {subscription.consumer.handler for subscription in made._subscriptions.values()} == handled
    await made.database.close()


async def test_the_sweep_goes_on_after_a_database_that_was_away(wired, monkeypatch) -> None:
    monkeypatch.setattr(worker, "_SWEEP_SECONDS", 0.01)
    swept, failures = asyncio.Event(), [Unavailable(DATABASE_UNAVAILABLE), RuntimeError("a defect")]

    async def sweep() -> None:
        if failures:
            raise failures.pop(0)
        swept.set()

    monkeypatch.setattr(wired.answers, "sweep", sweep)
    task = asyncio.create_task(door._forever(lambda: worker._sweep(wired)))
    await asyncio.wait_for(swept.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
