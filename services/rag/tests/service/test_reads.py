"""One search over several indexes: routed, answered by the default when one is away, and compared behind its back."""

import asyncio
import itertools
import json
import logging
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client import CollectorRegistry

from chassis.clock import now
from chassis.database import Database
from chassis.delivery import Delivery
from chassis.errors import Unavailable
from contracts.ingest import ReadIndex, VectorReadSwitched
from contracts.org_partner import MembershipGranted, MembershipRevoked, Role
from contracts.rag import ShadowSearchesCompared, UsageRecorded
from rag.models import PLUMBING
from rag.service import reads as reads_module
from rag.service.ranking import Ranker
from rag.service.readers import Readers
from rag.service.reads import Reads
from rag.service.search import SearchService
from rag.service.shadows import Shadows
from rag.service.vector_reads import VectorReadService
from retrieval.bigrams import BigramTerms
from retrieval.configured import Endpoint, ServedModels, parse_models
from retrieval.errors import StoreUnavailable
from retrieval.memory import MemoryAdapter

QUESTION = "초대 코드는 몇 시간 동안 쓸 수 있나요?"


class Shaky(MemoryAdapter):
    """`away`: it raises this. `hangs`: it answers nobody. `asked`: how often it was asked."""

    away: Exception | None = None
    hangs = False
    asked = 0

    async def query(self, *arguments: Any, **options: Any) -> Any:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.away is not None:
            raise self.away
        return await super().query(*arguments, **options)


def index(backend: str, model: str = "tiny-8") -> dict[str, Any]:
    dimension = int(model.removeprefix("tiny-"))
    return {"index": f"{backend}:{model}:{dimension}", "backend": backend, "model": model, "dimension": dimension}


class World:
    """Indexes in memory behind rag's own reading: `a` and `b` with one model, `c` with another."""

    def __init__(self, rows: Database, url: str, embedder: Any) -> None:
        more = {
            "dimension": 16,
            "lexical_weight": 0.1,
            "max_tokens": 99,
            "base_url": url,
            "api_key": "k",
            "provider": "p",
        }
        both = {"tiny-8": {"dimension": 8, "lexical_weight": 0.1, "max_tokens": 99}, "tiny-16": more}
        models = ServedModels("tiny-8", Endpoint(url, "own", ""), configured=parse_models(json.dumps(both)))
        self.embedder = embedder
        self.stores = {
            name: Shaky(model=models.get(model)[0], analyser=BigramTerms())
            for name, model in (("a", "tiny-8"), ("b", "tiny-8"), ("c", "tiny-16"))
        }
        made = {name: lambda _, store=store: store for name, store in self.stores.items()}
        self.registry = CollectorRegistry()
        self.readers = Readers(ReadIndex(**index("a")), models=models, stores=made)
        self.rules = VectorReadService(rows, own=ReadIndex(**index("a")), refresh_seconds=0.0)
        self.draws = itertools.cycle([0])
        self.shadows = Shadows(
            rows, self.readers, registry=self.registry, seconds=0.3, draw_number=lambda: next(self.draws)
        )
        self.reads = Reads(self.rules, self.readers, self.shadows, registry=self.registry)
        self.service = SearchService(rows, self.reads, Ranker())
        self.versions = itertools.count(1)

    async def tell(self, default: dict[str, Any], **rule: Any) -> None:
        event = VectorReadSwitched(**default, **rule, switch_id=uuid4(), version=next(self.versions), switched_at=now())
        await self.rules.project(event, once=Delivery("rag-follow_vector_reads", uuid4()))

    async def add(self, name: str, person: Any, *texts: str, ids: list[UUID] | None = None) -> list[str]:
        """A document in this index, whose chunks have these ids."""
        store, doc_id = self.stores[name], str(uuid4())
        keys = [str(key) for key in ids or [uuid4() for _ in texts]]
        items = [
            (
                key,
                self.embedder.vector(store.model.name, text),
                {"doc_id": doc_id, "ordinal": n, "scopes": [person.scope], "text": text, "title": name},
            )
            for n, (key, text) in enumerate(zip(keys, texts, strict=True))
        ]
        await store.upsert_embeddings(items)
        return keys

    async def search(self, person: Any, *, top_k: int = 5) -> list[str]:
        found = await self.service.search(person.user_id, QUESTION, top_k=top_k, class_id=None, document_ids=[])
        return [hit.metadata["title"] for hit in found.hits]

    async def compared(self) -> None:
        """The shadows that run have ended, and what they found is published."""
        while self.shadows._running:
            await asyncio.wait(set(self.shadows._running))
        await self.shadows.publish()

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
async def world(database, sql, embedding_server, tiny):
    await sql.rows("DELETE FROM rag.vector_reads")
    rows = Database(database.url("rag"), PLUMBING, pool_size=8)
    made = World(rows, embedding_server[1], tiny)
    yield made
    await made.shadows.close()
    await made.readers.close()
    await rows.close()


@pytest.fixture
def reports(sql):
    async def told(name: str) -> list[ShadowSearchesCompared]:
        return await sql.events(ShadowSearchesCompared, index=index(name, MODELS[name])["index"])

    return told


MODELS = {"a": "tiny-8", "b": "tiny-8", "c": "tiny-16"}


@pytest.fixture(autouse=True)
async def no_reports(sql) -> None:
    await sql.rows("DELETE FROM rag.outbox WHERE subject = %s", ShadowSearchesCompared.type)


async def test_the_rule_moves_searches_and_their_usage(world, person, sql) -> None:
    await world.add("a", person, "하나")
    await world.add("c", person, "둘")
    assert await world.search(person) == ["a"]
    await world.tell(index("c", "tiny-16"))
    assert await world.search(person) == ["c"]
    await world.tell(index("a"))
    assert await world.search(person) == ["a"]

    usage = await sql.events(UsageRecorded, tenant__user_id=person.user_id)
    assert [(each.provider, each.model, each.input_tokens) for each in usage] == [
        ("own", "tiny-8", 3),
        ("p", "tiny-16", 3),
        ("own", "tiny-8", 3),
    ]
    assert world.embedder.asked[1] == ("tiny-16", "Bearer k")


async def test_an_org_s_route_takes_whoever_has_a_part_in_it(world, library, another) -> None:
    """Also without a class; a member of two orgs by either; and opens nothing: everybody's own documents alone."""
    school, other = await library.open_school(), await library.open_school()
    of_both, outsider, left = another(), another(), another()
    of_both_org = {"org_id": other.org_id, "user_id": of_both.user_id, "role": Role.ORG_ADMIN, "membership_id": uuid4()}
    await library.tell(MembershipGranted(**of_both_org, version=1, granted_at=now()))
    here = {"org_id": school.org_id, "user_id": of_both.user_id, "role": Role.INSTRUCTOR, "membership_id": uuid4()}
    await library.tell(MembershipGranted(**here, partner_id=uuid4(), version=1, granted_at=now()))
    gone = {**school.ids, "user_id": left.user_id, "membership_id": uuid4()}
    await library.tell(MembershipGranted(**gone, role=Role.INSTRUCTOR, version=1, granted_at=now()))
    await library.tell(MembershipRevoked(**gone, role=Role.INSTRUCTOR, version=2, revoked_at=now()))
    people = [school.teacher, school.student, school.admin, other.student, of_both, outsider, left]
    for person in people:
        await world.add("a", person, "하나")
        await world.add("b", person, "둘")
    await world.tell(index("a"), routes=[index("b") | {"org_ids": [str(school.org_id)]}])

    assert [await world.search(person) for person in people] == [["b"], ["b"], ["b"], ["a"], ["b"], ["a"], ["a"]]


@pytest.mark.parametrize(("share", "answered"), [(0, "a"), (100, "b")])
async def test_a_share_of_users(world, another, share, answered) -> None:
    await world.tell(index("a"), routes=[index("b") | {"share": share}])
    for person in [another() for _ in range(5)]:
        await world.add("a", person, "하나")
        await world.add("b", person, "둘")
        assert await world.search(person) == [answered]


async def test_the_default_answers_for_a_routed_index_that_is_away(world, person, sql) -> None:
    await world.add("a", person, "하나")
    await world.add("b", person, "둘")
    await world.tell(index("a"), routes=[index("b") | {"share": 100}])
    assert await world.search(person) == ["b"]
    world.stores["b"].away = StoreUnavailable("down")
    assert [await world.search(person) for _ in range(3)] == [["a"]] * 3

    # Nobody waits for it again at once, and embedding the question was paid once a search.
    assert world.stores["b"].asked == 2
    assert len(await sql.events(UsageRecorded, tenant__user_id=person.user_id)) == 4
    names = {"index": "b:tiny-8:8", "instead": "a:tiny-8:8"}
    assert world.count("growfit_search_fallbacks_total", **names) == 3
    world.stores["b"].away = None
    world.reads._rests_until.clear()
    assert await world.search(person) == ["b"]


async def test_the_default_answers_for_a_routed_index_that_hangs(world, person, monkeypatch) -> None:
    monkeypatch.setattr(reads_module, "PATIENCE_SECONDS", 0.05)
    await world.add("a", person, "하나")
    await world.tell(index("a"), routes=[index("b") | {"share": 100}])
    world.stores["b"].hangs = True
    assert await world.search(person) == ["a"]


async def test_the_default_answers_when_the_routed_index_s_model_is_away(world, person, monkeypatch) -> None:
    await world.add("a", person, "하나")
    await world.tell(index("a"), routes=[index("c", "tiny-16") | {"share": 100}])
    reader = await world.readers.get(ReadIndex(**index("c", "tiny-16")))
    monkeypatch.setattr(reader.embeddings._provider._trying, "stop", lambda _: True)
    world.embedder.down.add("tiny-16")
    assert await world.search(person) == ["a"]


async def test_a_default_that_is_away_is_no_empty_answer(world, person) -> None:
    """Not even if an index of before could still be asked: nobody says that it is written."""
    await world.add("b", person, "둘")
    await world.tell(index("b"))
    world.stores["b"].away = StoreUnavailable("down")
    with pytest.raises(Unavailable) as error:
        await world.search(person)
    assert (error.value.code, error.value.headers) == ("search_unavailable", {"Retry-After": "2"})
    assert world.stores["a"].asked == 0

    await world.tell(index("b"), routes=[index("a") | {"share": 100}])
    world.stores["a"].away = StoreUnavailable("down")
    with pytest.raises(Unavailable):
        await world.search(person)


@pytest.mark.parametrize("route", [index("unheard-of"), index("a", "tiny-32"), index("c", "tiny-8")])
async def test_a_route_that_this_process_cannot_read_is_the_default_with_an_error_in_the_log(
    world, person, caplog, route
) -> None:
    """Its backend, its model, its dimension."""
    if route["backend"] == "c":
        route = route | {"index": "c:tiny-8:9", "dimension": 9}
    await world.add("a", person, "하나")
    await world.tell(index("a"), routes=[route | {"share": 100}])
    with caplog.at_level(logging.ERROR):
        assert [await world.search(person) for _ in range(3)] == [["a"]] * 3
    (said,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert route["index"] in said
    names = {"index": route["index"], "instead": "a:tiny-8:8"}
    assert world.count("growfit_search_fallbacks_total", **names) == 3


async def test_a_default_that_this_process_cannot_read_is_the_operator_s_matter(world, person) -> None:
    await world.add("a", person, "하나")
    await world.tell(index("unheard-of"))
    with pytest.raises(Unavailable) as error:
        await world.search(person)
    assert error.value.code == "search_misconfigured"
    with pytest.raises(Exception, match="unheard-of"):
        await world.reads.ping()


async def test_a_shadow_is_compared_and_reported_once(world, person, reports, sql) -> None:
    texts = [f"글 {n}" for n in range(12)]
    ids = await world.add("a", person, *texts)
    await world.add("b", person, *texts, ids=[UUID(key) for key in ids])
    await world.tell(index("a"), shadows=[index("b") | {"share": 100}])
    for _ in range(3):
        assert await world.search(person, top_k=5) == ["a"] * 5
        await asyncio.gather(*world.shadows._running)
    await world.compared()
    await world.compared()

    (report,) = await reports("b")
    assert (report.against, report.searches, report.failures) == ("a:tiny-8:8", 3, 0)
    assert (report.overlap, report.worst) == (1.0, 1.0)
    assert report.milliseconds > 0 < report.against_milliseconds
    assert report.since <= report.until
    # Of one model: the question was embedded, and booked, for the answer alone.
    assert len(await sql.events(UsageRecorded, tenant__user_id=person.user_id)) == 3
    assert world.count("growfit_shadow_searches_total", index="b:tiny-8:8", outcome="compared") == 3


async def test_what_a_shadow_misses_is_seen_beyond_the_hits_asked_for(world, person, reports) -> None:
    texts = [f"글 {n}" for n in range(10)]
    ids = await world.add("a", person, *texts)
    await world.add("b", person, *texts[:5], ids=[UUID(key) for key in ids[:5]])
    await world.tell(index("a"), shadows=[index("b") | {"share": 100}])
    assert len(await world.search(person, top_k=1)) == 1
    await world.compared()
    assert [(each.overlap, each.worst) for each in await reports("b")] == [(0.5, 0.5)]


async def test_a_shadow_of_another_model_is_booked_for_the_same_search(world, person, sql, reports) -> None:
    ids = await world.add("a", person, "하나")
    await world.add("c", person, "하나", ids=[UUID(key) for key in ids])
    await world.tell(index("a"), shadows=[index("c", "tiny-16") | {"share": 100}])
    await world.search(person)
    await world.compared()

    usage = await sql.events(UsageRecorded, tenant__user_id=person.user_id)
    assert {(each.provider, each.model, each.input_tokens) for each in usage} == {
        ("own", "tiny-8", 3),
        ("p", "tiny-16", 3),
    }
    assert len({each.reference for each in usage}) == 1
    assert [each.overlap for each in await reports("c")] == [1.0]


@pytest.mark.parametrize(("drawn", "asked"), [(4, 1), (5, 0), (99, 0)])
async def test_a_share_of_searches_is_compared(world, person, reports, drawn, asked) -> None:
    world.draws = itertools.cycle([drawn])
    await world.tell(index("a"), shadows=[index("b") | {"share": 5}])
    await world.search(person)
    await world.compared()
    assert (world.stores["b"].asked, len(await reports("b"))) == (asked, asked)


async def test_nothing_is_reported_when_nothing_was_compared(world, person, reports) -> None:
    """A shadow of share 0; and the index that answered is no shadow of its own."""
    await world.tell(index("a"), shadows=[index("b") | {"share": 0}, index("a") | {"share": 100}])
    await world.search(person)
    await world.compared()
    assert [await reports(name) for name in "ab"] == [[], []]


@pytest.mark.parametrize("defect", [StoreUnavailable("down"), KeyError("a defect"), None])
async def test_a_shadow_that_fails_or_hangs_is_the_shadow_s_alone(world, person, reports, defect) -> None:
    await world.add("a", person, "하나")
    await world.tell(index("a"), shadows=[index("b") | {"share": 100}])
    world.stores["b"].away, world.stores["b"].hangs = defect, defect is None
    # The answer is there while the shadow hangs: it is not waited for.
    assert await world.search(person) == ["a"]
    await world.compared()

    (report,) = await reports("b")
    assert (report.searches, report.failures, report.overlap) == (0, 1, 0.0)


async def test_shadows_are_four_at_once_and_the_rest_is_dropped(world, person, reports) -> None:
    await world.add("a", person, "하나")
    await world.tell(index("a"), shadows=[index("b") | {"share": 100}])
    world.stores["b"].hangs = True
    world.shadows._seconds = 30.0
    for _ in range(10):
        assert await world.search(person) == ["a"]
    assert world.stores["b"].asked == len(world.shadows._running) == 4
    assert world.count("growfit_shadow_searches_total", index="b:tiny-8:8", outcome="dropped") == 6

    # The service closes without them, and what was not compared is not reported.
    await world.shadows.close()
    assert not world.shadows._running
    assert await reports("b") == []


async def test_reports_wait_for_a_database_that_is_away(world, person, reports, outage) -> None:
    await world.tell(index("a"), shadows=[index("b") | {"share": 100}])
    await world.search(person)
    while world.shadows._running:
        await asyncio.wait(set(world.shadows._running))
    with outage(), pytest.raises(Unavailable):
        await world.shadows.publish()
    await world.search(person)
    await world.compared()
    assert [each.searches for each in await reports("b")] == [2]


async def test_a_switch_fails_no_search_and_each_is_answered_by_one_index(world, person) -> None:
    names = ("a", "b", "c")
    for name in names:
        await world.add(name, person, *(f"{name} {n}" for n in range(5)))
    done = asyncio.Event()

    async def switch() -> None:
        for name in itertools.cycle(names):
            if done.is_set():
                break
            other = names[names.index(name) - 1]
            routes = [index(other, MODELS[other]) | {"share": 50}]
            await world.tell(index(name, MODELS[name]), routes=routes, shadows=[index("b") | {"share": 100}])

    switching = asyncio.create_task(switch())
    people = asyncio.Semaphore(16)

    async def one() -> list[str]:
        async with people:
            return await world.search(person)

    answers = await asyncio.gather(*(one() for _ in range(200)), return_exceptions=True)
    done.set()
    await switching
    assert [each for each in answers if isinstance(each, BaseException)] == []
    assert {len(each) for each in answers} == {5}
    assert all(len(set(each)) == 1 for each in answers)
    assert {each[0] for each in answers} == set(names)
