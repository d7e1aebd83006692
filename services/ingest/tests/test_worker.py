"""The message door: what it does beside its subscribers."""

import asyncio

import pytest

from chassis import worker as door
from chassis.errors import Unavailable
from contracts.envelope import wrap
from contracts.streams import consumers_of
from ingest import worker
from ingest.errors import STORAGE_UNAVAILABLE
from ingest.events import documents as document_events
from ingest.events import tenancy as tenancy_events
from ingest.factory import wire
from retrieval.errors import StoreError


@pytest.fixture
async def other(settings):
    wired = wire(settings)
    await wired.index.open()
    yield wired
    await wired.index.close()
    await wired.embeddings[0].close()
    await wired.database.close()


async def test_the_door_binds_every_durable_of_the_service(settings) -> None:
    made = worker.create_worker(settings)

    handled = {consumer.handler for consumer in consumers_of("ingest")} - {"bury_exhausted"}
    assert {subscription.consumer.handler for subscription in made._subscriptions.values()} == handled
    await made.database.close()


class Door:
    """Takes the handlers as `chassis.worker.Worker` does."""

    def __init__(self) -> None:
        self.handlers = {}

    def subscriber(self, handler):
        self.handlers[handler.__name__] = handler
        return handler


async def test_messages_reach_their_services(ingest, now_event) -> None:
    taken = Door()
    tenancy_events.register(taken, ingest.wired)
    school = await ingest.open_school()
    await taken.handlers["project_tenancy"](now_event(school.closed()), ingest.delivery())
    (row,) = await ingest.sql.rows("SELECT is_open FROM ingest.classes WHERE class_id = %s", school.class_id)
    assert row == {"is_open": False}


async def test_an_announcement_wakes_the_queue(ingest, person, words, now_event) -> None:
    taken = Door()
    document_events.register(taken, ingest.wired)
    document_id = await ingest.put(words(30), person=person)
    resting = asyncio.create_task(ingest.wired.queue._rest())
    await asyncio.sleep(0)
    await taken.handlers["process_document"](now_event(await ingest.sql.announced(document_id)), ingest.delivery())

    async with asyncio.timeout(0.5):
        await resting


@pytest.fixture
def now_event(ingest):
    from chassis.clock import now  # noqa: PLC0415
    from chassis.ids import new_id  # noqa: PLC0415

    return lambda event: wrap(event, event_id=new_id(), time=now())


async def test_a_sweep_survives_whatever_happens_to_it(other) -> None:
    swept = asyncio.Event()
    failures = [RuntimeError("a defect"), StoreError("refused"), Unavailable(STORAGE_UNAVAILABLE)]

    async def sweep() -> None:
        if failures:
            raise failures.pop(0)
        swept.set()

    task = asyncio.create_task(door._forever(lambda: worker._repeat(sweep, every=0.01)))
    await asyncio.wait_for(swept.wait(), 20)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_index_is_made_by_the_first_worker_that_can(other, settings, sql) -> None:
    await other.index.drop_index()
    await worker._make_index(other)

    (row,) = await sql.rows("SELECT to_regclass('vector.growfit_docs_multilingual_e5_small_384') AS made")
    assert row["made"]
