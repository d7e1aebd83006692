"""At the HTTP door, over two indexes in PostgreSQL: what ingest's events say acts there without a restart."""

import json
from uuid import UUID, uuid4

import pytest

from chassis.clock import now
from chassis.delivery import Delivery
from contracts.ingest import VectorReadSwitched
from retrieval.models import EmbeddingModel, get_model
from retrieval.pgvector import PgVectorAdapter
from retrieval.qdrant import QdrantAdapter
from retrieval.terms import KiwiTerms

CODE = "초대 코드는 발급한 때부터 72시간 동안 쓸 수 있습니다."
QUESTION = "초대 코드는 몇 시간 동안 쓸 수 있나요?"
TINY = {"dimension": 8, "lexical_weight": 0.2, "max_tokens": 100, "api_key": "tiny key", "provider": "tests"}
OWN = {"index": "pgvector:multilingual-e5-small:384", "model": "multilingual-e5-small", "dimension": 384}
OTHER = {"index": "pgvector:tiny-8:8", "backend": "pgvector", "model": "tiny-8", "dimension": 8}
GONE = {"index": "pgvector:tiny-16:16", "backend": "pgvector", "model": "tiny-16", "dimension": 16}


@pytest.fixture(scope="module")
async def other(database):
    model = EmbeddingModel(name="tiny-8", dimension=8, lexical_weight=0.2, max_tokens=100)
    async with PgVectorAdapter(database.url("vector_writer"), model=model, analyser=KiwiTerms()) as index:
        await index.ensure_index()
        yield index


@pytest.fixture(scope="module")
async def two(door, embedding_server, index, other):
    served = TINY | {"base_url": embedding_server[1]}
    models = {"tiny-8": served, "tiny-16": served | {"dimension": 16}}
    async with door(embedding_models=json.dumps(models)) as client:
        yield client


@pytest.fixture
def tell(library, sql):
    """A process of its own hears the event; the door finds it in the database."""

    async def told(default=OWN, **rule) -> None:
        (highest,) = await sql.rows("SELECT coalesce(max(version), 0) AS version FROM rag.vector_reads")
        facts = {"backend": "pgvector"} | default | rule
        event = VectorReadSwitched(**facts, switch_id=uuid4(), version=highest["version"] + 1, switched_at=now())
        await library.wired.vector_reads.project(event, once=Delivery("rag-follow_vector_reads", uuid4()))

    return told


@pytest.fixture
def settled(two):
    """The door's copy of the rule, at most a second old, is old."""

    def forget() -> None:
        two.app.state.wired.vector_reads._read_at = float("-inf")

    return forget


async def add(other, tiny, library, person, *, text: str = CODE) -> UUID:
    """A document of the other index alone."""
    document_id = uuid4()
    where = {"page_from": 1, "page_to": 1, "char_start": 0, "char_end": len(text), "title": "새 색인"}
    metadata = {"doc_id": str(document_id), "scopes": [person.scope], "text": text, **where}
    await other.upsert_embeddings([(str(uuid4()), tiny.vector("tiny-8", text), metadata)])
    await library.admit(library.embedded(document_id, scopes=[person.scope], title="새 색인"))
    return document_id


def found(answer) -> set[UUID]:
    assert answer.status_code == 200, answer.text
    return {UUID(hit["document_id"]) for hit in answer.json()["hits"]}


async def test_searches_and_answers_read_the_index_that_they_are_routed_to(
    two, library, other, tiny, person, another, tell, settled, sql, provider
) -> None:
    stranger = another()
    before = await library.add(CODE, scopes=[person.scope])
    after = await add(other, tiny, library, person)
    await add(other, tiny, library, stranger)
    await tell()
    settled()
    assert found(await two.search(person, QUESTION)) == {before}

    await tell(OTHER)
    settled()
    answer = await two.search(person, QUESTION)
    assert found(answer) == {after}
    usage = (await sql.usage(f"search/{answer.json()['search_id']}"))["embedding"]
    assert (usage.provider, usage.model, usage.input_tokens) == ("tests", "tiny-8", 3)
    assert tiny.asked[-1] == ("tiny-8", "Bearer tiny key")

    events = await two.answer(person, await two.open(person))
    (citation,) = [data for name, data in events if name == "citation"]
    assert citation["document_id"] == str(after)
    message_id = events[0][1]["message_id"]
    usage = (await sql.usage(f"message/{message_id}"))["embedding"]
    assert (usage.provider, usage.model) == ("tests", "tiny-8")
    assert (await sql.message(message_id))["embeddings"] == [{"provider": "tests", "model": "tiny-8", "tokens": 3}]

    # Its documents are as closed to others as those of the index before.
    assert str(after) not in (await two.search(stranger, QUESTION)).text
    await tell()
    settled()
    assert found(await two.search(person, QUESTION)) == {before}


async def test_the_door_s_own_copy_follows_by_itself(two, library, other, tiny, person, tell) -> None:
    after = await add(other, tiny, library, person)
    await tell()
    assert await two.search(person, QUESTION)
    await tell(OTHER)
    # Without a restart, and without anybody telling this door; how soon is `REFRESH_SECONDS`.
    for _ in range(2_000):
        if found(await two.search(person, QUESTION)) == {after}:
            break
    else:
        pytest.fail("the door never read the other index")


async def test_an_index_that_is_not_there_is_answered_by_the_default_and_counted(
    two, library, person, tell, settled
) -> None:
    before = await library.add(CODE, scopes=[person.scope])
    await tell(routes=[GONE | {"share": 100}])
    settled()
    assert found(await two.search(person, QUESTION)) == {before}
    metrics = (await two.http.get("/metrics")).text
    assert f'growfit_search_fallbacks_total{{index="{GONE["index"]}",instead="{OWN["index"]}"}} 1.0' in metrics
    assert (await two.http.get("/ready")).status_code == 200


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_a_default_that_is_not_there_is_said_and_is_no_empty_answer(
    two, person, tell, settled, problem, language
) -> None:
    await tell(GONE)
    settled()
    answer = await two.search(person, QUESTION, language)
    problem(answer, 503, "search_unavailable")
    assert answer.headers["retry-after"]
    await tell(OTHER | {"index": "elsewhere:tiny-8:8", "backend": "elsewhere"})
    settled()
    problem(await two.search(person, QUESTION, language), 503, "search_misconfigured")
    assert (await two.http.get("/ready")).status_code == 503
    await tell()
    settled()
    assert (await two.http.get("/ready")).status_code == 200


async def test_searches_move_to_qdrant_and_back(door, database, qdrant_server, index, library, person, tell) -> None:
    """And while it is away, what ingest still writes in PostgreSQL answers."""
    if qdrant_server.control is None:
        pytest.skip("the server of QDRANT_URL may hold somebody's index of this name")
    model = get_model("multilingual-e5-small")
    before = await library.add(CODE, scopes=[person.scope])
    options = {"model": model, "analyser": KiwiTerms(), "api_key": qdrant_server.api_key}
    async with QdrantAdapter(qdrant_server.url, **options) as moved:
        await moved.ensure_index()
        await moved.upsert_embeddings([item for item in await index.scroll() if item[2]["doc_id"] == str(before)])
    target = {"index": f"qdrant:{model.name}:384", "backend": "qdrant", "model": model.name, "dimension": 384}

    async with door(qdrant_url=qdrant_server.url, qdrant_api_key=qdrant_server.api_key) as client:
        for rule in ({"default": target}, {"default": OWN}, {"default": OWN, "routes": [target | {"share": 100}]}):
            await tell(**rule)
            client.app.state.wired.vector_reads._read_at = float("-inf")
            answer = await client.ask(person, "POST", "/search?explain=true", json={"query": QUESTION})
            assert found(answer) == {before}
            expected = (rule.get("routes") or [rule["default"]])[0]["index"]
            assert answer.json()["explain"]["index"] == expected
    async with door(qdrant_url="http://127.0.0.1:1") as client:
        answer = await client.ask(person, "POST", "/search?explain=true", json={"query": QUESTION})
        assert found(answer) == {before}
        assert answer.json()["explain"]["index"] == OWN["index"]
    await tell(OWN)
    async with QdrantAdapter(qdrant_server.url, **options) as moved:
        await moved.drop_index()
