"""ingest's message door: processing documents, knowing who is in which class, sweeping up what stands still."""

import asyncio
import logging

from prometheus_client import CollectorRegistry

from chassis.errors import Unavailable
from chassis.worker import Worker
from ingest.config import Settings
from ingest.events import documents, tenancy
from ingest.factory import Wired, wire
from retrieval.errors import StoreUnavailable

log = logging.getLogger(__name__)

_SWEEP_SECONDS = 60.0


def create_worker(settings: Settings | None = None, *, registry: CollectorRegistry | None = None) -> Worker:
    settings = settings or Settings()
    wired = wire(settings)
    worker = Worker(
        service="ingest", settings=settings, database=wired.database, registry=registry or CollectorRegistry()
    )
    documents.register(worker, wired)
    tenancy.register(worker, wired)
    worker.background(lambda: _tend(wired))
    return worker


async def _tend(wired: Wired) -> None:
    """Open the vector index, make it if this is a new installation, then sweep until the door closes."""
    await wired.index.open()
    try:
        await _make_index(wired)
        while True:
            try:
                await wired.deletion.sweep()
            except Unavailable as error:
                log.warning("the sweep is put off: %s", error)
            await asyncio.sleep(_SWEEP_SECONDS)
    except asyncio.CancelledError:
        # Now alone: after an error this starts again, and an index that is closed cannot be opened again.
        await wired.index.close()
        raise


async def _make_index(wired: Wired) -> None:
    while True:
        try:
            await wired.index.ensure_index()
        except StoreUnavailable:
            await asyncio.sleep(1)
        else:
            return
