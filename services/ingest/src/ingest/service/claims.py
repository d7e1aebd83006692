"""Whose a document is while it is worked on.

A worker claims a document and names its claim in every write. A claim lives by signs of life: that of a worker that
died is free for another one after a quarter of a minute. One that was taken away, by a deletion, a cancellation or a
worker that believed this one dead, ends the work within a second or two.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from chassis import tenant
from chassis.clock import now
from chassis.database import Database
from chassis.errors import Unavailable
from chassis.tenant import Context
from ingest.crud import documents, queue
from ingest.models import Document, State
from ingest.service.recipes import Recipe, RecipeBook
from ingest.service.uploads import tenant_of

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=15)
MAX_CLAIMS = 5
# Something that is away is asked for again after 1, 2, 4, … seconds, at least every minute, for a day.
LONGEST_PAUSE = timedelta(minutes=1)
LONGEST_WAIT = timedelta(days=1)
_LOOK_SECONDS = 1.0
_FASTER_SECONDS = 0.01
# Looks from one sign of life to the next.
_SIGNS_OF_LIFE = 3


class LostClaim(Exception):
    """Another worker has the document now, or it is cancelled or deleted: nothing more may be written for it."""


@dataclass(frozen=True)
class Claim:
    claim_id: UUID
    document: Document
    recipe: Recipe
    lost: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def context(self) -> Context:
        return tenant.of_tenant(tenant_of(self.document))

    @property
    def document_id(self) -> UUID:
        return self.document.document_id

    @property
    def is_exhausted(self) -> bool:
        """Nobody released the earlier claims: the file ended their workers. What is published has only to be told."""
        return self.document.attempts > MAX_CLAIMS and self.document.live_revision != self.document.revision

    def check(self) -> None:
        if self.lost.is_set():
            raise LostClaim

    async def while_held[T](self, work: Coroutine[Any, Any, T]) -> T:
        """Cancels the work when the claim is lost. For what costs nothing to break off. Raises LostClaim."""
        task, lost = asyncio.create_task(work), asyncio.create_task(self.lost.wait())
        try:
            await asyncio.wait({task, lost}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise LostClaim
            return await task
        finally:
            task.cancel()
            lost.cancel()
            await asyncio.gather(task, lost, return_exceptions=True)


class ClaimService:
    def __init__(self, database: Database, book: RecipeBook) -> None:
        self._database = database
        self._book = book

    async def take_next(self, *, small_alone: bool) -> Claim | None:
        """The document whose turn it is. None: nothing waits. Raises Unavailable."""
        while True:
            async with self._database.transaction(tenant.PLATFORM) as session:
                document_id = await queue.next_waiting(session, small_alone=small_alone)
            if document_id is None:
                return None
            if (claim := await self.take(document_id)) is not None:
                return claim
            # Another slot was faster, and will have written its claim when this one has looked away for a moment.
            await asyncio.sleep(_FASTER_SECONDS)

    async def take(self, document_id: UUID) -> Claim | None:
        """None: it is not waiting, or somebody has it. Raises Unavailable."""
        claim_id = uuid4()
        async with self._database.transaction(tenant.PLATFORM) as session:
            document = await queue.get_free(session, document_id)
            if document is None:
                return None
            await queue.take_turn(session, document)
            document.claim_id = claim_id
            document.claimed_until = await queue.from_now(session, LEASE)
            document.attempts += 1
            document.updated_at = now()
            recipe = await self._book.current(session)
        return Claim(claim_id, document, recipe)

    @asynccontextmanager
    async def held(self, claim: Claim) -> AsyncIterator[None]:
        """Gives signs of life, and sets `claim.lost` when the claim is gone."""
        watching = asyncio.create_task(self._watch(claim))
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _watch(self, claim: Claim) -> None:
        looks = 0
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            looks += 1
            # A database that is away takes no claim away: it is asked again.
            with suppress(Unavailable):
                async with self._database.transaction(claim.context) as session:
                    if not await queue.is_held(session, claim.document_id, claim.claim_id):
                        claim.lost.set()
                        return
                    if looks % _SIGNS_OF_LIFE == 0:
                        await queue.extend(session, claim.document_id, claim.claim_id, by=LEASE)

    async def note(self, claim: Claim, **values: Any) -> None:
        """Raises LostClaim, Unavailable."""
        async with self._database.transaction(claim.context) as session:
            if not await queue.update_claimed(session, claim.document_id, claim.claim_id, **values):
                raise LostClaim

    async def put_off(self, claim: Claim, *, waits_for: str, at_least: timedelta = timedelta(seconds=1)) -> bool:
        """Let it wait for something that is away. A claim that ended in order is no sign of a file that ends workers,
        so it does not count. False: it has waited for a day, and shall wait no longer.
        """
        async with self._database.transaction(claim.context) as session:
            document = await documents.get_for_update(session, claim.document_id)
            if document is None or document.claim_id != claim.claim_id:
                return True
            moment = await queue.from_now(session, timedelta())
            since = document.waits_since or moment
            if moment - since > LONGEST_WAIT and document.live_revision != document.revision:
                return False
            # As long again as it has waited so far.
            pause = min(max(moment - since, at_least), LONGEST_PAUSE)
            document.waits_for, document.waits_since, document.waits_until = waits_for, since, moment + pause
            document.attempts -= 1
            document.claim_id = document.claimed_until = None
            document.updated_at = now()
        return True

    async def release(self, claim: Claim, *, counts: bool) -> None:
        """Let somebody else go on with it at once; after an unexpected failure, which counts, a little later."""
        with suppress(Unavailable):
            async with self._database.transaction(claim.context) as session:
                pause = min(timedelta(seconds=2 ** min(claim.document.attempts, 10)), LONGEST_PAUSE)
                values = {"waits_until": queue.until(pause)} if counts else {"attempts": Document.attempts - 1}
                await queue.update_claimed(
                    session, claim.document_id, claim.claim_id, claim_id=None, claimed_until=None, **values
                )

    async def uncount(self, claim: Claim) -> None:
        """A claim that another worker took over is no sign of a bad file either."""
        async with self._database.transaction(claim.context) as session:
            await queue.uncount_claim(session, claim.document_id)


def settle(document: Document, state: State) -> None:
    """The row as it is when the work on it has come to an end, whatever end."""
    document.state = state.value
    document.claim_id = document.claimed_until = None
    document.waits_for = document.waits_since = document.waits_until = None
    document.attempts = 0
    document.updated_at = now()
