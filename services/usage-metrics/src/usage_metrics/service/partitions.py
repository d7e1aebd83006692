"""Keeps the monthly partitions of ledger and audit log ahead of the calendar."""

import asyncio
import logging

from chassis import tenant
from chassis.database import Database
from chassis.errors import Unavailable
from usage_metrics.crud import partitions

log = logging.getLogger(__name__)

EVERY_SECONDS = 3600.0
AGAIN_SECONDS = 60.0


class PartitionService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def make_missing(self) -> int:
        async with self._database.transaction(tenant.PLATFORM) as session:
            return await partitions.add_missing(session)

    async def keep(self) -> None:
        """Until cancelled. Late or failing is harmless: a month without its own partition uses the default one."""
        while True:
            try:
                made = await self.make_missing()
            except Unavailable as error:
                log.warning("the next partitions are put off: %s", error)
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            if made:
                log.info("made %s monthly partitions", made)
            await asyncio.sleep(EVERY_SECONDS)
