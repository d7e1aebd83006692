"""The end of every answer: stored, booked and told in one transaction, by whoever ends it, once.

That is its own stream, however long the database is away, or the sweep, if the process of the stream was killed.
"""

import asyncio
import logging
import time
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import outbox, tenant
from chassis.database import Database
from chassis.errors import Unavailable
from chassis.ids import named_id
from contracts.rag import MessageAnswered
from contracts.usage import Operation, Outcome
from rag.crud import messages
from rag.service import billing
from rag.service.progress import Ending, Progress

log = logging.getLogger(__name__)

CLIENT_WAITS_SECONDS = 3.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
GIVE_UP_SECONDS = 300.0
# What is left of the 20 s that a process has to end, after its requests and its handlers.
SHUTDOWN_SECONDS = 2.0


class Endings:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._storing: set[asyncio.Task[None]] = set()

    async def store(self, progress: Progress) -> bool:
        """End the answer. False: the database is away; it is tried again, also when nobody waits any more."""
        # A client that left cancels this coroutine; the task of its own goes on, and is held until it is done.
        task = asyncio.create_task(self._until_stored(progress))
        self._storing.add(task)
        task.add_done_callback(self._let_go)
        done, _ = await asyncio.wait({task}, timeout=CLIENT_WAITS_SECONDS)
        for ended in done:
            ended.result()
        return bool(done)

    async def sweep(self, *, before: datetime) -> None:
        """End what was begun before then and has not ended: as failed, and booked from what its row says."""
        async with self._database.transaction(tenant.PLATFORM) as session:
            for message, conversation in await messages.list_abandoned(session, before=before):
                log.warning("answer %s was abandoned", message.message_id)
                await self._write(session, Ending.of_abandoned(message, conversation))

    async def close(self) -> None:
        """Wait for what is being stored, but not for ever: the sweep books what is not."""
        if not self._storing:
            return
        _, late = await asyncio.wait(set(self._storing), timeout=SHUTDOWN_SECONDS)
        for task in late:
            task.cancel()
        if late:
            log.error("%d answers could not be stored and are left to the sweep", len(late))
            await asyncio.wait(late)

    def _let_go(self, task: asyncio.Task[None]) -> None:
        self._storing.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an answer could not be stored and is left to the sweep", exc_info=error)

    async def _until_stored(self, progress: Progress) -> None:
        ending = await progress.end()
        pause, give_up = FIRST_PAUSE_SECONDS, time.monotonic() + GIVE_UP_SECONDS
        while True:
            try:
                async with self._database.transaction(tenant.of_tenant(ending.tenant)) as session:
                    await self._write(session, ending)
            except Unavailable as error:
                if time.monotonic() >= give_up:
                    raise
                log.warning("answer %s is not stored yet, again in %.1f s: %s", ending.message_id, pause, error)
            else:
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _write(self, session: AsyncSession, ending: Ending) -> None:
        ends = await messages.update_answer(session, ending.message_id, **ending.row())
        if not ends and await messages.get(session, ending.message_id) is not None:
            # The sweep ended it, or a commit that we did not hear of, and booked it. (No row at all: its conversation
            # was deleted meanwhile, and nobody has.)
            return
        await self._book(session, ending)
        await outbox.add(
            session,
            MessageAnswered(
                message_id=ending.message_id,
                conversation_id=ending.conversation_id,
                tenant=ending.tenant,
                model=ending.model,
                outcome=ending.outcome,
                citation_count=len(ending.citations),
                first_token_ms=ending.first_token_ms,
                duration_ms=ending.duration_ms,
                answered_at=ending.ended_at,
            ),
        )

    async def _book(self, session: AsyncSession, ending: Ending) -> None:
        """Every call that was made, also one that cost nothing: how often a provider fails is usage too."""
        for use in ending.embeddings:
            await billing.record(
                session,
                tenant=ending.tenant,
                operation=Operation.EMBEDDING,
                provider=use.provider,
                model=use.model,
                input_tokens=use.tokens,
                reference=f"message/{ending.message_id}",
                usage_id=named_id("usage", ending.message_id, Operation.EMBEDDING, use.provider, use.model),
            )
        for number, call in enumerate(ending.reranks):
            await billing.record(
                session,
                tenant=ending.tenant,
                operation=Operation.RERANK,
                provider=call.provider,
                model=call.model,
                input_tokens=call.tokens,
                estimated=call.estimated,
                outcome=Outcome(call.outcome),
                reference=f"message/{ending.message_id}",
                usage_id=named_id("usage", ending.message_id, Operation.RERANK, number),
            )
        if ending.provider is not None:
            await billing.record(
                session,
                tenant=ending.tenant,
                operation=Operation.CHAT,
                provider=ending.provider,
                model=ending.model,
                input_tokens=ending.usage.input_tokens,
                output_tokens=ending.usage.output_tokens,
                estimated=ending.usage.estimated,
                outcome=ending.outcome,
                reference=f"message/{ending.message_id}",
                duration_ms=ending.duration_ms,
                first_token_ms=ending.first_token_ms,
                usage_id=named_id("usage", ending.message_id, Operation.CHAT),
            )
