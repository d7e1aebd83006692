"""The worker's own queue: the documents that wait stand in the database, and whoever has a slot takes the next one.

Not the bus: a stream is read in the order of writing, and there one tenant's thousand documents stand before everybody
else's. The announcement of a document only wakes the slots; what nobody was woken for is found by looking.
"""

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta

from chassis import tenant
from chassis.database import Database
from chassis.errors import NotFound, Unavailable
from contracts.ingest import DocumentUploaded
from ingest.crud import documents, queue
from ingest.errors import DOCUMENT_NOT_FOUND
from ingest.service.processing import ProcessingService
from ingest.service.uploads import tenant_of

log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_FORGOTTEN = timedelta(days=1)


class QueueService:
    """`slots`: documents worked on at once. Of several, one takes small documents alone, so that large ones, however
    many, never hold up all.
    """

    def __init__(self, database: Database, processing: ProcessingService, *, slots: int) -> None:
        self._database = database
        self._processing = processing
        self._slots = slots
        self._woken = asyncio.Condition()

    async def admit(self, event: DocumentUploaded) -> None:
        """Row and announcement were written together, so one without the other, or of another tenant, is forged.

        Raises:
            NotFound: there is no such document, or the event says that it is somebody else's.
            Unavailable: the database.
        """
        async with self._database.transaction(tenant.of_tenant(event.tenant)) as session:
            document = await documents.get(session, event.document_id)
        if document is None or tenant_of(document) != event.tenant:
            raise NotFound(DOCUMENT_NOT_FOUND)
        async with self._woken:
            self._woken.notify_all()

    async def run(self) -> None:
        """Until it is cancelled; then the documents at hand are left to others."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._slots):
                group.create_task(self._slot(small_alone=number == 0 and self._slots > 1))

    async def sweep(self) -> None:
        """Whose last turn was long ago has waited as long as who never had one. Raises Unavailable."""
        async with self._database.transaction(tenant.PLATFORM) as session:
            await queue.delete_old_turns(session, older_than=_FORGOTTEN)

    async def _slot(self, *, small_alone: bool) -> None:
        while True:
            try:
                worked = await self._processing.process_next(small_alone=small_alone)
            except Unavailable as error:
                log.warning("the queue cannot be read: %s", error)
                worked = False
            if not worked:
                await self._rest()

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_SECONDS), self._woken:
                await self._woken.wait()
