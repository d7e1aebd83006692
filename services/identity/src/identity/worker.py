"""identity's message door: who is what, who is invited; what others erased; signing keys that get old; tidying up."""

import asyncio
import logging
from dataclasses import astuple
from datetime import timedelta

from prometheus_client import CollectorRegistry

from chassis.errors import Unavailable
from chassis.worker import TIDY_SECONDS, Worker
from identity.config import Settings
from identity.events import erasures, invitations, tenancy
from identity.factory import Wired, wire

log = logging.getLogger(__name__)

# How often somebody looks whether the signing key is too old.
_KEY_CHECK_SECONDS = 60.0


def create_worker(settings: Settings | None = None, *, registry: CollectorRegistry | None = None) -> Worker:
    settings = settings or Settings()
    wired = wire(settings)
    worker = Worker(
        service="identity", settings=settings, database=wired.database, registry=registry or CollectorRegistry()
    )
    tenancy.register(worker, wired)
    invitations.register(worker, wired)
    erasures.register(worker, wired)
    worker.background(lambda: _tidy(wired))
    worker.background(lambda: _rotate_keys(wired))
    worker.background(wired.mails.run)
    return worker


async def _tidy(wired: Wired) -> None:
    while True:
        try:
            await wired.tidy.run()
        except Unavailable as error:
            log.warning("what is long over was not all deleted: %s", error)
        await asyncio.sleep(TIDY_SECONDS)


async def _rotate_keys(wired: Wired) -> None:
    while True:
        try:
            days = await wired.access.platform.value("security.signing_key_days")
            made = await wired.keys.rotate_when_older(timedelta(days=days))
            if made:
                log.info("key %s signs from %s on; the older ones verify until %s", *astuple(made))
        except Unavailable as error:
            log.warning("whether the signing key is too old is not known: %s", error)
        await asyncio.sleep(_KEY_CHECK_SECONDS)
