"""rag on a real database and index, with the real embedding model, and a language model provider of the tests' own."""

import asyncio
import hashlib
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import uvicorn
from httpx_sse import aconnect_sse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from chassis.auth import Principal
from chassis.clock import now
from chassis.delivery import Delivery
from contracts.envelope import decode
from contracts.event import Event
from contracts.ingest import ChunksEmbedded, DocumentDeleted, DocumentShared, ReadIndex
from contracts.org_partner import ClassClosed, ClassOpened, MembershipGranted, Role, StudentEnrolled
from contracts.rag import UsageRecorded
from contracts.tenancy import Tenant
from growfit_local import stand_ins
from growfit_local.servers import Database as TestDatabase
from growfit_local.servers import PostgresServer, local
from growfit_local.stand_ins import Signer
from rag.config import Settings
from rag.factory import Wired, wire
from rag.main import create_app
from rag.service.billing import EmbeddingUse
from rag.service.readers import Found
from rag.service.routing import Rule
from retrieval.embeddings import MeteredEmbeddings
from retrieval.models import get_model
from retrieval.pgvector import PgVectorAdapter
from retrieval.terms import KiwiTerms

MODEL = get_model("multilingual-e5-small")


class Sql(stand_ins.Sql):
    """Looks into the database past the service, and moves what only time would move."""

    async def message(self, message_id: Any) -> dict[str, Any]:
        (row,) = await self.rows('SELECT * FROM "user".messages WHERE message_id = %s', message_id)
        return row

    async def ended(self, message_id: Any) -> dict[str, Any]:
        """The answer, once it is no longer being written."""
        for _ in range(200):
            row = await self.message(message_id)
            if row["state"] != "answering":
                break
            await asyncio.sleep(0.05)
        return row

    async def events[EventT: Event](self, kind: type[EventT], **where: Any) -> list[EventT]:
        """What the outbox says, oldest first: `events(UsageRecorded, reference=…)`."""
        ((name, value),) = where.items()
        query = """SELECT payload::text AS body FROM rag.outbox
            WHERE subject = %s AND jsonb_extract_path_text(payload->'data', VARIADIC %s) = %s ORDER BY id"""
        rows = await self.rows(query, kind.type, name.split("__"), str(value))
        return [event for row in rows if isinstance(event := decode(row["body"].encode()).data, kind)]

    async def usage(self, reference: str) -> dict[str, UsageRecorded]:
        """By operation; each at most once."""
        found = await self.events(UsageRecorded, reference=reference)
        assert len(found) == len({event.operation for event in found})
        return {event.operation.value: event for event in found}


@dataclass(frozen=True)
class Person:
    user_id: UUID = field(default_factory=uuid4)

    @property
    def scope(self) -> str:
        return f"user:{self.user_id}"

    @property
    def principal(self) -> Principal:
        """As the door knows them."""
        return Principal(self.user_id, "user", uuid4(), 0)


@dataclass(frozen=True)
class School:
    """One class of one partner of one org, with who teaches, learns and administers there."""

    teacher: Person = field(default_factory=Person)
    student: Person = field(default_factory=Person)
    admin: Person = field(default_factory=Person)
    org_id: UUID = field(default_factory=uuid4)
    partner_id: UUID = field(default_factory=uuid4)
    class_id: UUID = field(default_factory=uuid4)

    @property
    def ids(self) -> dict[str, UUID]:
        return {"org_id": self.org_id, "partner_id": self.partner_id}

    @property
    def scope(self) -> str:
        return f"class:{self.class_id}"

    def place(self, person: Person) -> Tenant:
        """Of what this person does for the class."""
        return Tenant(**self.ids, class_id=self.class_id, user_id=person.user_id)

    def closed(self) -> ClassClosed:
        return ClassClosed(**self.ids, class_id=self.class_id, version=9, closed_at=now())

    def facts(self) -> list[Event]:
        room = {**self.ids, "class_id": self.class_id, "version": 1}
        seat = {"enrollment_id": uuid4(), "student_id": uuid4(), "user_id": self.student.user_id}
        teacher = {**self.ids, "user_id": self.teacher.user_id, "role": Role.INSTRUCTOR}
        admin = {"org_id": self.org_id, "user_id": self.admin.user_id, "role": Role.ORG_ADMIN}
        return [
            ClassOpened(**room, course_id=uuid4(), name="월수 저녁반", opened_at=now()),
            MembershipGranted(**teacher, membership_id=uuid4(), version=1, granted_at=now()),
            MembershipGranted(**admin, membership_id=uuid4(), version=1, granted_at=now()),
            StudentEnrolled(**room, **seat, enrolled_at=now()),
        ]


class Library:
    """Does what ingest does: chunks into the index as the writer, then the fact to rag."""

    def __init__(self, wired: Wired, index: PgVectorAdapter, embeddings: MeteredEmbeddings) -> None:
        self.wired = wired
        self.index = index
        self._embeddings = embeddings

    async def open_school(self) -> School:
        school = School()
        await self.tell(*school.facts())
        return school

    async def tell(self, *facts: Event) -> None:
        for fact in facts:
            await self.wired.tenancy.project(fact, once=Delivery("rag-project_tenancy", uuid4()))

    async def admit(self, *facts: ChunksEmbedded | DocumentShared | DocumentDeleted) -> None:
        for fact in facts:
            await self.wired.documents.project(fact, once=Delivery("rag-admit_document", uuid4()))

    async def add(self, *texts: str, scopes: list[str], title: str = "안내서", place: Tenant | None = None) -> UUID:
        """A document whose n-th text stands on page n."""
        document_id = uuid4()
        vectors = (await self._embeddings.embed(list(texts), "passage")).vectors
        items = [
            (
                str(uuid4()),
                vector,
                {
                    "doc_id": str(document_id),
                    "scopes": scopes,
                    "title": title,
                    "text": text,
                    "headings": ["제1장 운영", f"{page}절"],
                    "page_from": page,
                    "page_to": page,
                    "char_start": 100,
                    "char_end": 100 + len(text),
                },
            )
            for page, (text, vector) in enumerate(zip(texts, vectors, strict=True), start=1)
        ]
        await self.index.upsert_embeddings(items)
        await self.admit(self.embedded(document_id, scopes=scopes, title=title, place=place))
        return document_id

    def embedded(
        self,
        document_id: UUID,
        *,
        scopes: list[str],
        title: str = "",
        version: int = 1,
        place: Tenant | None = None,
    ) -> ChunksEmbedded:
        """Personal, of the person whom the first scope names, unless its `place` is given."""
        return ChunksEmbedded(
            document_id=document_id,
            version=version,
            tenant=place or owned_by(scopes),
            title=title,
            scopes=scopes,
            page_count=1,
            chunk_count=1,
            index="growfit_docs",
            model=MODEL.name,
            dimension=MODEL.dimension,
            embedded_at=now(),
        )

    def shared(self, event: ChunksEmbedded, *scopes: str, version: int = 2, **changes: Any) -> DocumentShared:
        facts = {"document_id": event.document_id, "tenant": event.tenant, "title": event.title, "version": version}
        return DocumentShared(**facts | changes, scopes=list(scopes), shared_at=now())

    def deleted(self, document_id: UUID, owner: Person | Tenant, *, version: int = 1) -> DocumentDeleted:
        place = owner if isinstance(owner, Tenant) else Tenant(user_id=owner.user_id)
        facts = {"document_id": document_id, "version": version, "tenant": place, "chunks_deleted": 1}
        return DocumentDeleted(**facts, deleted_at=now())


def owned_by(scopes: list[str]) -> Tenant:
    return Tenant(user_id=UUID(scopes[0].removeprefix("user:")))


class Provider:
    """A tiny OpenAI-compatible server: says its words one by one, or does what a test tells it to.

    `waits_after`, `breaks_after`: words it says before it waits for `go_on`, or cuts the connection.
    """

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.left = asyncio.Event()
        self.behave()

    def behave(self, *words: str, status: int = 200, waits_after: int | None = None, breaks_after: int | None = None):
        self.words = words or ("초대 코드는 ", "72시간 동안 ", "쓸 수 있습니다. ", "[1]")
        self.status, self.waits_after, self.breaks_after = status, waits_after, breaks_after
        self.go_on = asyncio.Event()
        self.left.clear()

    def asked(self) -> list[tuple[str, str]]:
        """The messages of the last request: role and text."""
        return [(message["role"], message["content"]) for message in self.requests[-1]["messages"]]

    async def complete(self, request: Request) -> Response:
        self.requests.append(await request.json())
        self.keys.append(request.headers.get("authorization", ""))
        if self.status != 200:
            return JSONResponse({"error": {"message": "the provider says no"}}, status_code=self.status)
        return StreamingResponse(self._speak(), media_type="text/event-stream")

    async def _speak(self) -> AsyncIterator[str]:
        try:
            for number, word in enumerate(self.words):
                if number == self.waits_after:
                    await self.go_on.wait()
                if number == self.breaks_after:
                    raise ConnectionAbortedError
                yield self._data([{"index": 0, "delta": {"role": "assistant", "content": word}}])
            yield self._data([{"index": 0, "delta": {}, "finish_reason": "stop"}])
            yield self._data([], usage={"prompt_tokens": 321, "completion_tokens": 12, "total_tokens": 333})
            yield "data: [DONE]\n\n"
        except asyncio.CancelledError:
            self.left.set()
            raise

    def _data(self, choices: list[dict[str, Any]], **more: Any) -> str:
        head = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "tiny-1-2026"}
        return f"data: {json.dumps({**head, 'choices': choices, **more})}\n\n"


class EmbeddingServer:
    """Small models of the tests' own, `tiny-8`, `tiny-16`, …: a text's vector is its own, and costs 3 tokens.

    `down`: the models that it answers 503 for. `asked`: the model of each call, with the key that came along.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.down: set[str] = set()

    def vector(self, model: str, text: str) -> list[float]:
        digest = hashlib.shake_256(text.encode()).digest(int(model.removeprefix("tiny-")))
        length = sum((byte + 1) ** 2 for byte in digest) ** 0.5
        return [(byte + 1) / length for byte in digest]

    async def embed(self, request: Request) -> Response:
        body = await request.json()
        model, texts = body["model"], body["input"]
        self.asked.append((model, request.headers.get("authorization", "")))
        if model in self.down:
            return JSONResponse({"error": {"message": "down"}}, status_code=503)
        data = [{"index": n, "embedding": self.vector(model, text)} for n, text in enumerate(texts)]
        return JSONResponse({"data": data, "usage": {"total_tokens": 3 * len(texts)}})


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """A real server on a free port, in this event loop."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=2))
        task = asyncio.create_task(server._serve([listening]))
        while not server.started:  # noqa: ASYNC110  it has no event to wait for
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        await task


class Client:
    """rag's HTTP door through a real server, so that streams stream and clients can leave."""

    def __init__(self, http: httpx.AsyncClient, signer: Signer, app: Any) -> None:
        self.http = http
        self.signer = signer
        self.app = app

    def headers(self, person: Person, language: str = "ko") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.signer.token(person.user_id)}", "Accept-Language": language}

    async def ask(self, person: Person, method: str, path: str, language: str = "ko", **options: Any) -> httpx.Response:
        return await self.http.request(method, path, headers=self.headers(person, language), **options)

    async def search(self, person: Person, query: str, language: str = "ko", **body: Any) -> httpx.Response:
        return await self.ask(person, "POST", "/search", language, json={"query": query, **body})

    async def open(self, person: Person, **body: Any) -> str:
        answer = await self.ask(person, "POST", "/conversations", json=body)
        assert answer.status_code == 201, answer.text
        conversation_id: str = answer.json()["conversation_id"]
        return conversation_id

    @asynccontextmanager
    async def question(
        self,
        person: Person,
        conversation_id: str,
        text: str = "초대 코드는 몇 시간 동안 쓸 수 있나요?",
        language: str = "ko",
    ) -> AsyncIterator[AsyncIterator[tuple[str, dict[str, Any]]]]:
        """The events of the answer as they come: (name, data)."""
        path, headers = f"/conversations/{conversation_id}/messages", self.headers(person, language)
        async with aconnect_sse(self.http, "POST", path, headers=headers, json={"text": text}) as source:
            assert source.response.status_code == 200, await source.response.aread()
            yield ((event.event, json.loads(event.data)) async for event in source.aiter_sse())

    async def answer(self, *arguments: Any, **options: Any) -> list[tuple[str, dict[str, Any]]]:
        async with self.question(*arguments, **options) as events:
            return [event async for event in events]


@pytest.fixture(scope="session")
def embedder_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The real embedding server with the real model."""
    with local("embedder", tmp_path_factory.mktemp("embedder")) as (layout, _):
        yield f"{layout.url('embedder')}/v1"


@pytest.fixture(scope="session")
def signer() -> Signer:
    return Signer()


@pytest.fixture(scope="session")
async def provider_server() -> AsyncIterator[tuple[Provider, str]]:
    provider = Provider()
    app = Starlette(routes=[Route("/v1/chat/completions", provider.complete, methods=["POST"])])
    async with serving(app) as url:
        yield provider, f"{url}/v1"


@pytest.fixture(scope="session")
async def embedding_server() -> AsyncIterator[tuple[EmbeddingServer, str]]:
    server = EmbeddingServer()
    async with serving(Starlette(routes=[Route("/v1/embeddings", server.embed, methods=["POST"])])) as url:
        yield server, f"{url}/v1"


@pytest.fixture
def tiny(embedding_server: tuple[EmbeddingServer, str]) -> Iterator[EmbeddingServer]:
    """In good order before each test and after it."""
    made, _ = embedding_server
    made.asked.clear()
    yield made
    made.down.clear()


@pytest.fixture
def provider(provider_server: tuple[Provider, str]) -> Iterator[Provider]:
    """In good order before each test and after it."""
    made, _ = provider_server
    made.behave()
    yield made
    made.go_on.set()


@pytest.fixture(scope="module")
def settings(database: TestDatabase, embedder_url: str, provider_server: tuple[Provider, str]) -> Settings:
    return Settings(
        app_env="test",
        database_url=database.url("rag"),
        nats_url="nats://127.0.0.1:1",
        nats_nkey_seed=database.layout.secrets["NATS_RAG_SEED"],
        jwks_url="http://127.0.0.1:1/jwks.json",
        vector_database_url=database.url("vector_reader"),
        embedding_base_url=embedder_url,
        llm_base_url=provider_server[1],
        llm_api_key="a-key-of-the-provider",
        llm_model="tiny-1",
        answer_seconds=20,
    )


async def close(wired: Wired) -> None:
    await wired.shadows.close()
    await wired.readers.close()
    await wired.database.close()


@pytest.fixture(scope="module")
async def index(database: TestDatabase) -> AsyncIterator[PgVectorAdapter]:
    """The index as ingest's worker writes it."""
    async with PgVectorAdapter(database.url("vector_writer"), model=MODEL, analyser=KiwiTerms()) as index:
        await index.ensure_index()
        yield index


@pytest.fixture(scope="module")
async def wired(settings: Settings, index: PgVectorAdapter) -> AsyncIterator[Wired]:
    wired = wire(settings)
    yield wired
    await close(wired)


@pytest.fixture(scope="module")
async def library(wired: Wired, index: PgVectorAdapter, embedder_url: str) -> AsyncIterator[Library]:
    async with MeteredEmbeddings(MODEL, base_url=embedder_url) as embeddings:
        yield Library(wired, index, embeddings)


@pytest.fixture
def outage(postgres_server: PostgresServer, database: TestDatabase):
    """`with outage():` the database throws rag out and lets it in no more."""

    @contextmanager
    def away() -> Iterator[None]:
        postgres_server.execute(f"REVOKE CONNECT ON DATABASE {database.name} FROM rag")
        its_own = f"usename = 'rag' AND datname = '{database.name}'"
        postgres_server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {its_own}")
        try:
            yield
        finally:
            postgres_server.execute(f"GRANT CONNECT ON DATABASE {database.name} TO rag")

    return away


@pytest.fixture(scope="module")
async def sql(database: TestDatabase) -> AsyncIterator[Sql]:
    sql = Sql(database.libpq_url("postgres"))
    yield sql
    await sql.close()


@pytest.fixture(scope="module")
def door(settings: Settings, signer: Signer):
    """`door(llm_base_url="")`: an HTTP door with other settings, on a real server, as a context manager."""

    @asynccontextmanager
    async def opened(**changes: Any) -> AsyncIterator[Client]:
        app = create_app(Settings.model_validate(settings.model_dump() | changes))
        app.state.verifier = signer.verifier
        async with serving(app) as url, httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as http:
            yield Client(http, signer, app)

    return opened


@pytest.fixture(scope="module")
async def client(door, wired: Wired) -> AsyncIterator[Client]:
    async with door() as client:
        yield client


class Billed:
    """Stands where searches read: finds nothing, and says that embedding the question cost 7 tokens."""

    async def rule(self) -> Rule:
        return Rule(ReadIndex(index="pgvector:e5:3", backend="pgvector", model="e5", dimension=3))

    async def find(self, query, *, asking, top_k, on_embedded) -> Found:
        assert asking.allowed.filters()["scopes"]["any"], "a search without scopes"
        on_embedded(EmbeddingUse("own", "e5", 7))
        return Found(asking.reading.index, [], 0.0, MODEL)


@pytest.fixture(scope="session")
def billed() -> Billed:
    return Billed()


@pytest.fixture
def person() -> Person:
    return Person()


@pytest.fixture(scope="session")
def another() -> type[Person]:
    """`another()` is somebody who has nothing to do with anybody."""
    return Person


@pytest.fixture(scope="session")
def problem():
    """`problem(answer, 404, "document_not_found")` checks the form of a refusal and gives its body."""

    def check(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
        body: dict[str, Any] = answer.json()
        assert (answer.status_code, body["code"]) == (status, code), body
        assert answer.headers["content-type"] == "application/problem+json"
        assert body["request_id"] == answer.headers["x-request-id"]
        return body

    return check
