"""Testing the stored connection: what is asked, of whom, and what is told of the answer."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from pydantic import SecretStr

from chassis.errors import Conflict, Forbidden, NotFound
from contracts.org_partner import Role
from org_partner.adapters.provider_httpx import HttpxProvider
from org_partner.adapters.resolver_table import TableResolver
from org_partner.factory import wire
from org_partner.ports import Endpoint, Reply, Unreachable
from org_partner.service.llm_levels import AtOrg, AtPartner
from org_partner.service.llm_settings import Wanted

PUBLIC, OTHER_PUBLIC = "93.184.215.14", "8.8.8.8"
HOST = "api.example.com"


@dataclass
class Scripted:
    """A provider that answers what it was told to."""

    answer: Reply | Unreachable
    asked: list[tuple[Endpoint, str, str | None]] = field(default_factory=list)

    async def get(self, endpoint: Endpoint, path: str, *, api_key: str | None) -> Reply:
        self.asked.append((endpoint, path, api_key))
        if isinstance(self.answer, Unreachable):
            raise self.answer
        return self.answer


def listing(*names: object) -> Reply:
    return Reply(200, json.dumps({"data": [{"id": name} for name in names]}).encode())


def place(api_key: str | None = "sk-1", url: str = f"https://{HOST}/v1") -> Wanted:
    return Wanted("openai", url, None, ["a"], {}, SecretStr(api_key) if api_key else None, api_key is None)


@pytest.fixture
async def school(world):
    return await world.school()


@contextlib.asynccontextmanager
async def wired_with(settings, provider, *turns: str, **changes) -> AsyncIterator:
    resolver = TableResolver({HOST: [[ip] for ip in turns or (PUBLIC,)]})
    wired = wire(settings.model_copy(update=changes), resolver=resolver, provider=provider)
    try:
        yield wired
    finally:
        await wired.database.close()


async def test_the_key_goes_to_the_checked_address_and_the_models_come_back(settings, school, sql) -> None:
    provider, level = Scripted(listing("gpt-4.1", "gemma3:4b")), AtOrg(school.org.org_id)
    async with wired_with(settings, provider) as wired:
        await wired.llm_settings.save(school.admin.caller, level, place())

        found = await wired.llm_connections.test(school.admin.caller, level)

    assert (found.reachable, found.status, found.models, found.problem) == (True, 200, ["gpt-4.1", "gemma3:4b"], None)
    assert found.latency_ms is not None
    ((endpoint, path, key),) = provider.asked
    assert (endpoint.addresses, endpoint.url + path, key) == ((PUBLIC,), f"https://{HOST}/v1/models", "sk-1")
    query = "SELECT detail FROM partner.activities WHERE org_id = %s AND action = 'llm_settings.tested'"
    assert [row["detail"] for row in await sql.rows(query, school.org.org_id)] == [{"reachable": True, "problem": None}]


async def test_a_name_that_has_moved_inside_since_is_refused_and_gets_no_key(settings, school) -> None:
    provider, level = Scripted(listing("a")), AtOrg(school.org.org_id)
    async with wired_with(settings, provider, PUBLIC, "127.0.0.1") as wired:
        await wired.llm_settings.save(school.admin.caller, level, place())

        found = await wired.llm_connections.test(school.admin.caller, level)

    assert (found.reachable, found.problem.code) == (False, "llm_address_private")
    assert provider.asked == []


async def test_a_name_that_moves_after_the_check_changes_nothing(settings, school) -> None:
    provider, level = Scripted(listing("a")), AtOrg(school.org.org_id)
    async with wired_with(settings, provider, PUBLIC, OTHER_PUBLIC, "127.0.0.1") as wired:
        await wired.llm_settings.save(school.admin.caller, level, place())

        await wired.llm_connections.test(school.admin.caller, level)

    assert [endpoint.addresses for endpoint, *_ in provider.asked] == [(OTHER_PUBLIC,)]


@contextlib.asynccontextmanager
async def listening(host: str, port: int = 0) -> AsyncIterator[tuple[int, list[bytes]]]:
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        body = listing("local-model").body
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, host, port)
    async with server:
        yield server.sockets[0].getsockname()[1], asked


async def test_over_real_sockets_the_connection_goes_to_the_checked_address_alone(settings, school) -> None:
    level = AtOrg(school.org.org_id)
    async with listening("127.0.0.2") as (port, there), listening("127.0.0.1", port) as (_, here):
        turns = ("127.0.0.2", "127.0.0.2", "127.0.0.1")
        async with wired_with(settings, HttpxProvider(), *turns, llm_private_addresses="allow") as wired:
            await wired.llm_settings.save(school.admin.caller, level, place("sk-1", f"http://{HOST}:{port}/v1"))

            found = await wired.llm_connections.test(school.admin.caller, level)

    assert found.models == ["local-model"]
    assert (len(there), len(here)) == (1, 0)
    assert f"host: {HOST}:{port}" in there[0].decode().lower()


@pytest.mark.parametrize(
    ("answer", "problem", "status"),
    [
        (Unreachable("connection"), "llm_unreachable", None),
        (Unreachable("tls"), "llm_tls_failed", None),
        (Unreachable("timeout"), "llm_timed_out", None),
        (Unreachable("too_large"), "llm_answer_too_large", None),
        (Unreachable("protocol"), "llm_answer_unreadable", None),
        (Reply(401, b"no"), "llm_key_refused", 401),
        (Reply(403, b"no"), "llm_key_refused", 403),
        (Reply(302, b""), "llm_status", 302),
        (Reply(500, b"{}"), "llm_status", 500),
        (Reply(200, b"<html>"), "llm_answer_unreadable", 200),
        (Reply(200, b"\xff\xfe"), "llm_answer_unreadable", 200),
        (Reply(200, b"[]"), "llm_answer_unreadable", 200),
        (Reply(200, b'{"data": 1}'), "llm_answer_unreadable", 200),
        (Reply(200, b'{"data": [1]}'), "llm_answer_unreadable", 200),
        (Reply(200, b"[" * 200_000), "llm_answer_unreadable", 200),
        (Reply(200, b'{"data": []}'), None, 200),
    ],
)
async def test_what_is_wrong_is_told(settings, school, answer, problem, status) -> None:
    level = AtOrg(school.org.org_id)
    async with wired_with(settings, Scripted(answer)) as wired:
        await wired.llm_settings.save(school.admin.caller, level, place())

        found = await wired.llm_connections.test(school.admin.caller, level)

    assert (found.problem.code if found.problem else None, found.status, found.models) == (problem, status, [])
    assert found.reachable is (status is not None)


async def test_names_of_models_are_names_at_most_200_and_never_the_key(settings, school) -> None:
    names = [
        "sk-canary-1234",
        "x-sk-canary-1234",
        "<script>",
        "",
        7,
        None,
        "a" * 121,
        "dup",
        "dup",
        *map(str, range(300)),
    ]
    level = AtOrg(school.org.org_id)
    async with wired_with(settings, Scripted(listing(*names))) as wired:
        await wired.llm_settings.save(school.admin.caller, level, place("sk-canary-1234"))

        found = await wired.llm_connections.test(school.admin.caller, level)

    assert found.models == ["dup", *map(str, range(199))]


async def test_a_partner_without_its_own_place_tests_its_orgs(settings, school) -> None:
    provider, org, partner = Scripted(listing("a")), AtOrg(school.org.org_id), AtPartner(school.partner.partner_id)
    async with wired_with(settings, provider) as wired:
        test = wired.llm_connections.test
        with pytest.raises(Conflict):
            await test(school.admin.caller, partner)
        await wired.llm_settings.save(school.admin.caller, org, place("sk-org"))
        await test(school.admin.caller, partner)
        await wired.llm_settings.save(school.admin.caller, partner, place("sk-partner"))
        await test(school.admin.caller, partner)
        await test(school.admin.caller, org)

    assert [key for *_, key in provider.asked] == ["sk-org", "sk-partner", "sk-org"]


async def test_a_key_that_does_not_open_is_told_and_nothing_is_sent(settings, school, sql) -> None:
    provider, level = Scripted(listing("a")), AtOrg(school.org.org_id)
    async with wired_with(settings, provider) as wired:
        await wired.llm_settings.save(school.admin.caller, level, place())
        await sql.rows(
            "UPDATE partner.llm_settings SET sealed_key = %s WHERE org_id = %s", b"x" * 200, school.org.org_id
        )

        found = await wired.llm_connections.test(school.admin.caller, level)

    assert found.problem.code == "llm_key_unreadable"
    assert provider.asked == []


async def test_a_sealed_key_that_was_moved_to_another_org_does_not_open_there(settings, world, school, sql) -> None:
    provider, thief = Scripted(listing("a")), await world.school()
    async with wired_with(settings, provider) as wired:
        await wired.llm_settings.save(school.admin.caller, AtOrg(school.org.org_id), place("sk-mine"))
        await wired.llm_settings.save(thief.admin.caller, AtOrg(thief.org.org_id), place("sk-theirs"))
        copied = """UPDATE partner.llm_settings SET sealed_key =
            (SELECT sealed_key FROM partner.llm_settings WHERE org_id = %s) WHERE org_id = %s"""
        await sql.rows(copied, school.org.org_id, thief.org.org_id)

        found = await wired.llm_connections.test(thief.admin.caller, AtOrg(thief.org.org_id))

    assert found.problem.code == "llm_key_unreadable"
    assert provider.asked == []


async def test_who_may_not_change_the_address_may_not_use_the_key(settings, world, school) -> None:
    provider, partner = Scripted(listing("a")), AtPartner(school.partner.partner_id)
    async with wired_with(settings, provider) as wired:
        await wired.llm_settings.save(school.admin.caller, AtOrg(school.org.org_id), place())
        for person, error in (
            (school.owner, Forbidden),
            (await world.staff(school, Role.INSTRUCTOR), Forbidden),
            (await world.staff(school, Role.ASSISTANT), Forbidden),
            (await world.student(school), NotFound),
            (await world.person(), NotFound),
        ):
            with pytest.raises(error):
                await wired.llm_connections.test(person.caller, partner)

    assert provider.asked == []
