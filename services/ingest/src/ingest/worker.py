"""ingest's message door: processing, sharing and erasing documents, knowing who is in which class, sweeping up."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from prometheus_client import CollectorRegistry

from chassis.errors import Unavailable
from chassis.worker import Worker
from ingest.config import Settings
from ingest.events import documents, erasure, shadow_searches, sharing, shelves, tenancy
from ingest.factory import Wired, wire
from ingest.models import ACCESS
from retrieval.errors import StoreUnavailable

log = logging.getLogger(__name__)

_SWEEP_SECONDS = 60.0
_LOOK_SECONDS = 1.0
_TIDY_SECONDS = 3600.0


def create_worker(settings: Settings | None = None, *, registry: CollectorRegistry | None = None) -> Worker:
    settings = settings or Settings()
    wired = wire(settings)
    worker = Worker(
        service="ingest",
        settings=settings,
        database=wired.database,
        registry=registry or CollectorRegistry(),
        follows=ACCESS.platform,
        open_=[wired.indexes.open],
        close=[wired.indexes.close, *(each.close for each in wired.embeddings)],
    )
    for handlers in (documents, tenancy, sharing, shelves, erasure, shadow_searches):
        handlers.register(worker, wired)
    worker.background(lambda: _process(wired))
    worker.background(lambda: _repeat(wired.deletion.sweep, every=_SWEEP_SECONDS))
    for sweep in (wired.queue.sweep, wired.uploads.sweep, wired.resumable.sweep):
        worker.background(partial(_repeat, sweep, every=_SWEEP_SECONDS))
    for tidying in (wired.deletion.forget_old, wired.migration_work.tidy):
        worker.background(partial(_repeat, tidying, every=_TIDY_SECONDS))
    worker.background(lambda: _while_there_is(wired.syncs.sweep))
    worker.background(lambda: _repeat(wired.migration_work.backfill, every=_LOOK_SECONDS))
    worker.background(lambda: _while_there_is(wired.migration_work.check))
    worker.background(lambda: _while_there_is(wired.migration_work.retire))
    return worker


async def _process(wired: Wired) -> None:
    """Make the vector index if this is a new installation, then work until the door closes."""
    await _make_index(wired)
    await wired.queue.run()


async def _make_index(wired: Wired) -> None:
    while True:
        try:
            await wired.indexes.ensure(wired.database)
        except (StoreUnavailable, Unavailable):
            await asyncio.sleep(1)
        else:
            return


async def _while_there_is(work: Callable[[], Awaitable[bool]]) -> None:
    """`work` says whether there was something to do; then it is done again without a pause."""
    while True:
        try:
            was_something = await work()
        except Unavailable as error:
            log.warning("work is put off: %s", error)
            was_something = False
        if not was_something:
            await asyncio.sleep(_LOOK_SECONDS)


async def _repeat(sweep: Callable[[], Awaitable[object]], *, every: float) -> None:
    while True:
        try:
            await sweep()
        except Unavailable as error:
            log.warning("a sweep is put off: %s", error)
        await asyncio.sleep(every)
