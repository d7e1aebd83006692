"""rag's message door: knowing the documents there are, who is in which class, and which answers were abandoned."""

import asyncio
import logging

from prometheus_client import CollectorRegistry

from chassis.errors import Unavailable
from chassis.worker import Worker
from rag.config import Settings
from rag.events import documents, erasure, tenancy, vector_reads
from rag.factory import Wired, wire
from rag.models import ACCESS

log = logging.getLogger(__name__)

_SWEEP_SECONDS = 60.0


def create_worker(settings: Settings | None = None, *, registry: CollectorRegistry | None = None) -> Worker:
    settings = settings or Settings()
    wired = wire(settings)
    worker = Worker(
        service="rag",
        settings=settings,
        database=wired.database,
        registry=registry or CollectorRegistry(),
        follows=ACCESS.platform,
    )
    for handlers in (documents, tenancy, erasure, vector_reads):
        handlers.register(worker, wired)
    worker.background(lambda: _sweep(wired))
    return worker


async def _sweep(wired: Wired) -> None:
    while True:
        try:
            await wired.answers.sweep()
        except Unavailable as error:
            log.warning("the sweep is put off: %s", error)
        await asyncio.sleep(_SWEEP_SECONDS)
