"""`make test-migration`: pgvector moves to Qdrant on a whole stack while everything is written to and killed.

Documents are uploaded, processed anew and deleted at a steady rate; the worker that fills Qdrant and Qdrant itself are
killed with SIGKILL; people search without a pause while reads are switched and rolled back. In the end the two
databases are read by this script alone, past every service, and compared. DOCUMENTS, WRITES, WORKER_KILLS and
QDRANT_KILLS make it smaller.
"""

import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg

from growfit_local.client import ApiError, Client
from growfit_local.people import create_supervisor, new_password
from growfit_local.stack import Stack

DOCUMENTS = int(os.environ.get("DOCUMENTS", "2000"))
WRITES_A_SECOND = float(os.environ.get("WRITES", "20"))
WORKER_KILLS = int(os.environ.get("WORKER_KILLS", "10"))
QDRANT_KILLS = int(os.environ.get("QDRANT_KILLS", "5"))
LEAST_DELETES = min(200, DOCUMENTS // 4)
PEOPLE = 6
SEED = int(os.environ.get("SEED", "7"))
TARGET = "qdrant:multilingual-e5-small:384"
ROLLBACK_SECONDS = 5.0
_READY_SECONDS = 1_800
_SESSION_SECONDS = 400


def say(text: str) -> None:
    print(f"· {text}", flush=True)  # noqa: T201  it is what a person watches


@dataclass
class Person:
    """Somebody with documents, whose session is renewed before it ends."""

    client: Client
    email: str
    password: str
    logged_in: float = field(default_factory=time.monotonic)

    def call(self, method: str, path: str, **arguments: Any) -> Any:
        if time.monotonic() - self.logged_in > _SESSION_SECONDS:
            self.client.log_in(self.email, self.password)
            self.logged_in = time.monotonic()
        return self.client.call(method, path, **arguments)

    def upload(self, number: int) -> str:
        files = {"file": (f"기록 {number}.txt", text_of(number).encode(), "text/plain")}
        return str(self.call("POST", "/documents", files=files)["document_id"])


def text_of(number: int) -> str:
    subjects = ("환불", "출석", "과제", "시험", "수료증", "실습실", "상담", "장학금", "교재", "휴강")
    subject = subjects[number % len(subjects)]
    return (
        f"{number}번 안내문입니다. {subject}에 관한 규정 제{number}조를 알립니다. "
        f"{subject} 신청은 {number % 28 + 1}일까지 {number % 9 + 1}층 사무실에서 받습니다. "
        f"문의 번호는 {number:06}입니다."
    )


class Fire:
    """Writes and searches in the background, and what came of them."""

    def __init__(self, people: list[Person], documents: list[tuple[Person, str]]) -> None:
        self._people = people
        self._living = documents
        self._choose = random.Random(SEED)
        self._numbers = iter(range(10_000_000, 20_000_000))
        self.acts: Counter[str] = Counter()
        self.deleted: list[str] = []
        self.failed_searches: list[str] = []

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self._thread(self._write):
            yield

    @contextmanager
    def searching(self) -> Iterator[None]:
        with self._thread(self._search), self._thread(self._search):
            yield

    @contextmanager
    def _thread(self, work: Any) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=work, args=(stop,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _write(self, stop: threading.Event) -> None:
        due = time.monotonic()
        while not stop.is_set():
            due += 1 / WRITES_A_SECOND
            time.sleep(max(due - time.monotonic(), 0))
            act = self._choose.choices(("upload", "reprocess", "delete"), (5, 8, 7))[0]
            try:
                getattr(self, f"_{act}")()
                self.acts[act] += 1
            except (ApiError, httpx.HTTPError) as error:
                # A document that is worked on cannot be processed anew; and a worker that dies is no excuse to fail.
                self.acts[f"{act} refused: {getattr(error, 'code', type(error).__name__)}"] += 1

    def _upload(self) -> None:
        person = self._choose.choice(self._people)
        self._living.append((person, person.upload(next(self._numbers))))

    def _reprocess(self) -> None:
        person, document_id = self._choose.choice(self._living)
        person.call("POST", f"/documents/{document_id}/reprocess")

    def _delete(self) -> None:
        at = self._choose.randrange(len(self._living))
        person, document_id = self._living.pop(at)
        # Whatever it answers, the deletion has begun, and is finished by the sweep.
        self.deleted.append(document_id)
        person.call("DELETE", f"/documents/{document_id}")

    def _search(self, stop: threading.Event) -> None:
        person = Person(self._people[0].client, self._people[0].email, self._people[0].password)
        while not stop.is_set():
            try:
                found = person.call("POST", "/search", json={"query": "환불 신청은 언제까지 받나요?"})
                if not found["hits"]:
                    self.failed_searches.append("nothing was found")
                self.acts["search"] += 1
            except (ApiError, httpx.HTTPError) as error:
                self.failed_searches.append(str(error))


class Checker:
    """Reads PostgreSQL and Qdrant and nothing else."""

    def __init__(self, stack: Stack) -> None:
        layout = stack.layout
        self._database = layout.database_url("postgres", driver="postgresql")
        told = layout.qdrant
        self._qdrant = httpx.Client(
            base_url=told["QDRANT_URL"], headers={"api-key": told["QDRANT_API_KEY"]}, timeout=60
        )

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self._database) as connection:
            return connection.execute(query, values).fetchall()  # type: ignore[arg-type]

    def expected(self) -> dict[str, int]:
        """What every index shall hold: chunk id → version."""
        query = """SELECT c.chunk_id::text, d.version FROM "user".chunks c JOIN "user".documents d
            ON d.document_id = c.document_id AND d.live_revision = c.revision
            WHERE d.state NOT IN ('deleting', 'deleted')"""
        return dict(self.rows(query))

    def held(self) -> tuple[dict[str, int], set[str]]:
        """What a search in Qdrant may find: chunk id → version; and the documents of it all."""
        (collection,) = (each["name"] for each in self._qdrant.get("/collections").json()["result"]["collections"])
        ids: dict[str, int] = {}
        documents: set[str] = set()
        offset = None
        while True:
            body = {
                "limit": 1_000,
                "offset": offset,
                "with_payload": ["doc_id", "version", "live"],
                "with_vector": False,
            }
            page = self._qdrant.post(f"/collections/{collection}/points/scroll", json=body).json()["result"]
            for point in page["points"]:
                if point["payload"].get("live") == 1:
                    ids[point["id"]] = point["payload"]["version"]
                    documents.add(point["payload"]["doc_id"])
            offset = page["next_page_offset"]
            if offset is None:
                return ids, documents

    def unfinished(self) -> int:
        """Documents that are worked on or being deleted, and indexes that have yet to be told of one."""
        working = """SELECT count(*) FROM "user".documents
            WHERE state IN ('uploaded','validating','parsing','chunking','embedding','deleting')"""
        due = "SELECT count(*) FROM ingest.document_indexes WHERE due_at IS NOT NULL"
        return sum(self.rows(query)[0][0] for query in (working, due))

    def wait(self, *, seconds: float = _READY_SECONDS) -> None:
        until = time.monotonic() + seconds
        while left := self.unfinished():
            if time.monotonic() > until:
                raise TimeoutError(f"{left} documents are still worked on")
            time.sleep(1)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="growfit-migration-") as folder:
        Path(folder).chmod(0o711)
        stack = Stack(folder, settings={"QDRANT": "local"})
        say(f"starting a stack; seed {SEED}")
        stack.start()
        try:
            return _run(stack)
        finally:
            stack.stop()


def _run(stack: Stack) -> int:
    people, checker = [_person(stack, number) for number in range(PEOPLE)], Checker(stack)
    documents = []
    say(f"uploading {DOCUMENTS} documents")
    for number in range(DOCUMENTS):
        person = people[number % PEOPLE]
        documents.append((person, person.upload(number)))
    checker.wait()
    supervisor = _supervisor(stack)
    fire = Fire(people, documents)
    migration = supervisor.call("POST", "/vectors/migrations", json={"target": TARGET, "rate": 40})
    path = f"/vectors/migrations/{migration['migration_id']}"
    supervisor.call("POST", f"{path}/start")
    with fire.writing():
        _kill(stack, supervisor, path)
        while len(fire.deleted) < LEAST_DELETES:
            time.sleep(1)
    say(f"writes have ended: {dict(fire.acts)}")
    checker.wait()
    _until(lambda: supervisor.call("GET", path)["stage"] == "filled", "the backfill")
    report = _prove(supervisor, path)
    failures = _compare(checker, fire)
    if not report["is_green"]:
        failures.append(f"the proof is red: {report}")
    say(f"proof: recall {report['recall']}, exact {report['exact']}")
    failures += _switch(supervisor, path, people[0], fire)
    for failure in failures:
        print(f"✗ {failure}", flush=True)  # noqa: T201
    say("all of it holds" if not failures else f"{len(failures)} failures")
    return 1 if failures else 0


def _person(stack: Stack, number: int) -> Person:
    client, email, password = Client(stack.url), f"writer-{number}@example.com", new_password()
    client.sign_up(email, password, f"글쓴이 {number}")
    return Person(client, email, password)


def _supervisor(stack: Stack) -> Person:
    email, password = "supervisor@example.com", new_password()
    create_supervisor(stack, email, password)
    client = Client(stack.url)
    client.log_in(email, password)
    return Person(client, email, password)


def _kill(stack: Stack, supervisor: Person, path: str) -> None:
    """In turn, each time when the one before is up again."""
    choose = random.Random(SEED)
    victims = ["ingest-worker"] * WORKER_KILLS + ["qdrant"] * QDRANT_KILLS
    choose.shuffle(victims)
    for victim in victims:
        time.sleep(choose.uniform(2, 5))
        status = supervisor.call("GET", path)
        say(f"killing {victim}: {status['told']} of {status['documents']} told, {status['due']} due")
        stack.kill(victim, signal.SIGKILL)
        stack.wait_ready(victim)


def _until(is_so: Any, what: str, *, seconds: float = _READY_SECONDS) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > until:
            raise TimeoutError(what)
        time.sleep(1)


def _prove(supervisor: Person, path: str) -> dict[str, Any]:
    check = f"{path}/checks/{supervisor.call('POST', f'{path}/verify')['check_id']}"
    _until(lambda: supervisor.call("GET", check)["verdict"] in ("green", "red"), "the proof")
    report: dict[str, Any] = supervisor.call("GET", check)["report"]
    return report


def _compare(checker: Checker, fire: Fire) -> list[str]:
    expected, (held, documents) = checker.expected(), checker.held()
    missing, surplus = expected.keys() - held.keys(), held.keys() - expected.keys()
    stale = {key for key in expected.keys() & held.keys() if expected[key] != held[key]}
    resurrected = set(fire.deleted) & documents
    say(
        f"{len(expected)} chunks expected, {len(held)} held; {len(missing)} missing, {len(surplus)} too many, "
        f"{len(stale)} stale; {len(resurrected)} of {len(fire.deleted)} deleted are back"
    )
    found = {"missing": missing, "too many": surplus, "stale": stale, "resurrected": resurrected}
    return [f"{name}: {len(ids)}, as {sorted(ids)[:3]}" for name, ids in found.items() if ids]


def _switch(supervisor: Person, path: str, reader: Person, fire: Fire) -> list[str]:
    failures = []
    with fire.searching():
        for body in ({"share": 50}, {"everybody": True}):
            supervisor.call("POST", f"{path}/switch", json=body)
            time.sleep(5)
        if _index_of(reader) != TARGET:
            failures.append("searches do not read the target")
        began = time.monotonic()
        supervisor.call("POST", f"{path}/rollback")
        _until(lambda: _index_of(reader) != TARGET, "the rollback", seconds=60)
        took = time.monotonic() - began
        time.sleep(2)
    say(f"rolled back in {took:.1f} s; {fire.acts['search']} searches, {len(fire.failed_searches)} failed")
    if took > ROLLBACK_SECONDS:
        failures.append(f"the rollback took {took:.1f} s")
    if fire.failed_searches:
        failures.append(f"{len(fire.failed_searches)} searches failed, as {fire.failed_searches[0]}")
    return failures


def _index_of(reader: Person) -> str:
    found = reader.call("POST", "/search", params={"explain": "true"}, json={"query": "환불 신청"})
    return str(found["explain"]["index"])


if __name__ == "__main__":
    sys.exit(main())
