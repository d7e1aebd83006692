"""What rag keeps of where to read: the highest version holds, and nothing forged."""

from itertools import permutations
from typing import Any
from uuid import uuid4

import pytest
from pydantic import ValidationError

from chassis.clock import now
from chassis.database import Database
from chassis.delivery import AlreadyHandled, Delivery
from chassis.errors import Invalid
from contracts.envelope import wrap
from contracts.ingest import ReadIndex, VectorReadSwitched
from rag.events import vector_reads as vector_read_events
from rag.models import PLUMBING
from rag.service import vector_reads
from rag.service.vector_reads import VectorReadService

OWN = ReadIndex(index="pgvector:own:8", backend="pgvector", model="own", dimension=8)
QDRANT = {"index": "qdrant:own:8", "backend": "qdrant", "model": "own", "dimension": 8}


def switched(version: int, backend: str = "qdrant", **changes: Any) -> VectorReadSwitched:
    default = {"index": f"{backend}:own:8", "backend": backend, "model": "own", "dimension": 8}
    return VectorReadSwitched(**default | changes, switch_id=uuid4(), version=version, switched_at=now())


@pytest.fixture
async def rows(database, sql):
    """Of no rule yet."""
    await sql.rows("DELETE FROM rag.vector_reads")
    opened = Database(database.url("rag"), PLUMBING, pool_size=2)
    yield opened
    await opened.close()


@pytest.fixture
def process(rows):
    """`process()`: the view of one more process, which reads at each question."""

    def made(refresh_seconds: float = 0.0) -> VectorReadService:
        return VectorReadService(rows, own=OWN, refresh_seconds=refresh_seconds)

    return made


async def tell(service: VectorReadService, *events: VectorReadSwitched) -> None:
    for event in events:
        await service.project(event, once=Delivery("rag-follow_vector_reads", uuid4()))


async def test_until_somebody_says_otherwise_the_index_of_the_settings_is_read(process) -> None:
    rule = await process().rule()
    assert (rule.default, rule.routes, rule.shadows) == (OWN, (), ())


async def test_every_process_reads_what_one_was_told(process) -> None:
    worker, door = process(), process()
    assert (await door.rule()).default == OWN
    org_id = uuid4()
    await tell(
        worker, switched(1, routes=[QDRANT | {"org_ids": [org_id], "share": 3}], shadows=[QDRANT | {"share": 5}])
    )

    rule = await door.rule()
    assert rule.default.index == "qdrant:own:8"
    assert [(route.index, route.org_ids, route.share) for route in rule.routes] == [("qdrant:own:8", [org_id], 3)]
    assert [(shadow.index, shadow.share) for shadow in rule.shadows] == [("qdrant:own:8", 5)]


async def test_a_copy_is_at_most_a_second_old(process, monkeypatch) -> None:
    assert vector_reads.REFRESH_SECONDS <= 1.0
    clock = [100.0]
    monkeypatch.setattr(vector_reads.time, "monotonic", lambda: clock[0])
    door = process(vector_reads.REFRESH_SECONDS)
    assert (await door.rule()).default == OWN
    await tell(process(), switched(1))
    clock[0] += vector_reads.REFRESH_SECONDS * 0.9
    assert (await door.rule()).default == OWN
    clock[0] += vector_reads.REFRESH_SECONDS * 0.2
    assert (await door.rule()).default.backend == "qdrant"


async def test_the_highest_version_holds_in_every_order(process, sql) -> None:
    for order in permutations([switched(1, "a"), switched(2, "b"), switched(3, "c")]):
        await sql.rows("DELETE FROM rag.vector_reads")
        await tell(process(), *order, *order)
        assert (await process().rule()).default.backend == "c"


async def test_a_delivery_counts_once(process) -> None:
    event, delivery = switched(1), Delivery("rag-follow_vector_reads", uuid4())
    await process().project(event, once=delivery)
    with pytest.raises(AlreadyHandled):
        await process().project(event, once=delivery)


async def test_a_rollback_is_a_higher_version(process) -> None:
    await tell(process(), switched(1), switched(2, "pgvector"))
    assert (await process().rule()).default == OWN


@pytest.mark.parametrize(
    "changes",
    [
        {"index": "qdrant:other:8"},
        {"index": "pgvector:own:8"},
        {"index": ""},
        {"dimension": 9},
        {"dimension": 0, "index": "qdrant:own:0"},
        {"dimension": -1, "index": "qdrant:own:-1"},
        {"model": "o\x00n", "index": "qdrant:o\x00n:8"},
        {"routes": [QDRANT | {"model": "other"}]},
        {"shadows": [QDRANT | {"backend": "other", "share": 5}]},
    ],
)
async def test_what_contradicts_itself_is_refused(process, changes) -> None:
    with pytest.raises(Invalid) as error:
        await tell(process(), switched(1, **changes))
    assert error.value.code == "vector_reads_contradicted"
    assert (await process().rule()).default == OWN


@pytest.mark.parametrize("version", [0, -1, 2**63, 10**30])
async def test_versions_that_are_none_are_refused(process, version) -> None:
    with pytest.raises(Invalid):
        await tell(process(), switched(version))
    assert (await process().rule()).default == OWN


@pytest.mark.parametrize("share", [-1, 101, "all"])
async def test_a_share_that_is_none_is_no_event(share) -> None:
    with pytest.raises(ValidationError):
        switched(1, routes=[QDRANT | {"share": share}])


async def test_a_version_that_is_told_otherwise_changes_nothing(process) -> None:
    first = switched(5)
    await tell(process(), first)
    for other in (switched(5, "pgvector"), first.model_copy(update={"routes": [], "backend": "x", "index": "x:own:8"})):
        with pytest.raises(Invalid):
            await tell(process(), other)
    assert (await process().rule()).default.backend == "qdrant"


async def test_a_message_reaches_the_service(wired, rows, sql) -> None:
    taken = {}

    class Door:
        def subscriber(self, handler, *, give_up=None):
            taken[handler.__name__] = handler

    vector_read_events.register(Door(), wired)
    event = wrap(switched(7), event_id=uuid4(), time=now())
    await taken["follow_vector_reads"](event, Delivery("rag-follow_vector_reads", event.id))
    assert await sql.rows("SELECT version FROM rag.vector_reads") == [{"version": 7}]
    await sql.rows("DELETE FROM rag.vector_reads")
