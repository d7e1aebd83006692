"""A secret that is stored as an LLM key is found nowhere afterwards: answer, log, event, trace, table, error.

Beside it goes a marker that is no secret, through the same calls: where the marker is not found either, nothing was
looked at.
"""

import base64
import logging
import re
from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from contracts.org_partner import Role
from org_partner.adapters.resolver_table import TableResolver
from org_partner.factory import wire
from org_partner.ports import Endpoint, Reply

CANARY = "sk-Canary-7fQ2xW9LmZ0pR4vT8yB1"
MARKER = "marker-5kD8sH3nJ6"
URL = "https://api.example.com/v1"


def forms(secret: str) -> set[str]:
    """As it is, in hex, and in base64 wherever in a longer text it may begin."""
    raw = secret.encode()
    found = {secret, raw.hex(), raw.hex().upper(), secret[::-1]}
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + raw)
        # Without the letters that depend on what stands before and after.
        inner = coded[(0, 2, 3)[shift] : len(coded) - 4].decode()
        found |= {inner, inner.translate(str.maketrans("+/", "-_"))}
    return found


def leaks(text: str, secret: str = CANARY) -> list[str]:
    return [form for form in forms(secret) if form in text]


class Echo:
    """A hostile provider: it says what it was told."""

    def __init__(self) -> None:
        self.keys: list[str | None] = []

    async def get(self, endpoint: Endpoint, path: str, *, api_key: str | None) -> Reply:
        self.keys.append(api_key)
        names = ", ".join(f'{{"id": "{name}"}}' for name in (api_key, f"x-{api_key}", MARKER))
        return Reply(200, f'{{"data": [{names}]}}'.encode())


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider()
        trace.set_tracer_provider(provider)
    found = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(found))
    yield found
    found.shutdown()


@pytest.fixture
async def llm(client, settings):
    """The HTTP door, with names from a table and a provider that says what it was told."""
    app = client.http._transport.app
    before, provider = app.state.wired, Echo()
    resolver = TableResolver({"api.example.com": [["93.184.215.14"]]})
    app.state.wired = wire(settings, resolver=resolver, provider=provider)
    yield provider
    await app.state.wired.database.close()
    app.state.wired = before


@pytest.fixture
def logs(caplog) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    for name in ("sqlalchemy.engine", "sqlalchemy.pool", "psycopg", "psycopg.pool", "httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


def logged(logs: pytest.LogCaptureFixture) -> str:
    formatter = logging.Formatter("%(name)s %(message)s %(args)s")
    return "\n".join(formatter.format(record) for record in logs.records)


async def dump(sql) -> str:
    """Every column of every table as text, as the superuser reads them; bytes are hex."""
    tables = await sql.rows(
        """SELECT format('%%I.%%I', n.nspname, c.relname) AS name
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')"""
    )
    parts = []
    for table in tables:
        rows = await sql.rows(f"SELECT t::text AS row FROM {table['name']} t")
        parts += [f"{table['name']} {row['row']}" for row in rows]
    return "\n".join(parts)


def form(**changes) -> dict:
    whole = {"provider": "openai", "base_url": URL, "model": MARKER, "allowed_models": [MARKER], "api_key": CANARY}
    return whole | changes


BROKEN = {
    "too long": form(api_key=CANARY * 40),
    "with a space": form(api_key=f"{CANARY} "),
    "with a line end": form(api_key=f"{CANARY}\r\nX: y"),
    "beyond ASCII": form(api_key=f"{CANARY}é"),
    "in a list": form(api_key=[CANARY]),
    "in an object": form(api_key={"key": CANARY}),
    "beside an unknown field": form(unknown=CANARY),
    "with an unfit model": form(model=f"{CANARY} !"),
    "with an address inside": form(base_url="https://127.0.0.1"),
    "with an unknown host": form(base_url="https://nobody.example.com"),
    "with a model that is not allowed": form(model="another"),
    "without an address": form(base_url=None, provider=None),
}


async def test_a_stored_key_is_found_nowhere(client, world, school, sql, llm, logs, spans) -> None:
    org, partner = f"/orgs/{school.org.org_id}", f"/partners/{school.partner.partner_id}"
    texts: list[str] = []

    async def ask(person, method: str, path: str, **options) -> int:
        answer = await client.ask(person, method, path, **options)
        texts.append(f"{answer.headers} {answer.text}")
        return answer.status_code

    for person, path in ((school.admin, org), (school.admin, partner)):
        assert await ask(person, "PUT", f"{path}/llm-settings", json=form()) == 200
        assert await ask(person, "POST", f"{path}/llm-settings/test") == 200
        for name, body in BROKEN.items():
            assert await ask(person, "PUT", f"{path}/llm-settings", json=body) == 422, name
        assert await ask(person, "PUT", f"{path}/llm-settings", content=f'{{"api_key": "{CANARY}"') == 422
    assert llm.keys == [CANARY, CANARY]
    await _fail_in_the_database(ask, sql, school, org)
    await _ask_everything(client, ask, world, school)

    answers, told = "\n".join(texts), await dump(sql)
    (row,) = await sql.rows("SELECT count(*) AS keys FROM partner.llm_settings WHERE sealed_key IS NOT NULL")
    assert row["keys"] == 2
    traced = "\n".join(span.to_json() for span in spans.get_finished_spans())
    places = {"answers": answers, "database": told, "logs": logged(logs), "traces": traced}
    for name, text in places.items():
        assert leaks(text) == [], name
    # What is looked through is what was written.
    assert MARKER in answers
    assert all(f"{table} " in told for table in ("org_partner.outbox", "partner.activities", "partner.llm_settings"))
    assert told.count(MARKER) > 3
    assert "llm_settings" in places["logs"]
    assert "/llm-settings" in traced


async def _fail_in_the_database(ask, sql, school, org: str) -> None:
    """A defect while the key is written: nobody foresaw it, and its traceback goes to the log."""
    await sql.rows(
        """CREATE FUNCTION partner.fail() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'made to fail'; END $$"""
    )
    each = "FOR EACH ROW EXECUTE FUNCTION partner.fail()"
    await sql.rows(f"CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON partner.llm_settings {each}")
    assert await ask(school.admin, "PUT", f"{org}/llm-settings", json=form()) == 500
    await sql.rows("DROP FUNCTION partner.fail CASCADE")


async def _ask_everything(client, ask, world, school) -> None:
    """Every GET there is, by everybody there is."""
    ids = {
        "org_id": school.org.org_id,
        "partner_id": school.partner.partner_id,
        "class_id": school.group.class_id,
        "course_id": school.course.course_id,
    }
    people = [
        None,
        school.admin,
        school.owner,
        *[await world.staff(school, role) for role in (Role.INSTRUCTOR, Role.ASSISTANT)],
        await world.student(school),
        (await world.sibling(school)).owner,
        (await world.school()).admin,
        await world.supervisor(),
    ]
    document = (await client.http.get("/openapi.json")).json()
    paths = [path for path, methods in document["paths"].items() if "get" in methods]
    assert len(paths) > 20
    for path in paths:
        if set(re.findall(r"{(\w+)}", path)) <= set(ids):
            for person in people:
                await ask(person, "GET", path.format(**ids))


def test_a_leak_would_be_seen() -> None:
    raw = CANARY.encode()
    for text in (
        CANARY,
        f"\\x00{raw.hex()}ff",
        base64.b64encode(raw).decode(),
        base64.b64encode(b"a" + raw + b"zz").decode(),
        base64.urlsafe_b64encode(b"ab" + raw + b"zzz").decode(),
    ):
        assert leaks(text), text
    assert leaks(MARKER) == []
