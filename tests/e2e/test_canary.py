"""An LLM key that an org stores is read back nowhere: in no answer, log, event, table or file of the whole stack.

Beside the gateway, these read the stack's disk, its bus as the operator and its database as the superuser. What is
looked for is a text that nothing else has; that the search would find it is shown with another one.
"""

import asyncio
import base64
import json
import os
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.js.errors import NotFoundError

from growfit_local import postgres, processes
from growfit_local.client import ApiError, Client
from growfit_local.credentials import seed_name
from growfit_local.people import new_password
from growfit_local.ports import LOOPBACK
from growfit_local.stack import Stack

SCHEMAS = ("supervisor", "partner", "user", "identity", "org_partner", "ingest", "rag", "usage_metrics")


def forms(canary: str) -> set[bytes]:
    """As it is, in hex, and in base64 wherever in a longer text it begins."""
    plain = canary.encode()
    found = {plain, plain.hex().encode(), plain.hex().upper().encode()}
    for before in range(3):
        padded = bytes(before) + plain
        # The letters at the ends are made of the neighbours too.
        inner = slice((0, 2, 3)[before], len(padded) * 8 // 6)
        found |= {encode(padded)[inner] for encode in (base64.b64encode, base64.urlsafe_b64encode)}
    return found


def within(canary: str, content: bytes) -> bool:
    return any(form in content for form in forms(canary))


class Provider(BaseHTTPRequestHandler):
    """Says no, and repeats what it was sent, as some do."""

    seen: list[str] = []  # noqa: RUF012  one server's, for the test to look at

    def do_GET(self) -> None:
        self._refuse()

    def do_POST(self) -> None:
        self._refuse()

    def _refuse(self) -> None:
        sent = str(self.headers)
        self.seen.append(sent)
        body = json.dumps({"error": {"message": f"Incorrect API key provided: {sent}"}}).encode()
        self.send_response(401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with ThreadingHTTPServer((LOOPBACK, 0), Provider) as server, ThreadPoolExecutor(1) as thread:
        thread.submit(server.serve_forever, 0.05)
        yield f"http://{LOOPBACK}:{server.server_port}/v1"
        server.shutdown()


@pytest.fixture(scope="module")
def marked() -> str:
    return f"planted-{secrets.token_hex(16)}"


@pytest.fixture(scope="module")
def canary(make_academy: Any, supervisor: Client, provider: str, marked: str) -> str:
    """Stored as a key by an org's admin, used, sent wrongly, replaced by another; returned after the bus has told it.

    `marked` goes the same way as the name of a model, which is no secret.
    """
    canary = f"sk-{secrets.token_hex(24)}"
    academy = make_academy()
    admin = academy.client()
    made = admin.sign_up(academy.address("admin"), new_password(), "최원장")
    supervisor.call("POST", f"/users/{made['user_id']}/verify-email")
    org = f"/orgs/{academy.ids['org_id']}"
    supervisor.settled("POST", f"{org}/admins", json={"email": academy.address("admin")})
    path = f"{org}/llm-settings"
    wanted = {"provider": "openai", "base_url": provider, "model": marked, "allowed_models": [marked]}
    answers = [admin.settled("PUT", path, json=wanted | {"api_key": canary})]
    answers += [admin.call("POST", f"{path}/test"), admin.call("GET", path)]
    elsewhere = {"base_url": provider.replace("//", f"//{canary}@"), "api_key": canary}
    for wrong in ({"api_key": f"{canary} "}, {"api_key": [canary]}, {"key": canary}, elsewhere):
        with pytest.raises(ApiError) as refused:
            admin.call("PUT", path, json=wanted | wrong)
        assert refused.value.status == 422
        answers.append(refused.value.problem)
    answers.append(admin.call("PUT", path, json=wanted | {"api_key": f"{canary}-new"}))
    query = {"org_id": academy.ids["org_id"], "action": "llm_settings.saved"}
    entries = _until(lambda: supervisor.call("GET", "/audit-events", params=query)["items"], count=2)
    answers += [*entries, admin.call("GET", f"{org}/activities")]

    assert any(canary in sent for sent in Provider.seen), "the key was never used"
    assert marked in str(answers)
    assert [answer for answer in answers if within(canary, json.dumps(answer).encode())] == []
    return canary


def _until(look: Callable[[], list[Any]], *, count: int) -> list[Any]:
    for _ in range(200):
        if len(found := look()) >= count:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{len(found)} of {count} came")


def test_no_file_of_the_stack_has_it(stack: Stack, canary: str, marked: str) -> None:
    """Logs of all processes, letters, stored files, the bus's and the database's own."""
    planted = stack.home.logs / "canary.log"
    try:
        for line in (marked, marked.encode().hex(), base64.b64encode(b"key=" + marked.encode()).decode()):
            planted.write_text(f"{line}\n", "utf-8")
            assert planted in set(_files_with(stack, marked)), "the search does not find"
    finally:
        planted.unlink()

    assert {path.stem for path in stack.home.logs.iterdir()} >= set(processes.wanted(stack.layout))
    assert list(_files_with(stack, canary)) == []


def _files_with(stack: Stack, canary: str) -> Iterator[Path]:
    for path in stack.home.root.rglob("*"):
        try:
            if path.is_file() and within(canary, path.read_bytes()):
                yield path
        except FileNotFoundError:
            continue  # a server has put it away meanwhile


def test_no_event_has_it(stack: Stack, canary: str) -> None:
    messages = asyncio.run(_messages(stack))

    assert [content for _, content in messages if b"llm_settings.saved" in content], "what tells of the key is there"
    assert [subject for subject, content in messages if within(canary, content)] == []


async def _messages(stack: Stack) -> list[tuple[str, bytes]]:
    """Headers and body of all that the streams hold."""
    client = await nats.connect(
        stack.layout.nats_url,
        nkeys_seed_str=stack.layout.secrets[seed_name("operator")],
        inbox_prefix=b"_INBOX_operator",
    )
    found = []
    try:
        jetstream = client.jetstream()
        for stream in await jetstream.streams_info():
            for number in range(max(stream.state.first_seq, 1), stream.state.last_seq + 1):
                try:
                    message = await jetstream.get_msg(stream.config.name, number)
                except NotFoundError:
                    continue
                content = json.dumps(message.headers or {}).encode() + (message.data or b"")
                found.append((message.subject or "", content))
    finally:
        await client.close()
    return found


def test_no_table_has_it(stack: Stack, canary: str, marked: str) -> None:
    dump = _dump(stack)

    assert within(marked, dump), "the search does not find"
    assert all(
        f"INSERT INTO {schema}".encode() in dump or f'INSERT INTO "{schema}"'.encode() in dump for schema in SCHEMAS
    )
    assert not within(canary, dump)


def _dump(stack: Stack) -> bytes:
    url = stack.layout.database_url("postgres", driver="postgresql")
    command = [str(postgres.binary("pg_dump")), "--inserts", "--data-only", "--dbname", url]
    return subprocess.run(command, check=True, capture_output=True, env=dict(os.environ)).stdout
