"""The proof that an index holds what the rows say, that it finds it, and that it shows nobody anything else.

Everything is compared with the rows, which are the truth, and not with another index: ids and versions both ways,
payloads, vectors; what searches find against an exact scan; searches of other people; documents that were deleted.
What differs is looked at again under the document's lease, because people go on working meanwhile.
"""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np

from chassis import tenant
from chassis.clock import now
from chassis.database import Database
from chassis.errors import Unavailable
from ingest.crud import chunks, documents, indexes
from ingest.models import VectorMigration
from ingest.service import syncing
from ingest.service.indexing import Indexes, index_errors
from ingest.service.syncing import SyncService
from retrieval.checksums import checksum
from retrieval.chunks import Chunk, Item, parse_items
from retrieval.memory import MemoryAdapter
from retrieval.store import Hit, VectorStoreAdapter
from tenancy.access import class_scope, user_scope

PAGE = 500
TOP_K = 10
RECHECKS = 3
# Larger scopes are not scanned in this process; the index's own exact search, proven on the smaller ones, stands in.
SCANNED = 5_000
LEAST_MEAN_RECALL, LEAST_RECALL = 0.99, 0.9
# Between what was rounded to 16 bits and normalised here, and there.
VECTOR_TOLERANCE = 1e-5
_AT_ONCE = 8
_NAMED = 20

type Note = Callable[[float], Awaitable[None]]


@dataclass(frozen=True)
class Sizes:
    """`queries`: compared with an exact scan. `probes`: searches that must show nobody else's. `deleted`: documents
    that must be nowhere.
    """

    queries: int = 240
    probes: int = 10_000
    deleted: int = 2_000


@dataclass
class _Content:
    """`differing`: documents of which something differs, and what."""

    seen: Counter[UUID] = field(default_factory=Counter)
    differing: dict[UUID, set[str]] = field(default_factory=lambda: defaultdict(set))
    chunks: int = 0


class ProofService:
    def __init__(self, database: Database, stores: Indexes, syncs: SyncService, *, sizes: Sizes) -> None:
        self._database = database
        self._stores = stores
        self._syncs = syncs
        self._sizes = sizes

    async def prove(self, migration: VectorMigration, *, note: Note, seed: int = 0) -> dict[str, Any]:
        """The report; `is_green` says whether all of it holds. Raises Unavailable."""
        store = await self._stores.get(migration.target_id)
        began = now()
        async with index_errors():
            content = await self._content(migration.target_id, store, note)
            search = await self._search(migration.target_id, store, note, random.Random(seed))  # noqa: S311  it draws samples
            deleted = await self._deleted(store)
        await note(1.0)
        parts = {"content": content, **search, "deleted": deleted}
        return {
            "source": migration.source_id,
            "target": migration.target_id,
            "began_at": began.isoformat(),
            "ended_at": now().isoformat(),
            "is_green": all(part["is_green"] for part in parts.values()),
            **parts,
        }

    async def _content(self, index_id: str, store: VectorStoreAdapter, note: Note) -> dict[str, Any]:
        found = _Content()
        after: str | None = None
        async with self._database.transaction(tenant.PLATFORM) as session:
            expected = max(await chunks.count_shown(session), 1)
        while page := await store.scroll(after=after, limit=PAGE):
            await self._compare(store, page, found)
            after, found.chunks = page[-1][0], found.chunks + len(page)
            await note(min(found.chunks / expected, 1.0) * 0.6)
        async with self._database.transaction(tenant.PLATFORM) as session:
            for document_id, count in await chunks.counts_shown(session):
                if found.seen[document_id] != count:
                    found.differing[document_id].add("missing")
        real = {}
        for document_id, differences in found.differing.items():
            # A sign of life: a run that gives none is taken for dead.
            await note(0.6)
            if not await self._agrees(index_id, store, document_id):
                real[str(document_id)] = sorted(differences)
        kinds = Counter(kind for each in real.values() for kind in each)
        return {
            "is_green": not real,
            "documents": len(found.seen),
            "chunks": found.chunks,
            "looked_at_again": len(found.differing),
            "differing": len(real),
            "kinds": dict(kinds),
            "examples": dict(list(real.items())[:_NAMED]),
        }

    async def _compare(self, store: VectorStoreAdapter, page: list[Item], found: _Content) -> None:
        """Every item that the index holds against the row that it stands for."""
        ids = [UUID(key) for key, _, _ in page]
        async with self._database.transaction(tenant.PLATFORM, snapshot=True) as session:
            expected = await syncing.items_by_chunk(session, ids, model=store.model.name)
        parsed = await asyncio.to_thread(_parsed, expected, store)
        for key, vector, metadata in page:
            document_id = UUID(metadata["doc_id"])
            row = parsed.get(UUID(key))
            if row is None:
                found.differing[document_id].add("surplus")
                continue
            found.seen[document_id] += 1
            found.differing[document_id] |= _differences(row, np.asarray(vector), metadata)
            if not found.differing[document_id]:
                del found.differing[document_id]

    async def _agrees(self, index_id: str, store: VectorStoreAdapter, document_id: UUID) -> bool:
        """Looked at again, told again if need be. What still differs then is told anew, and stays a difference."""
        for _ in range(RECHECKS):
            async with self._database.transaction(tenant.PLATFORM) as session:
                is_due = await indexes.is_due(session, document_id, index_id)
            if is_due:
                try:
                    await self._syncs.sync_index(document_id, index_id)
                except Unavailable:
                    await asyncio.sleep(1)
                    continue
            async with self._database.transaction(tenant.PLATFORM, snapshot=True) as session:
                items = await syncing.shown_items(session, document_id, model=store.model.name)
            wanted = await asyncio.to_thread(_parsed, items, store)
            rows = [(each.id, each.vector, each.payload | {"text": each.text}) for each in wanted.values()]
            held = await store.ids(str(document_id))
            if held == {str(each.id): each.version for each in wanted.values()} and (
                await store.checksum(str(document_id))
            ).matches(checksum(document_id, rows)):
                return True
        async with self._database.transaction(tenant.PLATFORM) as session:
            await indexes.mark_document_due(session, document_id, index_id, forget=True)
        return False

    async def _search(
        self, index_id: str, store: VectorStoreAdapter, note: Note, choose: random.Random
    ) -> dict[str, dict[str, Any]]:
        async with self._database.transaction(tenant.PLATFORM) as session:
            samples = await chunks.list_samples(session, model=store.model.name, limit=self._sizes.queries)
            askers = [user_scope(each) for each in await documents.list_owners(session, limit=1_000)]
            askers += [class_scope(each) for each in await documents.list_shown_classes(session, limit=1_000)]
        recalls: list[float] = []
        exact: list[float] = []
        by_owner = defaultdict(list)
        for sample in samples:
            by_owner[sample.owner_id].append(sample)
        for number, (owner_id, own) in enumerate(by_owner.items(), start=1):
            truth = await self._truth(store, owner_id)
            for sample in own:
                vector = _near(np.frombuffer(sample.embedding, dtype="<f4"), choose)
                question = _Question(vector, {"scopes": [user_scope(owner_id)]}, sample.text[: choose.randint(10, 60)])
                found = await _ask(store, question, truth)
                if found.is_short:
                    # Somebody may have gone on working between the two.
                    await self._settle(index_id, owner_id)
                    truth = await self._truth(store, owner_id)
                    found = await _ask(store, question, truth)
                recalls.append(found.approximate)
                exact.append(found.exact)
            await note(0.6 + 0.2 * number / len(by_owner))
        foreign = await self._foreign(store, [each.embedding for each in samples], askers, note, choose)
        return {
            "recall": _recall(recalls, least_mean=LEAST_MEAN_RECALL, least=LEAST_RECALL),
            "exact": _recall(exact, least_mean=1.0, least=1.0),
            "foreign": foreign,
        }

    async def _settle(self, index_id: str, owner_id: UUID) -> None:
        """Tell the index what it has yet to be told of this person's documents."""
        async with self._database.transaction(tenant.PLATFORM) as session:
            ids = await documents.list_ids_found_by(session, owner_id)
            due = await indexes.list_due_among(session, index_id, ids)
        for document_id in due:
            with suppress(Unavailable):
                await self._syncs.sync_index(document_id, index_id)

    async def _truth(self, store: VectorStoreAdapter, owner_id: UUID) -> Callable[..., Awaitable[list[Hit]]]:
        async with self._database.transaction(tenant.PLATFORM, snapshot=True) as session:
            ids = await documents.list_ids_found_by(session, owner_id)
            count = await chunks.count_of_documents(session, ids)
            if count > SCANNED:
                return lambda vector, wanted, text: store.query(vector, TOP_K, wanted, text, exact=True)
            items = [
                item
                for document_id in ids
                for item in await syncing.shown_items(session, document_id, model=store.model.name)
            ]
        scan = MemoryAdapter(model=store.model, analyser=store.analyser)
        await scan.upsert_embeddings(items)
        return lambda vector, wanted, text: scan.query(vector, TOP_K, wanted, text)

    async def _foreign(
        self, store: VectorStoreAdapter, vectors: list[bytes], askers: list[str], note: Note, choose: random.Random
    ) -> dict[str, Any]:
        """Anybody asks anything, for themselves or in a class: nobody is shown what the rows do not show them."""
        shown: dict[str, set[str]] = {}
        foreign: Counter[str] = Counter()

        async def probe() -> None:
            scope = choose.choice(askers)
            if scope not in shown:
                shown[scope] = await self._shown_to(scope)
            vector = _near(np.frombuffer(choose.choice(vectors), dtype="<f4"), choose)
            for hit in await store.query(vector, TOP_K, {"scopes": [scope]}):
                # It may have been uploaded or shared since.
                if hit.doc_id not in shown[scope] and hit.doc_id not in await self._shown_to(scope):
                    foreign[hit.doc_id] += 1

        count = self._sizes.probes if askers and vectors else 0
        for number in range(0, count, _AT_ONCE):
            await _together(probe() for _ in range(min(_AT_ONCE, count - number)))
            if number % (_AT_ONCE * 50) == 0:
                await note(0.8 + 0.2 * number / count)
        return {
            "is_green": not foreign,
            "probes": count,
            "foreign": sum(foreign.values()),
            "examples": list(foreign)[:_NAMED],
        }

    async def _shown_to(self, scope: str) -> set[str]:
        kind, _, key = scope.partition(":")
        shown = documents.list_ids_found_by if kind == "user" else documents.list_ids_shown_in
        async with self._database.transaction(tenant.PLATFORM) as session:
            return {str(each) for each in await shown(session, UUID(key))}

    async def _deleted(self, store: VectorStoreAdapter) -> dict[str, Any]:
        async with self._database.transaction(tenant.PLATFORM) as session:
            gone = await documents.list_deleted_ids(session, limit=self._sizes.deleted)
        back = [str(each) for each in gone if await store.ids(str(each))]
        return {"is_green": not back, "deleted": len(gone), "found": len(back), "examples": back[:_NAMED]}


@dataclass(frozen=True)
class _Question:
    vector: np.ndarray[Any, Any]
    filters: Mapping[str, Any]
    text: str


class _Shares(NamedTuple):
    """Of the right answers, what the index's search found and what its exact search did."""

    approximate: float
    exact: float

    @property
    def is_short(self) -> bool:
        return self.exact < 1 or self.approximate < LEAST_RECALL


async def _ask(store: VectorStoreAdapter, question: _Question, truth: Callable[..., Awaitable[list[Hit]]]) -> _Shares:
    asked = (question.vector, question.filters, question.text)
    right = await truth(*asked)
    vector, filters, text = asked
    approximate = _overlap(await store.query(vector, TOP_K, filters, text), right)
    return _Shares(approximate, _overlap(await store.query(vector, TOP_K, filters, text, exact=True), right))


async def _together(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """The first failure ends the others, and is raised as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


def _parsed(items: Iterable[Item], store: VectorStoreAdapter) -> dict[UUID, Chunk]:
    return {each.id: each for each in parse_items(list(items), model=store.model, analyser=store.analyser)}


def _differences(row: Chunk, vector: np.ndarray[Any, Any], metadata: Mapping[str, Any]) -> set[str]:
    found = set()
    if metadata.get("version") != row.version:
        found.add("version")
    if {**metadata, "version": 0} != {**row.payload, "text": row.text, "version": 0}:
        found.add("payload")
    # Written so that no number at all (NaN) is a difference too.
    if not float(np.abs(_stored(vector) - _stored(row.vector)).max()) <= VECTOR_TOLERANCE:
        found.add("vector")
    return found


def _stored(vector: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """As every store keeps it, up to its length."""
    rounded = vector.astype(np.float16).astype(np.float64)
    unit: np.ndarray[Any, Any] = rounded / np.linalg.norm(rounded)
    return unit


def _near(vector: np.ndarray[Any, Any], choose: random.Random) -> np.ndarray[Any, Any]:
    """A question that is near a passage and not the passage itself."""
    noise = np.random.default_rng(choose.getrandbits(32)).normal(size=vector.shape)
    moved: np.ndarray[Any, Any] = vector + 0.5 * noise / np.linalg.norm(noise)
    return moved


def _overlap(found: list[Hit], right: list[Hit]) -> float:
    """The share of the right ones that was found; of equal scores either may stand."""
    if not right:
        return 1.0 if not found else 0.0
    least = min(hit.score for hit in right) - 1e-5
    wanted = {hit.id for hit in right}
    good = sum(hit.id in wanted or hit.score >= least for hit in found)
    return min(good / len(right), 1.0)


def _recall(shares: list[float], *, least_mean: float, least: float) -> dict[str, Any]:
    mean, worst = (sum(shares) / len(shares), min(shares)) if shares else (1.0, 1.0)
    is_green = mean >= least_mean and worst >= least
    return {"is_green": is_green, "queries": len(shares), "mean": round(mean, 4), "worst": round(worst, 4)}
