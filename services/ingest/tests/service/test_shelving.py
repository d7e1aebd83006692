"""Projects and agents: their owner puts documents in and takes them out, and search follows before the answer."""

import asyncio
import random
import time
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis.clock import now
from chassis.delivery import AlreadyHandled, Delivery
from chassis.errors import Invalid, Unavailable
from contracts.ingest import AuditRecorded, DocumentDeleted, DocumentShared
from contracts.rag import AgentCreated, AgentDeleted, AgentShared, ProjectCreated, ProjectDeleted
from contracts.tenancy import Tenant
from ingest.errors import INDEX_UNAVAILABLE
from ingest.service.shelving import Fact, SharedWith, ShelfService
from retrieval.pgvector import PgVectorAdapter

KINDS = ("project", "agent")


class Facts:
    """What rag says of one project or agent of a person's."""

    def __init__(self, kind: str, person: Any) -> None:
        self.kind, self.shelf_id, self.tenant = kind, uuid4(), Tenant(user_id=person.user_id)
        self.of = {"project_id" if kind == "project" else "agent_id": self.shelf_id}

    @property
    def scope(self) -> str:
        return f"{self.kind}:{self.shelf_id}"

    def path(self, document_id: UUID) -> str:
        return f"/documents/{document_id}/{self.kind}s/{self.shelf_id}"

    def created(self, **changes: Any) -> Fact:
        facts = {**self.of, "tenant": self.tenant, "version": 1, "created_at": now(), **changes}
        return ProjectCreated(**facts) if self.kind == "project" else AgentCreated(**facts)

    def shared(self, place: Tenant, *, version: int = 2) -> Fact:
        return AgentShared(**self.of, tenant=place, version=version, shared_at=now())

    def deleted(self, *, version: int = 9, **changes: Any) -> Fact:
        facts = {**self.of, "tenant": self.tenant, "version": version, "deleted_at": now(), **changes}
        return ProjectDeleted(**facts) if self.kind == "project" else AgentDeleted(**facts)


@pytest.fixture
def hear(ingest):
    async def heard(*facts: Fact) -> None:
        for fact in facts:
            await ingest.wired.shelves.project(fact, once=ingest.delivery("project_shelves"))

    return heard


@pytest.fixture
def shelf(hear):
    async def made(kind: str, person: Any) -> Facts:
        facts = Facts(kind, person)
        await hear(facts.created())
        return facts

    return made


@pytest.fixture
def document(ingest, words, stand_in):
    """`document(person)`: the id of a ready document of theirs."""

    async def made(person: Any, *, ready: bool = True, **options: Any) -> UUID:
        document_id: UUID = await ingest.put(words(30, seed=random.randrange(10**9)), person=person, **options)
        if ready:
            assert (await ingest.process(document_id, stand_in()))["state"] == "ready"
        return document_id

    return made


@pytest.fixture
def settled(ingest):
    """Row, shares and index say the same of who else than its owner finds the document."""

    async def check(document_id: UUID, *scopes: str) -> None:
        row = await ingest.sql.document(document_id)
        own = f"user:{row['owner_id']}"
        query = "SELECT kind, target_id FROM ingest.document_shares WHERE document_id = %s"
        held = await ingest.sql.rows(query, document_id)
        items = [item[2] for item in await ingest.wired.index.scroll() if item[2]["doc_id"] == str(document_id)]
        due = "SELECT 1 FROM ingest.document_indexes WHERE document_id = %s AND due_at IS NOT NULL"
        assert row["scopes"] == [own, *sorted(scopes)]
        assert {f"{each['kind']}:{each['target_id']}" for each in held} == set(scopes)
        assert {tuple(sorted(item["scopes"])) for item in items} == {tuple(sorted([own, *scopes]))}
        assert {item["version"] for item in items} == {row["version"]}
        assert await ingest.sql.rows(due, document_id) == []

    return check


class Watched(PgVectorAdapter):
    """The real index, with something at its door before each change of scopes."""

    def __init__(self, index: Any, before: Any) -> None:
        self.__dict__ = dict(vars(index))
        self.before = before

    async def update_scopes(self, doc_id, scopes, *, version) -> int:
        await self.before(scopes)
        return await super().update_scopes(doc_id, scopes, version=version)


@pytest.mark.parametrize("kind", KINDS)
async def test_search_follows_before_the_answer_and_nothing_is_embedded_anew(
    client, ingest, person, shelf, document, settled, kind
) -> None:
    facts, document_id = await shelf(kind, person), await document(person)
    chunks = await ingest.sql.chunks(document_id)
    assert await ingest.found_by(facts.scope) == set()
    for _ in range(2):
        began = time.perf_counter()
        put = await client.ask(person, "PUT", facts.path(document_id))
        assert put.status_code == 200
        assert await ingest.found_by(facts.scope) == {document_id}
        assert time.perf_counter() - began < 1
        assert put.json()[f"{kind}_ids"] == [str(facts.shelf_id)]
        await settled(document_id, facts.scope)
    for _ in range(2):
        began = time.perf_counter()
        assert (await client.ask(person, "DELETE", facts.path(document_id))).status_code == 204
        assert await ingest.found_by(facts.scope) == set()
        assert time.perf_counter() - began < 1
        await settled(document_id)

    assert await ingest.sql.chunks(document_id) == chunks
    told = await ingest.sql.events(document_id, DocumentShared)
    own = f"user:{person.user_id}"
    assert [event.scopes for event in told] == [[own, facts.scope], [own]]
    assert told[0].version < told[1].version
    query = "SELECT payload->'data' AS entry FROM ingest.outbox WHERE subject = %s AND payload->'data'->>'target' = %s"
    audited = await ingest.sql.rows(query, AuditRecorded.type, f"document/{document_id}")
    acts = [(each["entry"]["action"], each["entry"]["detail"]) for each in audited]
    where = {"shared_with": f"{kind}/{facts.shelf_id}"}
    assert acts == [("document.shared", where), ("document.unshared", where)]


async def test_its_owner_sees_where_it_is_and_filters_by_it_and_nobody_else_does(
    client, ingest, shelf, document, problem, another
) -> None:
    school = await ingest.open_school()
    teacher = school.teacher
    document_id = await document(teacher, class_id=school.class_id, shared=True)
    other = await document(teacher)
    project, agent = await shelf("project", teacher), await shelf("agent", teacher)
    for facts in (project, agent):
        await client.ask(teacher, "PUT", facts.path(document_id))
    await client.ask(teacher, "PUT", agent.path(other))

    async def listed(person, **query) -> list[str]:
        answer = await client.ask(person, "GET", "/documents", params=query)
        assert answer.status_code == 200, answer.text
        return [item["document_id"] for item in answer.json()["items"]]

    shown = (await client.ask(teacher, "GET", f"/documents/{document_id}")).json()
    assert (shown["project_ids"], shown["agent_ids"]) == ([str(project.shelf_id)], [str(agent.shelf_id)])
    seen = (await client.ask(school.student, "GET", f"/documents/{document_id}")).json()
    assert (seen["project_ids"], seen["agent_ids"], seen["visibility"]) == ([], [], "class")
    assert (await client.ask(teacher, "GET", f"/documents/{other}")).json()["visibility"] == "private"
    assert await listed(teacher, agent_id=agent.shelf_id) == [str(other), str(document_id)]
    assert await listed(teacher, project_id=project.shelf_id) == [str(document_id)]
    assert await listed(teacher, project_id=project.shelf_id, agent_id=agent.shelf_id) == [str(document_id)]
    await client.ask(teacher, "DELETE", agent.path(other))
    assert await listed(teacher, agent_id=agent.shelf_id) == [str(document_id)]
    for query in ({"agent_id": agent.shelf_id}, {"agent_id": uuid4()}):
        problem(await client.ask(another(), "GET", "/documents", params=query), 404, "agent_not_found")
    swapped = {"project_id": agent.shelf_id}
    problem(await client.ask(teacher, "GET", "/documents", params=swapped), 404, "project_not_found")


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("kind", KINDS)
async def test_only_ones_own_documents_and_ones_own_shelves(
    client, ingest, shelf, document, another, problem, kind, method, settled
) -> None:
    school = await ingest.open_school()
    teacher, student = school.teacher, school.student
    own, foreign = await shelf(kind, student), await shelf(kind, teacher)
    shared = await document(teacher, class_id=school.class_id, shared=True)
    hidden, mine = await document(teacher), await document(student)
    gone = Facts(kind, student)

    problem(await client.ask(student, method, own.path(shared)), 403, "not_the_owner")
    for missing in (hidden, uuid4()):
        problem(await client.ask(student, method, own.path(missing)), 404, "document_not_found")
    for nobodys in (foreign, gone):
        problem(await client.ask(student, method, nobodys.path(mine)), 404, f"{kind}_not_found")
    swapped = own.path(mine).replace(f"/{kind}s/", "/agents/" if kind == "project" else "/projects/")
    assert (await client.ask(student, method, swapped)).status_code == 404
    assert (await client.ask(student, method, f"/documents/{mine}/{kind}s/x")).status_code == 422
    await settled(mine)
    await settled(hidden)


@pytest.mark.parametrize("kind", KINDS)
async def test_one_that_is_not_ready_is_found_there_once_it_is(
    client, ingest, person, shelf, document, settled, stand_in, kind
) -> None:
    facts, document_id = await shelf(kind, person), await document(person, ready=False)
    left = await shelf(kind, person)
    for each in (facts, left):
        assert (await client.ask(person, "PUT", each.path(document_id))).status_code == 200
    assert (await client.ask(person, "DELETE", left.path(document_id))).status_code == 204
    assert await ingest.sql.events(document_id, DocumentShared) == []
    await ingest.process(document_id, stand_in())

    await settled(document_id, facts.scope)
    assert await ingest.found_by(left.scope) == set()


@pytest.mark.parametrize("kind", KINDS)
async def test_the_end_of_a_project_or_agent_takes_everything_out_of_it(
    client, ingest, person, shelf, document, settled, hear, problem, kind
) -> None:
    facts, kept = await shelf(kind, person), await shelf(kind, person)
    ids = [await document(person) for _ in range(3)]
    for document_id in ids:
        await client.ask(person, "PUT", facts.path(document_id))
        await client.ask(person, "PUT", kept.path(document_id))
    delivery, end = ingest.delivery("project_shelves"), facts.deleted()
    await ingest.wired.shelves.project(end, once=delivery)
    with pytest.raises(AlreadyHandled):
        await ingest.wired.shelves.project(end, once=delivery)
    await hear(facts.created())

    assert await ingest.found_by(facts.scope) == set()
    for document_id in ids:
        await settled(document_id, kept.scope)
        problem(await client.ask(person, "PUT", facts.path(document_id)), 404, f"{kind}_not_found")


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_the_end_holds_in_whatever_order_the_facts_come(
    client, ingest, person, document, hear, order, problem
) -> None:
    school = await ingest.open_school()
    facts = Facts("agent", person)
    place = Tenant(**school.ids, class_id=school.class_id, user_id=person.user_id)
    told = [facts.created(), facts.shared(place), facts.deleted(version=3), facts.created()]
    await hear(*(told[number] for number in order))

    query = "SELECT is_live, version FROM ingest.shelves WHERE shelf_id = %s"
    assert await ingest.sql.rows(query, facts.shelf_id) == [{"is_live": False, "version": 3}]


@pytest.mark.parametrize("kind", KINDS)
async def test_facts_that_make_it_somebody_elses_are_refused(ingest, person, another, shelf, hear, kind) -> None:
    facts = await shelf(kind, person)
    other = Tenant(user_id=another().user_id)
    for forged in (facts.deleted(tenant=other), facts.created(tenant=other, version=7)):
        with pytest.raises(Invalid) as error:
            await hear(forged)
        assert error.value.code == "shelf_contradicted"
    other_kind = Facts("agent" if kind == "project" else "project", person)
    other_kind.of = dict.fromkeys(other_kind.of, facts.shelf_id)
    with pytest.raises(Invalid):
        await hear(other_kind.deleted())

    query = "SELECT owner_id, kind, is_live FROM ingest.shelves WHERE shelf_id = %s"
    assert await ingest.sql.rows(query, facts.shelf_id) == [{"owner_id": person.user_id, "kind": kind, "is_live": True}]


async def test_an_agents_class_does_not_find_documents_of_another_org(
    client, ingest, document, shelf, hear, settled, problem
) -> None:
    school, other = await ingest.open_school(), await ingest.open_school()
    teacher = school.teacher
    await ingest.tell(other.granted(teacher))
    agent = await shelf("agent", teacher)
    foreign = await document(teacher, class_id=other.class_id)
    own, personal = await document(teacher, class_id=school.class_id), await document(teacher)
    for document_id in (foreign, own, personal):
        assert (await client.ask(teacher, "PUT", agent.path(document_id))).status_code == 200
    place = Tenant(**school.ids, class_id=school.class_id, user_id=teacher.user_id)
    await hear(agent.shared(place))

    await settled(foreign)
    for document_id in (own, personal):
        await settled(document_id, agent.scope)
    assert await ingest.found_by(agent.scope) == {own, personal}
    problem(await client.ask(teacher, "PUT", agent.path(foreign)), 403, "another_orgs_document")
    await hear(agent.shared(Tenant(user_id=teacher.user_id), version=3))
    assert (await client.ask(teacher, "PUT", agent.path(foreign))).status_code == 200
    await settled(foreign, agent.scope)


async def test_a_document_that_is_open_to_as_many_as_one_may_be_is_put_nowhere_else(
    client, person, shelf, document, settled, monkeypatch, problem
) -> None:
    monkeypatch.setattr("ingest.service.scoping.MAX_SCOPES", 3)
    first, second, third = [await shelf(kind, person) for kind in ("project", "agent", "project")]
    document_id = await document(person)
    for each in (first, second, first):
        assert (await client.ask(person, "PUT", each.path(document_id))).status_code == 200
    problem(await client.ask(person, "PUT", third.path(document_id)), 409, "shared_too_widely")
    await settled(document_id, first.scope, second.scope)
    await client.ask(person, "DELETE", first.path(document_id))
    assert (await client.ask(person, "PUT", third.path(document_id))).status_code == 200


@pytest.mark.parametrize("kind", KINDS)
async def test_while_the_index_is_away_the_row_never_shows_less_than_it(
    client, ingest, person, shelf, document, settled, kind
) -> None:
    facts, document_id = await shelf(kind, person), await document(person)

    async def refuse(_scopes) -> None:
        raise Unavailable(INDEX_UNAVAILABLE)

    syncs = ingest.syncs(Watched(ingest.wired.index, refuse))
    away = ShelfService(ingest.wired.database, ingest.wired.sharing, syncs)
    place = (person.principal, document_id, SharedWith(kind), facts.shelf_id)
    with pytest.raises(Unavailable):
        await away.put(*place)
    own = f"user:{person.user_id}"
    assert (await ingest.sql.document(document_id))["scopes"] == [own, facts.scope]
    await ingest.sql.hurry(document_id)
    assert (await client.ask(person, "PUT", facts.path(document_id))).status_code == 200
    await settled(document_id, facts.scope)

    with pytest.raises(Unavailable):
        await away.take_out(*place)
    assert (await ingest.sql.document(document_id))["scopes"] == [own, facts.scope]
    assert await ingest.found_by(facts.scope) == {document_id}
    await ingest.sql.hurry(document_id)
    while await ingest.wired.syncs.sweep():
        pass
    await settled(document_id)


async def test_many_at_once_and_the_end_among_them_leave_nothing_behind(
    client, ingest, person, shelf, document, settled, hear
) -> None:
    document_id = await document(person)
    kept, gone = await shelf("project", person), await shelf("agent", person)
    asks = [client.ask(person, method, each.path(document_id)) for each in (kept, gone) for method in ("PUT",) * 4]
    asks += [client.ask(person, "DELETE", gone.path(document_id)) for _ in range(3)]
    answers = await asyncio.gather(*asks, hear(gone.deleted()))

    assert {answer.status_code for answer in answers if answer is not None} <= {200, 204, 404}
    await settled(document_id, kept.scope)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_deleted_document_is_in_nothing(client, ingest, person, shelf, document, problem, kind) -> None:
    facts, document_id = await shelf(kind, person), await document(person)
    await client.ask(person, "PUT", facts.path(document_id))
    assert (await client.ask(person, "DELETE", f"/documents/{document_id}")).status_code == 200

    assert len(await ingest.sql.events(document_id, DocumentDeleted)) == 1
    problem(await client.ask(person, "PUT", facts.path(document_id)), 404, "document_not_found")
    assert await ingest.sql.rows("SELECT 1 FROM ingest.document_shares WHERE document_id = %s", document_id) == []
    assert await ingest.found_by(facts.scope) == set()


async def test_of_an_erased_user_no_project_comes_back(ingest, person, hear) -> None:
    facts = Facts("project", person)
    await ingest.wired.erasure.erase(person.user_id, once=Delivery("ingest-erase_user", uuid4()))
    await hear(facts.created())

    assert await ingest.sql.rows("SELECT 1 FROM ingest.shelves WHERE shelf_id = %s", facts.shelf_id) == []
