"""Shadow reads: the same question to another index, after the answer was given. Only compared; nobody sees them."""

import asyncio
import logging
import random
from collections.abc import Callable
from functools import partial

from prometheus_client import CollectorRegistry, Counter

from chassis import outbox
from chassis.database import Database
from contracts.ingest import ShadowRead
from contracts.usage import Operation
from rag.service import billing
from rag.service.asking import Asking
from rag.service.billing import EmbeddingUse
from rag.service.comparisons import Comparisons
from rag.service.readers import Found, Question, Readers
from rag.service.routing import Reading

log = logging.getLogger(__name__)

COMPARED = 10  # the hits of each side that are looked at
WINDOW_SECONDS = 10.0
CLOSING_SECONDS = 2.0


class Shadows:
    """At most `at_once` run, each for at most `seconds`; a search that comes then is not compared.

    `draw_number`: 0..99, at random, for each search; with less than an index's share it is asked there as well.
    """

    def __init__(
        self,
        database: Database,
        readers: Readers,
        *,
        registry: CollectorRegistry,
        at_once: int = 4,
        seconds: float = 5.0,
        draw_number: Callable[[], int] | None = None,
    ) -> None:
        self._database = database
        self._readers = readers
        self._at_once, self._seconds = at_once, seconds
        self._draw_number = draw_number or partial(random.randrange, 100)
        self._running: set[asyncio.Task[None]] = set()
        self._comparisons = Comparisons()
        self._publishing: asyncio.Task[None] | None = None
        self._counted = Counter(
            "growfit_shadow_searches", "Searches asked of a shadow index", ["index", "outcome"], registry=registry
        )

    async def open(self) -> None:
        self._publishing = asyncio.create_task(self._publish_for_ever())

    async def close(self) -> None:
        """What runs is cut off; what it cost is booked, and what was compared is published."""
        tasks = [*self._running, *([self._publishing] if self._publishing else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSING_SECONDS)
        try:
            await self.publish()
        except Exception:
            log.exception("the last shadow searches were not reported")

    def draw(self, reading: Reading) -> list[ShadowRead]:
        """The indexes that this search is to be asked of as well."""
        if not reading.shadows:
            return []
        number = self._draw_number()
        return [shadow for shadow in reading.shadows if number < shadow.share]

    def compare(self, question: Question, asking: Asking, found: Found, *, shadow: ShadowRead) -> None:
        """Returns at once."""
        if shadow.index == found.index.index:
            return
        if len(self._running) >= self._at_once:
            self._counted.labels(shadow.index, "dropped").inc()
            return
        task = asyncio.create_task(self._ask(question, asking, found, shadow))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def publish(self) -> None:
        """A report of each index that was asked since the last time. Raises Unavailable; nothing is lost then."""
        taken = self._comparisons.take()
        if not taken:
            return
        try:
            async with self._database.transaction() as session:
                await outbox.add_many(session, [each.report() for each in taken])
        except Exception:
            self._comparisons.give_back(taken)
            raise

    async def _publish_for_ever(self) -> None:
        while True:
            await asyncio.sleep(WINDOW_SECONDS)
            try:
                await self.publish()
            except Exception:
                log.exception("the shadow searches were not reported; they are with the next ones")

    async def _ask(self, question: Question, asking: Asking, found: Found, shadow: ShadowRead) -> None:
        uses: list[EmbeddingUse] = []
        try:
            async with asyncio.timeout(self._seconds):
                reader = await self._readers.get(shadow)
                other = await reader.search(
                    question.billed_to(uses.append), top_k=COMPARED, filters=asking.allowed.filters()
                )
        except Exception as error:  # noqa: BLE001  whatever it is, it is the shadow's alone
            log.warning("the shadow %s did not answer: %r", shadow.index, error)
            self._comparisons.of(shadow.index, against=found.index.index).fail()
            self._counted.labels(shadow.index, "failed").inc()
        else:
            self._comparisons.of(shadow.index, against=found.index.index).add(found, other, number=COMPARED)
            self._counted.labels(shadow.index, "compared").inc()
        finally:
            await self._book(uses, asking)

    async def _book(self, uses: list[EmbeddingUse], asking: Asking) -> None:
        if not (costly := billing.summed(uses)):
            return
        try:
            async with self._database.transaction() as session:
                for use in costly:
                    await billing.record(
                        session,
                        tenant=asking.allowed.tenant,
                        operation=Operation.EMBEDDING,
                        provider=use.provider,
                        model=use.model,
                        input_tokens=use.tokens,
                        reference=asking.reference,
                    )
        except Exception:
            log.exception("the embedding of a shadow search could not be booked: %s", costly)
