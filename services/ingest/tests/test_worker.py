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
    await wired.embeddings.close()
    await wired.database.close()


async def test_the_door_binds_every_durable_of_the_service(settings) -> None:
    made = worker.create_worker(settings)

    handled = {consumer.handler for consumer in consumers_of("ingest")} - {"bury_exhausted"}
    assert {subscription.consumer.handler for subscription in made._subscriptions.values()} == handled
    (processing,) = [s for s in made._subscriptions.values() if s.consumer.handler == "process_document"]
    assert processing.give_up is not None
    await made.database.close()


class Door:
    """Takes the handlers as `chassis.worker.Worker` does."""

    def __init__(self) -> None:
        self.handlers, self.give_up = {}, {}

    def subscriber(self, handler, *, give_up=None):
        self.handlers[handler.__name__], self.give_up[handler.__name__] = handler, give_up
        return handler


async def test_messages_reach_their_services(ingest, person, words, stand_in, now_event) -> None:
    taken = Door()
    document_events.register(taken, ingest.wired)
    tenancy_events.register(taken, ingest.wired)
    school = await ingest.open_school()
    await taken.handlers["project_tenancy"](now_event(school.closed()), ingest.delivery())
    (row,) = await ingest.sql.rows("SELECT is_open FROM ingest.classes WHERE class_id = %s", school.class_id)
    assert row == {"is_open": False}

    document_id = await ingest.put(words(30), person=person)
    (event,) = await ingest.sql.events(document_id, document_events.DocumentUploaded)
    with pytest.raises(Unavailable):
        await taken.handlers["process_document"](now_event(event), ingest.delivery())
    await taken.give_up["process_document"](now_event(event), "unavailable")
    assert (await ingest.sql.document(document_id))["state"] == "failed"


@pytest.fixture
def now_event(ingest):
    from chassis.clock import now  # noqa: PLC0415
    from chassis.ids import new_id  # noqa: PLC0415

    return lambda event: wrap(event, event_id=new_id(), time=now())


async def test_the_sweep_survives_whatever_happens_to_it(other, monkeypatch) -> None:
    """A sweep that fails once must not leave the worker without its index for ever."""
    monkeypatch.setattr(worker, "_SWEEP_SECONDS", 0.01)
    swept = asyncio.Event()
    failures = [RuntimeError("a defect"), StoreError("refused"), Unavailable(STORAGE_UNAVAILABLE)]

    async def sweep() -> None:
        if failures:
            raise failures.pop(0)
        swept.set()

    monkeypatch.setattr(other.deletion, "sweep", sweep)
    task = asyncio.create_task(door._forever(lambda: worker._tend(other)))
    await asyncio.wait_for(swept.wait(), 20)

    assert await other.index.count() == 0
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_index_is_made_by_the_first_worker_that_can(other, settings, sql) -> None:
    await sql.rows("DROP TABLE IF EXISTS vector.growfit_docs_multilingual_e5_small_384")
    task = asyncio.create_task(worker._tend(other))
    for _ in range(200):
        (row,) = await sql.rows("SELECT to_regclass('vector.growfit_docs_multilingual_e5_small_384') AS made")
        if row["made"]:
            break
        await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert row["made"]
