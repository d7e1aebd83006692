"""ingest's message door: processing, sharing and erasing documents, knowing who is in which class, sweeping up."""

import asyncio
import logging

from prometheus_client import CollectorRegistry

from chassis.errors import Unavailable
from chassis.worker import Worker
from ingest.config import Settings
from ingest.events import documents, erasure, sharing, tenancy
from ingest.factory import Wired, wire
from ingest.models import ACCESS
from retrieval.errors import StoreUnavailable

log = logging.getLogger(__name__)

_SWEEP_SECONDS = 60.0


def create_worker(settings: Settings | None = None, *, registry: CollectorRegistry | None = None) -> Worker:
    settings = settings or Settings()
    wired = wire(settings)
    worker = Worker(
        service="ingest",
        settings=settings,
        database=wired.database,
        registry=registry or CollectorRegistry(),
        follows=ACCESS.platform,
        open_=[wired.index.open],
        close=[wired.index.close, wired.embeddings.close],
    )
    for handlers in (documents, tenancy, sharing, erasure):
        handlers.register(worker, wired)
    worker.background(lambda: _tend(wired))
    return worker


async def _tend(wired: Wired) -> None:
    """Make the vector index if this is a new installation, then sweep until the door closes."""
    await _make_index(wired)
    while True:
        try:
            await wired.deletion.sweep()
            await wired.sharing.sweep()
            await wired.uploads.sweep()
            await wired.resumable.sweep()
        except Unavailable as error:
            log.warning("the sweep is put off: %s", error)
        await asyncio.sleep(_SWEEP_SECONDS)


async def _make_index(wired: Wired) -> None:
    while True:
        try:
            await wired.index.ensure_index()
        except StoreUnavailable:
            await asyncio.sleep(1)
        else:
            return
