"""Where searches read, as ingest's migrations say. It acts in every process within about a second, without restarts."""

import asyncio
import time
from typing import Any

from chassis.database import Database
from chassis.delivery import Delivery
from chassis.errors import Invalid
from contracts.ingest import ReadIndex, VectorReadSwitched
from rag.crud import vector_reads
from rag.errors import VECTOR_READS_CONTRADICTED
from rag.service.routing import Rule

REFRESH_SECONDS = 1.0
_HIGHEST_VERSION = 2**63 - 1


class VectorReadService:
    """`own`: the index of the settings, which is read until the first event says otherwise."""

    def __init__(self, database: Database, *, own: ReadIndex, refresh_seconds: float = REFRESH_SECONDS) -> None:
        self._database = database
        self._refresh_seconds = refresh_seconds
        self._own = self._rule = Rule(own)
        self._read_at = float("-inf")
        self._lock = asyncio.Lock()

    async def rule(self) -> Rule:
        """
        Raises:
            Unavailable: the database. An old copy is not used: its index may no longer be written.
        """
        if self._is_old():
            async with self._lock:
                if self._is_old():
                    began = time.monotonic()
                    self._rule = await self._read()
                    self._read_at = began
        return self._rule

    async def project(self, event: VectorReadSwitched, *, once: Delivery) -> None:
        """A version that comes late is kept and does not count.

        Raises:
            AlreadyHandled: this delivery's effect stands.
            Invalid: the event contradicts itself, or the version was told otherwise.
            Unavailable: the database.
        """
        _refuse_contradictions(event)
        rule = _stored_form(event)
        async with self._database.transaction(once=once) as session:
            row = {"version": event.version, "switch_id": event.switch_id, "switched_at": event.switched_at}
            if await vector_reads.add(session, **row, rule=rule):
                return
            known = await vector_reads.get(session, event.version)
            if known is None or (known.switch_id, known.rule) != (event.switch_id, rule):
                raise Invalid(VECTOR_READS_CONTRADICTED)

    def _is_old(self) -> bool:
        return time.monotonic() - self._read_at > self._refresh_seconds

    async def _read(self) -> Rule:
        async with self._database.transaction() as session:
            latest = await vector_reads.get_latest(session)
        return self._own if latest is None else Rule.of(latest.rule)


def name_index(backend: str, model: str, dimension: int) -> str:
    """As ingest names it: two indexes of one name are one."""
    return f"{backend}:{model}:{dimension}"


def _refuse_contradictions(event: VectorReadSwitched) -> None:
    named: list[ReadIndex | VectorReadSwitched] = [event, *event.routes, *event.shadows]
    for each in named:
        name = name_index(each.backend, each.model, each.dimension)
        # PostgreSQL has no NUL in its texts.
        if each.dimension < 1 or each.index != name or "\x00" in name:
            raise Invalid(VECTOR_READS_CONTRADICTED)
    if not 1 <= event.version <= _HIGHEST_VERSION:
        raise Invalid(VECTOR_READS_CONTRADICTED)


def _stored_form(event: VectorReadSwitched) -> dict[str, Any]:
    said = event.model_dump(mode="json")
    default = {name: said[name] for name in ("index", "backend", "model", "dimension")}
    return {"default": default, "routes": said["routes"], "shadows": said["shadows"]}
