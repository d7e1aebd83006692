"""One installation of ingest for the tests: real PostgreSQL, real parser child, real files, real model, real index.

The database comes from `growfit_local.testing`; only the tokens' signer stands in for identity.
"""

import asyncio
import base64
import hashlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from chassis.auth import Principal
from chassis.clock import now
from chassis.delivery import Delivery
from contracts.envelope import decode
from contracts.event import Event
from contracts.ingest import DocumentUploaded
from contracts.org_partner import (
    ClassClosed,
    ClassConfigured,
    ClassOpened,
    MembershipGranted,
    Role,
    StudentEnrolled,
)
from contracts.tenancy import Tenant
from growfit_local import stand_ins
from growfit_local.servers import Database as TestDatabase
from growfit_local.servers import local
from growfit_local.stand_ins import Signer
from ingest.config import MIB, Settings
from ingest.errors import PROCESSING_FAILED, NotEmbedded, Unreadable
from ingest.factory import Wired, wire
from ingest.main import create_app
from ingest.ports import Embedded, Embedder, PageText, Parser
from ingest.service.chunking import Chunking
from ingest.service.claims import Claim, ClaimService
from ingest.service.embedding import EmbeddingService
from ingest.service.intake import Incoming
from ingest.service.processing import ProcessingService
from ingest.service.recipes import RecipeBook
from ingest.service.syncing import SyncService
from retrieval.configured import OWN_SHAPE, BatchShape
from retrieval.store import VectorStoreAdapter

DIMENSION = 384


class Sql(stand_ins.Sql):
    """Looks into the database past the service, and moves what only time would move."""

    async def document(self, document_id: UUID) -> dict[str, Any]:
        (row,) = await self.rows('SELECT * FROM "user".documents WHERE document_id = %s', document_id)
        return row

    async def chunks(self, document_id: UUID) -> list[dict[str, Any]]:
        """With their embeddings, where they have one."""
        query = """SELECT c.*, e.embedding, e.tokens, e.content_key FROM "user".chunks c
            LEFT JOIN "user".chunk_embeddings e USING (document_id, revision, ordinal)
            WHERE document_id = %s ORDER BY revision, ordinal"""
        return await self.rows(query, document_id)

    async def events[EventT: Event](self, document_id: UUID, kind: type[EventT]) -> list[EventT]:
        """What the outbox says of a document, oldest first."""
        query = """SELECT payload::text AS body FROM ingest.outbox WHERE subject = %s
            AND (payload->'data'->>'document_id' = %s OR payload->'data'->>'reference' = %s) ORDER BY id"""
        rows = await self.rows(query, kind.type, str(document_id), f"document/{document_id}")
        return [event for row in rows if isinstance(event := decode(row["body"].encode()).data, kind)]

    async def announced(self, document_id: UUID) -> DocumentUploaded:
        return (await self.events(document_id, DocumentUploaded))[0]

    async def age(self, document_id: UUID, by: timedelta) -> None:
        query = 'UPDATE "user".documents SET updated_at = updated_at - %s WHERE document_id = %s'
        await self.rows(query, by, document_id)

    async def expire(self, document_id: UUID) -> None:
        """As if whoever works on the document, or tells an index of it, had given no sign of life for long."""
        claims = "UPDATE \"user\".documents SET claimed_until = now() - interval '1 s' WHERE document_id = %s"
        leases = "UPDATE ingest.document_indexes SET leased_until = now() - interval '1 s' WHERE document_id = %s"
        for query in (claims, leases):
            await self.rows(query, document_id)

    async def hurry(self, document_id: UUID) -> None:
        """As if what the document waits for had been waited for long enough."""
        waits = 'UPDATE "user".documents SET waits_until = now() WHERE document_id = %s AND waits_until IS NOT NULL'
        due = "UPDATE ingest.document_indexes SET due_at = now() WHERE document_id = %s AND due_at IS NOT NULL"
        for query in (waits, due):
            await self.rows(query, document_id)


@dataclass(frozen=True)
class Person:
    user_id: UUID = field(default_factory=uuid4)

    @property
    def principal(self) -> Principal:
        """As the door knows them."""
        return Principal(self.user_id, "user", uuid4(), 0)


@dataclass(frozen=True)
class School:
    """One class of one partner of one org, with who teaches and who learns in it."""

    teacher: Person = field(default_factory=Person)
    student: Person = field(default_factory=Person)
    org_id: UUID = field(default_factory=uuid4)
    partner_id: UUID = field(default_factory=uuid4)
    class_id: UUID = field(default_factory=uuid4)

    @property
    def ids(self) -> dict[str, UUID]:
        return {"org_id": self.org_id, "partner_id": self.partner_id}

    def opened(self, class_id: UUID) -> ClassOpened:
        """Another class of the same partner."""
        facts = {"course_id": uuid4(), "name": "화목 낮반", "version": 1, "opened_at": now()}
        return ClassOpened(**self.ids, class_id=class_id, **facts)

    def closed(self) -> ClassClosed:
        return ClassClosed(**self.ids, class_id=self.class_id, version=9, closed_at=now())

    def lists(self, *material_ids: UUID, version: int, **elsewhere: UUID) -> ClassConfigured:
        """What the class's materials are now."""
        place = {**self.ids, "class_id": self.class_id, **elsewhere}
        facts = {"name": "월수 저녁반", "allowed_models": [], "configured_at": now()}
        return ClassConfigured(**place, **facts, material_ids=list(material_ids), version=version)

    def granted(self, person: Person, role: Role = Role.INSTRUCTOR, **place: Any) -> MembershipGranted:
        facts = {"membership_id": uuid4(), "user_id": person.user_id, "role": role, "version": 1, "granted_at": now()}
        return MembershipGranted(**self.ids | place, **facts)

    def wrong_tenants(self, right: Tenant) -> list[Tenant]:
        """Every way in which an event of a document elsewhere can say that it belongs here, or anywhere else."""
        changes: list[dict[str, UUID | None]] = [
            {**self.ids, "class_id": self.class_id},
            *({"org_id": self.org_id}, {"partner_id": self.partner_id}, {"class_id": self.class_id}),
            {"user_id": self.teacher.user_id},
            {"org_id": None, "partner_id": None, "class_id": None},
        ]
        return [right.model_copy(update=change) for change in changes]

    @property
    def scope(self) -> str:
        return f"class:{self.class_id}"

    def facts(self) -> list[Event]:
        teacher, student = self.teacher.user_id, self.student.user_id
        room = {**self.ids, "class_id": self.class_id, "version": 1}
        role = {**self.ids, "membership_id": uuid4(), "user_id": teacher, "role": Role.INSTRUCTOR, "version": 1}
        seat = {"enrollment_id": uuid4(), "student_id": uuid4(), "user_id": student, "enrolled_at": now()}
        return [
            ClassOpened(**room, course_id=uuid4(), name="월수 저녁반", opened_at=now()),
            MembershipGranted(**role, granted_at=now()),
            StudentEnrolled(**room, **seat),
        ]


class StandInEmbedder:
    """A second adapter behind `ingest.ports.Embedder`: vectors by hash, one token a word, and it does what it is told.

    `fails_after`, `hangs_after`: calls that still succeed. `wastes`: tokens billed by each call that fails.
    """

    def __init__(
        self,
        *,
        fails_after: int | None = None,
        hangs_after: int | None = None,
        wastes: int = 0,
        shape: BatchShape = OWN_SHAPE,
    ) -> None:
        self.texts: list[str] = []
        self.sent: list[list[str]] = []
        self.calls = 0
        self.tokens = 0
        self.hanging, self.go_on = asyncio.Event(), asyncio.Event()
        self.shape = shape
        self._fails_after, self._hangs_after, self._wastes = fails_after, hangs_after, wastes

    async def embed(self, texts: list[str]) -> Embedded:
        self.calls += 1
        if self._fails_after is not None and self.calls > self._fails_after:
            raise NotEmbedded(tokens=self._wastes)
        if self._hangs_after is not None and self.calls > self._hangs_after:
            self.hanging.set()
            await self.go_on.wait()
        self.texts += texts
        self.sent.append(texts)
        tokens = sum(await self.count_tokens(texts))
        self.tokens += tokens
        return Embedded(np.stack([_vector(text) for text in texts]), tokens)

    async def count_tokens(self, texts: list[str]) -> list[int]:
        return [len(text.split()) + 2 for text in texts]


def _vector(text: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
    vector = np.random.default_rng(seed).normal(size=DIMENSION)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


class Mortal(ClaimService):
    """Claims of a worker that, when it is cancelled, is as dead as a killed one: it releases nothing."""

    async def release(self, claim: Claim, *, counts: bool) -> None:
        if counts:
            await super().release(claim, counts=counts)


class Ingest:
    """The wired services, with the few steps that every test takes."""

    def __init__(self, wired: Wired, sql: Sql) -> None:
        self.wired = wired
        self.sql = sql

    async def open_school(self) -> School:
        school = School()
        await self.tell(*school.facts())
        return school

    async def tell(self, *facts: Event) -> None:
        for fact in facts:
            await self.wired.tenancy.project(fact, once=Delivery("ingest-project_tenancy", uuid4()))

    async def put(
        self, content: bytes, *, name: str = "문서.txt", person: Person | None = None, **options: Any
    ) -> UUID:
        async def stream() -> AsyncIterator[bytes]:
            yield content

        incoming = Incoming(file_name=name, content=stream(), **options)
        return (await self.wired.uploads.upload((person or Person()).user_id, incoming)).document_id

    def processing(
        self,
        embedder: Embedder | None = None,
        *,
        parser: Parser | None = None,
        index: VectorStoreAdapter | None = None,
        chunk_tokens: int | None = None,
    ) -> ProcessingService:
        """The worker's service; what is not named is the real part, and a cancelled run is a killed one."""
        own, database = self.wired.processing, self.wired.database
        book = self.book(chunk_tokens)
        embedding = self.embedding(embedder, book) if embedder or chunk_tokens else own._embedding
        return ProcessingService(
            database,
            Mortal(database, book),
            own._storage,
            parser or own._parser,
            embedding,
            self.syncs(index) if index else self.wired.syncs,
            book=book,
        )

    def book(self, chunk_tokens: int | None = None) -> RecipeBook:
        own = self.wired.processing._book
        if not chunk_tokens:
            return own
        return replace(own, first=replace(own.first, chunking=Chunking(tokens=chunk_tokens, overlap=chunk_tokens // 6)))

    def embedding(self, embedder: Embedder | None, book: RecipeBook) -> EmbeddingService:
        own = self.wired.processing._embedding
        embedders = {book.first.model: embedder} if embedder else own._embedders
        return EmbeddingService(self.wired.database, embedders, own._analyser, book=book)

    def syncs(self, index: VectorStoreAdapter) -> SyncService:
        """What brings the primary index to where the rows are, by way of this adapter."""
        stores = self.wired.indexes.through(self.wired.indexes.first, index)
        return SyncService(self.wired.database, stores, self.wired.processing._embedding)

    async def process(self, document_id: UUID, embedder: Embedder | None = None) -> dict[str, Any]:
        """The document's turn, and its row afterwards."""
        await self.sql.hurry(document_id)
        await self.processing(embedder or StandInEmbedder()).process(document_id)
        return await self.sql.document(document_id)

    def delivery(self, handler: str = "project_tenancy") -> Delivery:
        return Delivery(f"ingest-{handler}", uuid4())

    async def fail(self, document_id: UUID) -> None:
        """The document's turn, with a parser that the file is too much for."""

        class Hopeless:
            async def pages(self, _path: Path, _media_type: str) -> AsyncGenerator[PageText]:
                raise Unreadable(PROCESSING_FAILED)
                yield

        await self.processing(StandInEmbedder(), parser=Hopeless()).process(document_id)

    async def share(self, *listings: ClassConfigured) -> None:
        for listing in listings:
            await self.wired.sharing.share(listing, once=Delivery("ingest-share_materials", uuid4()))

    async def found_by(self, scope: str) -> set[UUID]:
        """What the holders of a scope find in the index."""
        hits = await self.wired.index.query([1.0] * DIMENSION, 1000, {"scopes": [scope]})
        return {UUID(hit.doc_id) for hit in hits}

    async def vectors(self, document_id: UUID) -> int:
        return await self.wired.index.count({"doc_id": str(document_id)})


class Client:
    """The HTTP door, in process."""

    def __init__(self, http: httpx.AsyncClient, app: FastAPI, signer: Signer) -> None:
        self.http = http
        self.app = app
        self.signer = signer

    def headers(self, person: Person, language: str = "ko") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.signer.token(person.user_id)}", "Accept-Language": language}

    async def ask(self, person: Person, method: str, path: str, language: str = "ko", **options: Any) -> httpx.Response:
        headers = self.headers(person, language) | options.pop("headers", {})
        return await self.http.request(method, path, headers=headers, **options)

    async def upload(
        self, person: Person, content: bytes, *, name: str = "문서.txt", language: str = "ko", **query: Any
    ) -> httpx.Response:
        files = {"file": (name, content, "application/octet-stream")}
        return await self.ask(person, "POST", "/documents", language, files=files, params=query)


@pytest.fixture(scope="session")
def embedder_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The real embedding server with the real model."""
    with local("embedder", tmp_path_factory.mktemp("embedder")) as (layout, _):
        yield f"{layout.url('embedder')}/v1"


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """An S3 server over HTTP."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415  it takes a second, and few tests want it

    for name in ("werkzeug", "botocore", "boto3"):
        logging.getLogger(name).setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def signer() -> Signer:
    return Signer()


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder behind STORAGE_URL."""
    return tmp_path_factory.mktemp("objects")


@pytest.fixture(scope="module")
def settings(database: TestDatabase, objects: Path) -> Settings:
    """No embedder answers at this address; tests that want the real one say so."""
    return Settings(
        app_env="test",
        database_url=database.url("ingest"),
        nats_url="nats://127.0.0.1:1",
        nats_nkey_seed=database.layout.secrets["NATS_INGEST_SEED"],
        jwks_url="http://127.0.0.1:1/jwks.json",
        storage_url=objects.as_uri(),
        max_upload_bytes=MIB,
        link_signing_key=base64.b64encode(bytes(32)).decode(),
        vector_database_url=database.url("vector_writer"),
        embedding_base_url="http://127.0.0.1:1/v1",
        max_pages=50,
    )


@pytest.fixture(scope="module")
async def wired(settings: Settings) -> AsyncIterator[Wired]:
    wired = wire(settings)
    await wired.index.open()
    await wired.indexes.ensure(wired.database)
    yield wired
    await wired.index.close()
    await wired.embeddings[0].close()
    await wired.database.close()


@pytest.fixture(scope="module")
async def sql(database: TestDatabase) -> AsyncIterator[Sql]:
    sql = Sql(database.libpq_url("postgres"))
    yield sql
    await sql.close()


@pytest.fixture(scope="module")
def ingest(wired: Wired, sql: Sql) -> Ingest:
    return Ingest(wired, sql)


@pytest.fixture(scope="module")
async def client(settings: Settings, signer: Signer, wired: Wired) -> AsyncIterator[Client]:
    app = create_app(settings)
    app.state.verifier = signer.verifier
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://ingest") as http,
    ):
        yield Client(http, app, signer)


@pytest.fixture
def person() -> Person:
    return Person()


@pytest.fixture(scope="session")
def another() -> type[Person]:
    """`another()` is somebody who has nothing to do with anybody."""
    return Person


@pytest.fixture(scope="session")
def stand_in() -> type[StandInEmbedder]:
    return StandInEmbedder


@pytest.fixture
def stored(objects: Path):
    """`stored()`: the files in the object storage at this moment, half ones too."""

    def look() -> list[str]:
        return sorted(str(path.relative_to(objects)) for path in objects.rglob("*") if path.is_file())

    return look


@pytest.fixture(scope="session")
def problem():
    """`problem(answer, 404, "document_not_found")` checks the form of a refusal and gives its body."""

    def check(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
        body: dict[str, Any] = answer.json()
        assert (answer.status_code, body["code"]) == (status, code), body
        assert answer.headers["content-type"] == "application/problem+json"
        assert (body["status"], body["type"]) == (status, f"urn:growfit:problem:{code}")
        assert body["request_id"] == answer.headers["x-request-id"]
        return body

    return check


@pytest.fixture(scope="session")
def words():
    """`words(300)`: Korean sentences of so many words in all, each one different."""

    def make(count: int, *, seed: int = 1) -> bytes:
        sentences: Sequence[str] = [
            f"{seed}차 기록 {n}번 문장은 시험을 위해 쓴 것입니다." for n in range(count // 7 + 1)
        ]
        return " ".join(sentences).encode()

    return make
