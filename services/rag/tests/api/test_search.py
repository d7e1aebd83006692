"""`POST /search`: the best passages of what the caller may see, and of nothing else."""

import time
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event

from contracts.rag import UsageRecorded
from contracts.usage import Operation, Outcome
from rag.service.permission import Searchable
from retrieval.errors import IndexMismatch
from retrieval.pgvector import PgVectorAdapter

CODE = "초대 코드는 발급한 때부터 72시간 동안 쓸 수 있습니다."
FEE = "강사료는 매월 25일에 지급하며 세금을 뗀 금액입니다."
QUESTION = "초대 코드는 몇 시간 동안 쓸 수 있나요?"
NOWHERE = "postgresql+psycopg://vector_reader:x@127.0.0.1:1/growfit"


def found(answer) -> set[UUID]:
    assert answer.status_code == 200, answer.text
    return {UUID(hit["document_id"]) for hit in answer.json()["hits"]}


async def test_a_hit_names_document_page_and_place(client, library, person) -> None:
    document_id = await library.add(FEE, CODE, scopes=[person.scope], title="운영 안내서.pdf")
    body = (await client.search(person, QUESTION)).json()

    first = body["hits"][0]
    assert (first["document_id"], first["title"], first["text"]) == (str(document_id), "운영 안내서.pdf", CODE)
    assert (first["page_from"], first["page_to"], first["char_start"]) == (2, 2, 100)
    assert first["headings"] == ["제1장 운영", "2절"]
    assert first["char_end"] - first["char_start"] == len(CODE)
    assert first["score"] == pytest.approx(first["cosine"] + 0.11 * first["lexical"], abs=1e-6)
    scores = [hit["score"] for hit in body["hits"]]
    assert scores == sorted(scores, reverse=True)
    assert UUID(body["search_id"])
    assert all("scopes" not in hit for hit in body["hits"])


async def test_who_finds_what(client, library, another) -> None:
    school, other, outsider = await library.open_school(), await library.open_school(), another()
    shared = await library.add(CODE, scopes=[school.teacher.scope, school.scope])
    private = await library.add(CODE, scopes=[school.teacher.scope])
    homework = await library.add(CODE, scopes=[school.student.scope])
    elsewhere = await library.add(CODE, scopes=[other.teacher.scope, other.scope])

    async def finds(person) -> set[UUID]:
        return found(await client.search(person, QUESTION, top_k=50))

    assert await finds(school.teacher) == {shared, private}
    assert await finds(school.student) == {shared, homework}
    assert await finds(school.admin) == {shared}
    assert await finds(other.student) == {elsewhere}
    assert await finds(outsider) == set()


async def test_a_class_only_pays_and_does_not_narrow(client, library, sql) -> None:
    school = await library.open_school()
    own = await library.add(CODE, scopes=[school.student.scope])
    answer = await client.search(school.student, QUESTION, class_id=str(school.class_id))

    assert found(answer) == {own}
    usage = (await sql.usage(f"search/{answer.json()['search_id']}"))["embedding"]
    tenant = {**school.ids, "class_id": school.class_id, "user_id": school.student.user_id}
    assert usage.tenant.model_dump() == tenant


async def test_named_documents_narrow_the_search(client, library, person) -> None:
    one, two, three = [await library.add(CODE, scopes=[person.scope]) for _ in range(3)]

    assert found(await client.search(person, QUESTION)) == {one, two, three}
    assert found(await client.search(person, QUESTION, document_ids=[str(two)])) == {two}
    twice = [str(one), str(two), str(one)]
    assert found(await client.search(person, QUESTION, document_ids=twice)) == {one, two}


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_documents_of_others_are_not_there(client, library, person, another, problem, language) -> None:
    own, foreign = await library.add(CODE, scopes=[person.scope]), await library.add(CODE, scopes=[another().scope])
    gone = await library.add(CODE, scopes=[person.scope])
    await library.admit(library.deleted(gone, person))
    missing = uuid4()

    for bad in (foreign, gone, missing):
        answer = await client.search(person, QUESTION, language, document_ids=[str(own), str(bad)])
        body = problem(answer, 404, "document_not_found")
        assert body["document_ids"] == [str(bad)]
        assert ("찾을 수 없습니다" in body["detail"]) == (language == "ko")


async def test_classes_of_others_and_closed_ones_are_not_there(client, library, person, problem) -> None:
    school = await library.open_school()
    for who, class_id in ((person, school.class_id), (school.student, uuid4())):
        answer = await client.search(who, QUESTION, class_id=str(class_id))
        problem(answer, 404, "class_not_found")
    await library.tell(school.closed())
    problem(await client.search(school.student, QUESTION, class_id=str(school.class_id)), 404, "class_not_found")


@pytest.mark.parametrize("extra", [{"scopes": ["user:x"]}, {"filters": {}}, {"user_id": "x"}, {"tenant": {}}])
async def test_a_caller_cannot_name_scopes(client, person, problem, extra) -> None:
    body = problem(await client.search(person, QUESTION, **extra), 422, "validation_failed")

    assert [error["type"] for error in body["errors"]] == ["extra_forbidden"]


def test_the_filter_of_a_search_is_made_of_the_proof_alone() -> None:
    document_id = uuid4()
    everything = Searchable(tenant=None, scopes=("user:a", "class:b"))
    narrowed = Searchable(tenant=None, scopes=("user:a",), document_ids=(document_id,))

    assert everything.filters() == {"scopes": {"any": ["user:a", "class:b"]}}
    assert narrowed.filters() == {"scopes": {"any": ["user:a"]}, "doc_id": {"any": [str(document_id)]}}


@pytest.mark.parametrize(
    "body",
    [
        {"query": ""},
        {"query": "   \n\t"},
        {"query": "가" * 2001},
        {"query": None},
        {"query": QUESTION, "top_k": 0},
        {"query": QUESTION, "top_k": 51},
        {"query": QUESTION, "document_ids": ["x"]},
        {"query": QUESTION, "document_ids": [str(UUID(int=7))] * 101},
        {"query": QUESTION, "class_id": "x"},
        {},
    ],
    ids=[
        *("empty", "blank", "long", "null", "none wanted", "too many wanted"),
        *("no id", "too many ids", "no class id", "nothing"),
    ],
)
async def test_wrong_queries(client, person, problem, body) -> None:
    problem(await client.ask(person, "POST", "/search", json=body), 422, "validation_failed")


@pytest.mark.parametrize(
    "query", ["널\x00문자", "🎓", "?!", "\u200b", "SELECT 1; --", "가" * 2000, "How long is the code valid?"]
)
async def test_odd_queries(client, library, person, query) -> None:
    document_id = await library.add(CODE, scopes=[person.scope])

    assert found(await client.search(person, query)) == {document_id}


async def test_a_search_is_booked_with_what_its_question_cost(client, person, sql) -> None:
    body = (await client.search(person, QUESTION)).json()

    usage = (await sql.usage(f"search/{body['search_id']}"))["embedding"]
    assert body["hits"] == []
    assert (usage.operation, usage.outcome, usage.output_tokens) == (Operation.EMBEDDING, Outcome.COMPLETED, 0)
    assert (usage.provider, usage.model) == ("growfit-embedder", "multilingual-e5-small")
    assert 5 < usage.input_tokens < 60
    assert usage.tenant.model_dump(exclude_none=True) == {"user_id": person.user_id}


async def test_a_search_takes_two_transactions_and_three_statements(library) -> None:
    """Whose rows there are, what may be searched; and, beside the index, what the question cost."""
    school = await library.open_school()
    document_id = await library.add(CODE, scopes=[school.student.scope])
    engine, seen = library.wired.database._engine.sync_engine, []

    def note(_connection, _cursor, statement, *_) -> None:
        seen.append(statement.split()[0])

    def begin(_connection) -> None:
        seen.append("BEGIN")

    await library.wired.reads.rule()  # which the searches of a second share
    event.listen(engine, "before_cursor_execute", note)
    event.listen(engine, "begin", begin)
    try:
        found = await library.wired.search.search(
            school.student.user_id, QUESTION, top_k=5, class_id=school.class_id, document_ids=[]
        )
    finally:
        event.remove(engine, "before_cursor_execute", note)
        event.remove(engine, "begin", begin)

    assert [UUID(hit.doc_id) for hit in found.hits] == [document_id]
    assert seen == ["BEGIN", "SELECT", "SELECT", "BEGIN", "INSERT"]


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_an_index_that_is_down_is_booked_all_the_same(door, person, sql, problem, language) -> None:
    async with door(vector_database_url=NOWHERE) as client:
        client.app.state.wired.readers.own.store._database._pool.timeout = 0.3
        answer = await client.search(person, QUESTION, language)
        ready = await client.http.get("/ready")

    assert (ready.status_code, len(ready.json()["problems"])) == (503, 1)
    body = problem(answer, 503, "search_unavailable")
    assert ("검색을 잠시" in body["detail"]) == (language == "ko")
    assert answer.headers["retry-after"]
    (usage,) = await sql.events(UsageRecorded, tenant__user_id=person.user_id)
    assert usage.input_tokens > 5


async def test_an_embedder_that_is_down_books_nothing(door, person, sql, problem) -> None:
    async with door(embedding_base_url="http://127.0.0.1:1/v1") as client:
        answer = await client.search(person, QUESTION)

    problem(answer, 503, "search_unavailable")
    assert await sql.events(UsageRecorded, tenant__user_id=person.user_id) == []


async def test_for_an_embedder_that_failed_often_the_answer_comes_at_once(door, person, problem) -> None:
    async with door(embedding_base_url="http://127.0.0.1:1/v1") as client:
        for _ in range(2):
            problem(await client.search(person, QUESTION), 503, "search_unavailable")
        started = time.monotonic()
        answer = await client.search(person, QUESTION)
        took = time.monotonic() - started

    problem(answer, 503, "search_unavailable")
    assert took < 0.4, "a second try alone would wait for half a second"
    assert 2 < int(answer.headers["retry-after"]) <= 5


@pytest.mark.parametrize("path", ["/search", "/conversations", f"/conversations/{UUID(int=7)}/messages"])
async def test_without_a_token(client, problem, path) -> None:
    problem(await client.http.post(path, json={}), 401, "token_missing")


async def test_the_doors_of_operation(client) -> None:
    ready, metrics = await client.http.get("/ready"), await client.http.get("/metrics")

    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert 'route="/search",service="rag",status="200"' in metrics.text


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_an_index_of_another_model_is_the_operators_matter(
    client, person, problem, monkeypatch, language
) -> None:
    async def refuse(*_, **__):
        raise IndexMismatch("the index holds another model")

    monkeypatch.setattr(PgVectorAdapter, "query", refuse)
    body = problem(await client.search(person, QUESTION, language), 503, "search_misconfigured")
    assert ("운영자" in body["detail"]) == (language == "ko")
