"""What is measured: a stack of its own, installed and started again, with an academy and one student in it."""

import json
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import machine
import psycopg
from growfit_documents import Fact, korean_pdf, page_fact

from growfit_local.client import Client
from growfit_local.people import Academy, create_supervisor, new_password
from growfit_local.stack import Stack

_SETTLE_SECONDS = 5.0
_READY_SECONDS = 900
_POLL_SECONDS = 0.1


class BenchFailed(Exception):
    """Something that should work did not, so there is nothing to measure; the text says what."""


@contextmanager
def installed_stack(*, starts: int) -> Iterator[tuple[Stack, list[float]]]:
    """A stack on a data directory that was installed before, and the seconds that each of its `starts` took."""
    root = Path(tempfile.mkdtemp(prefix="growfit-bench-"))
    root.chmod(0o711)  # PostgreSQL's own user passes through when the bench runs as root
    stack = Stack(root)
    try:
        stack.start()
        seconds = []
        for _ in range(starts):
            stack.stop()
            began = time.perf_counter()
            stack.start()
            seconds.append(time.perf_counter() - began)
        time.sleep(_SETTLE_SECONDS)
        yield stack, seconds
    finally:
        stack.stop()
        shutil.rmtree(root, ignore_errors=True)


@dataclass(frozen=True)
class Uploaded:
    """A document of `pages` pages whose facts are those of `seed`."""

    document_id: str
    pages: int
    seed: int

    def fact(self, page: int) -> Fact:
        return page_fact(page, seed=self.seed)


class Stage:
    """A student in a class of a stack that is up, and what they do there."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack = stack
        self._folder = folder
        self._run = secrets.token_hex(3)
        self._password = new_password()
        self.supervisor, self.academy, self.student = self._people()
        self._connection = self._connect()

    def _people(self) -> tuple[Client, Academy, Client]:
        supervisor = Client(self.stack.url)
        self._supervisor_address = f"supervisor-{self._run}@example.com"
        create_supervisor(self.stack, self._supervisor_address, self._password)
        supervisor.log_in(self._supervisor_address, self._password)
        academy = Academy(self.stack.url, supervisor, self._run)
        academy.make_class(academy.make_partner())
        student = academy.client()
        self._user_id = student.sign_up(academy.address("student"), self._password, "박학생")["user_id"]
        student.call("POST", "/invite-codes/redeem", json={"code": academy.invite_code})
        return supervisor, academy, student

    @property
    def scopes(self) -> list[str]:
        return [f"user:{self._user_id}", f"class:{self.academy.ids['class_id']}"]

    def processor_seconds(self) -> float:
        return machine.processor_seconds(state.pid for state in self.stack.states().values() if state.pid)

    def _connect(self) -> HTTPConnection:
        gateway = urlsplit(self.stack.url)
        return HTTPConnection(str(gateway.hostname), gateway.port, timeout=60)

    def close(self) -> None:
        self._connection.close()
        self.academy.close()
        self.supervisor.close()

    def log_in(self) -> None:
        """Again before each part: an access token lives for ten minutes, and the bench may last longer."""
        self.student.log_in(self.academy.address("student"), self._password)
        self.supervisor.log_in(self._supervisor_address, self._password)
        self._connection.close()

    def pdf(self, pages: int, *, seed: int) -> Path:
        path = self._folder / f"{pages}-{seed}.pdf"
        path.write_bytes(korean_pdf(pages, seed=seed))
        return path

    def upload(self, path: Path) -> Uploaded:
        pages, seed = map(int, path.stem.split("-"))
        made = self.student.upload(path, class_id=self.academy.ids["class_id"])
        return Uploaded(made["document_id"], pages, seed)

    def wait_ready(self, document: Uploaded) -> dict[str, Any]:
        """The document's end.

        Raises:
            BenchFailed: it is another one than `ready`, or does not come.
        """
        until = time.monotonic() + _READY_SECONDS
        while time.monotonic() < until:
            now: dict[str, Any] = self.student.call("GET", f"/documents/{document.document_id}")
            if now["state"] == "ready":
                return now
            if now["state"] in ("failed", "rejected", "cancelled"):
                raise BenchFailed(f"a document ended as {now['state']}: {now['problem']}")
            time.sleep(_POLL_SECONDS)
        raise BenchFailed(f"a document is not ready after {_READY_SECONDS} s")

    def prepare(self, pages: int, *, seed: int) -> Uploaded:
        """A document that is ready."""
        document = self.upload(self.pdf(pages, seed=seed))
        self.wait_ready(document)
        return document

    def search(self, question: str) -> list[dict[str, Any]]:
        """On the standard library's own connection: a richer client's work would be measured as the gateway's."""
        headers = {"Content-Type": "application/json", **self.student.headers}
        try:
            self._connection.request("POST", "/search", json.dumps({"query": question}), headers)
            answer = self._connection.getresponse()
            body = json.loads(answer.read())
        except (OSError, HTTPException, ValueError) as error:
            raise BenchFailed(f"search: {error!r}") from error
        if answer.status != HTTPStatus.OK:
            raise BenchFailed(f"search: {answer.status} {body}")
        hits: list[dict[str, Any]] = body["hits"]
        return hits

    def get(self, path: str) -> int:
        """The status of a GET, on the same plain connection as `search`."""
        try:
            self._connection.request("GET", path, headers=self.student.headers)
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, HTTPException) as error:
            raise BenchFailed(f"GET {path}: {error!r}") from error
        return answer.status

    def chunk_texts(self, document: Uploaded) -> list[str]:
        """What the pipeline embedded, read as the superuser."""
        url = self.stack.layout.database_url("postgres", driver="postgresql")
        query = 'SELECT text FROM "user".chunks WHERE document_id = %s ORDER BY ordinal'
        with psycopg.connect(url) as connection:
            return [text for (text,) in connection.execute(query, [document.document_id])]
