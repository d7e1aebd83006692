"""Facts of documents that contradict what rag knows: refused, and nothing changes."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis.clock import now
from chassis.delivery import Delivery
from chassis.errors import GrowFitError, Invalid, Unavailable
from contracts.ingest import ChunksEmbedded, DocumentDeleted, DocumentShared
from contracts.org_partner import ClassOpened, MembershipGranted, Role
from contracts.tenancy import Tenant
from tenancy.contradictions import TRIES

type Fact = ChunksEmbedded | DocumentShared | DocumentDeleted


@pytest.fixture
def known(sql):
    async def row(document_id: UUID) -> dict[str, Any] | None:
        query = "SELECT owner_id, org_id, title, scopes, is_live, version FROM rag.documents WHERE document_id = %s"
        found = await sql.rows(query, document_id)
        return found[0] if found else None

    return row


@pytest.fixture
def refused(library):
    async def refusal(fact: Fact, *, attempt: int = 1) -> GrowFitError:
        delivery = Delivery("rag-admit_document", uuid4(), attempt=attempt)
        with pytest.raises(GrowFitError) as error:
            await library.wired.documents.project(fact, once=delivery)
        return error.value

    return refusal


@pytest.fixture
async def case(library):
    """A document of a class, admitted; and another school, which would like to have it."""
    school, other = await library.open_school(), await library.open_school()
    place = school.place(school.teacher)
    event = library.embedded(uuid4(), scopes=[school.teacher.scope, school.scope], title="교재", place=place)
    await library.admit(event)
    return school, other, event


def wrong_tenants(right: Tenant, other) -> list[Tenant]:
    changes = [
        {**other.ids, "class_id": other.class_id},
        {**other.ids, "class_id": other.class_id, "user_id": other.teacher.user_id},
        {"org_id": other.org_id},
        {"user_id": other.teacher.user_id},
        {"org_id": None, "partner_id": None, "class_id": None},
    ]
    return [right.model_copy(update=change) for change in changes]


async def test_a_document_does_not_go_to_another_tenant(library, known, refused, case) -> None:
    _school, other, event = case
    before = await known(event.document_id)
    for place in wrong_tenants(event.tenant, other):
        scopes = [f"user:{place.user_id}"]
        for fact in (
            library.embedded(event.document_id, scopes=scopes, place=place, version=5),
            library.shared(event, *scopes, tenant=place, version=5),
            library.deleted(event.document_id, place, version=5),
            # Also what is too old to change anything.
            library.deleted(event.document_id, place, version=0),
        ):
            error = await refused(fact)
            assert (type(error), error.code, error.retryable) == (Invalid, "document_contradicted", False)

    assert await known(event.document_id) == before


async def test_a_personal_document_does_not_become_an_orgs(library, known, refused, case, person) -> None:
    _, other, _ = case
    event = library.embedded(uuid4(), scopes=[person.scope])
    await library.admit(event)
    before = await known(event.document_id)
    for place in (other.place(person), Tenant(org_id=other.org_id, user_id=person.user_id)):
        fact = library.embedded(event.document_id, scopes=[person.scope, other.scope], place=place, version=2)
        assert isinstance(await refused(fact), Invalid)

    assert await known(event.document_id) == before
    assert before is not None
    assert before["org_id"] is None


async def test_a_new_document_of_a_class_is_of_the_class_s_own_org(library, known, refused, case) -> None:
    school, other, _ = case
    right = school.place(school.teacher)
    places = [
        right.model_copy(update=change)
        for change in ({"org_id": other.org_id}, {"partner_id": uuid4()}, other.ids, {"org_id": None})
    ]
    for place in places:
        fact = library.embedded(uuid4(), scopes=[school.teacher.scope], place=place)
        assert isinstance(await refused(fact), Invalid)
        assert await known(fact.document_id) is None


async def test_nobody_else_s_scope_and_no_other_kind_of_it(library, known, refused, case, another) -> None:
    school, _other, event = case
    before = await known(event.document_id)
    wrong = [another().scope, school.student.scope, "project:1", "user:", "class:x", f"CLASS:{school.class_id}", ""]
    for scope in wrong:
        for fact in (
            library.shared(event, school.teacher.scope, scope),
            library.embedded(uuid4(), scopes=[school.teacher.scope, scope], place=event.tenant),
        ):
            assert isinstance(await refused(fact), Invalid), scope

    assert await known(event.document_id) == before


async def test_an_orgs_document_is_open_to_its_own_classes_alone(library, known, refused, case) -> None:
    school, other, event = case
    before = await known(event.document_id)
    for fact in (
        library.shared(event, school.teacher.scope, school.scope, other.scope),
        library.embedded(uuid4(), scopes=[school.teacher.scope, other.scope], place=event.tenant),
    ):
        assert isinstance(await refused(fact), Invalid)

    assert await known(event.document_id) == before


async def test_a_personal_document_is_open_to_classes_where_its_owner_teaches(
    library, known, refused, case, person
) -> None:
    """The role is told through another durable, and perhaps after the document."""
    school, other, _ = case
    event = library.embedded(uuid4(), scopes=[person.scope])
    await library.admit(event)
    shared = library.shared(event, person.scope, school.scope)
    for attempt in range(1, TRIES):
        assert isinstance(await refused(shared, attempt=attempt), Unavailable)
    assert isinstance(await refused(shared, attempt=TRIES), Invalid)

    facts = {"membership_id": uuid4(), "user_id": person.user_id, "version": 1, "granted_at": now()}
    await library.tell(MembershipGranted(**school.ids, **facts, role=Role.ASSISTANT))
    await library.admit(shared)
    assert (await known(event.document_id))["scopes"] == [person.scope, school.scope]
    elsewhere = library.shared(event, person.scope, other.scope, version=3)
    assert isinstance(await refused(elsewhere, attempt=TRIES), Invalid)


async def test_a_class_that_is_not_known_yet_may_be_anybodys(library, known, person) -> None:
    class_id, event = uuid4(), library.embedded(uuid4(), scopes=[person.scope])
    await library.admit(event, library.shared(event, person.scope, f"class:{class_id}"))

    assert (await known(event.document_id))["scopes"] == [person.scope, f"class:{class_id}"]


async def test_the_same_partner_in_another_org_is_no_way_in(library, known, refused, case) -> None:
    """A class stays in its org, so an event that has its partner right and its org wrong is forged."""
    school, _other, event = case
    before = await known(event.document_id)
    forged = event.tenant.model_copy(update={"org_id": uuid4()})
    fact = library.embedded(uuid4(), scopes=[school.teacher.scope, school.scope], place=forged)

    assert isinstance(await refused(fact), Invalid)
    assert await known(event.document_id) == before
    assert await known(fact.document_id) is None


async def test_a_document_from_before_orgs_were_kept_is_told_its_org_by_the_next_event(
    library, known, refused, case, sql
) -> None:
    school, _other, event = case
    untold = "UPDATE rag.documents SET org_id = '00000000-0000-0000-0000-000000000000' WHERE document_id = %s"
    await sql.rows(untold, event.document_id)
    stranger = event.tenant.model_copy(update={"user_id": uuid4()})
    assert isinstance(await refused(library.deleted(event.document_id, stranger)), Invalid)
    await library.admit(library.shared(event, school.teacher.scope))

    assert (await known(event.document_id))["org_id"] == school.org_id


async def test_a_class_is_not_taken_to_another_org(library, case, sql) -> None:
    school, other, _ = case
    facts = {"class_id": school.class_id, "course_id": uuid4(), "name": "가로챈 반", "opened_at": now()}
    with pytest.raises(Invalid, match="tenant_contradicted"):
        await library.tell(ClassOpened(**other.ids, **facts, version=9))

    query = "SELECT org_id, version FROM rag.classes WHERE class_id = %s"
    assert await sql.rows(query, school.class_id) == [{"org_id": school.org_id, "version": 1}]


@pytest.fixture
def shelf(library):
    """`shelf(person, "agent")`: the scope of a project or an agent of theirs."""

    async def made(person, kind: str) -> str:
        if kind == "project":
            project = await library.wired.projects.create(person.user_id, name="논문")
            return f"project:{project.project_id}"
        texts = {"name": "도우미", "description": "", "instructions": ""}
        agent = await library.wired.agents.create(person.principal, class_id=None, **texts)
        return f"agent:{agent.agent_id}"

    return made


@pytest.mark.parametrize("kind", ["project", "agent"])
async def test_a_document_is_only_in_its_owners_projects_and_agents(
    library, known, refused, person, another, shelf, kind
) -> None:
    own, foreign = await shelf(person, kind), await shelf(another(), kind)
    event = library.embedded(uuid4(), scopes=[person.scope, own])
    await library.admit(event)
    before = await known(event.document_id)
    assert before is not None
    assert before["scopes"] == [person.scope, own]
    for scopes in ([person.scope, foreign], [person.scope, own, foreign]):
        error = await refused(library.shared(event, *scopes, version=2))
        assert (type(error), error.code) == (Invalid, "document_contradicted")
        assert isinstance(await refused(library.embedded(uuid4(), scopes=scopes)), Invalid)

    assert await known(event.document_id) == before


@pytest.mark.parametrize("kind", ["project", "agent"])
async def test_one_that_is_gone_is_not_believed_and_stops_nothing(library, known, person, shelf, kind) -> None:
    kept, gone = await shelf(person, kind), await shelf(person, kind)
    delete = library.wired.projects.delete if kind == "project" else library.wired.agents.delete
    await delete(person.principal, UUID(gone.split(":")[1]))
    event = library.embedded(uuid4(), scopes=[person.scope, gone, kept, f"{kind}:{uuid4()}"])
    await library.admit(event)

    row = await known(event.document_id)
    assert row is not None
    assert row["scopes"] == [person.scope, kept]


@pytest.mark.parametrize("scope", ["project:", "agent:x", "agent:*", "shelf:0198c0de-0000-7000-8000-0000000000c1"])
async def test_a_scope_of_no_known_kind_is_refused(library, refused, person, scope) -> None:
    assert isinstance(await refused(library.embedded(uuid4(), scopes=[person.scope, scope])), Invalid)
