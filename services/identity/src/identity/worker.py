"""identity's message door: it publishes, consumes nothing, and deletes what is long over."""

import asyncio
import logging

from prometheus_client import CollectorRegistry

from chassis.errors import Unavailable
from chassis.worker import TIDY_SECONDS, Worker
from identity.config import Settings
from identity.factory import Wired, wire

log = logging.getLogger(__name__)


def create_worker(settings: Settings | None = None, *, registry: CollectorRegistry | None = None) -> Worker:
    settings = settings or Settings()
    wired = wire(settings)
    worker = Worker(
        service="identity", settings=settings, database=wired.database, registry=registry or CollectorRegistry()
    )
    worker.background(lambda: _tidy(wired))
    worker.background(wired.mails.run)
    return worker


async def _tidy(wired: Wired) -> None:
    while True:
        try:
            await wired.tidy.run()
        except Unavailable as error:
            log.warning("what is long over was not all deleted: %s", error)
        await asyncio.sleep(TIDY_SECONDS)
