"""People, tokens and tenants for the tests of org-partner, on a real database that `growfit_local.testing` gives."""

import base64
import json
import secrets
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from chassis.auth import Principal
from chassis.clock import now
from chassis.delivery import Delivery
from chassis.errors import GrowFitError, Locale
from chassis.sealing import Sealer
from contracts.envelope import decode
from contracts.event import Event
from contracts.identity import Tier, UserRegistered
from contracts.ingest import DocumentShared, DocumentUploaded
from contracts.org_partner import AuditRecorded, Role
from contracts.tenancy import Tenant
from growfit_local import stand_ins
from growfit_local.servers import Database as TestDatabase
from growfit_local.stand_ins import Signer
from org_partner.config import Settings
from org_partner.factory import Wired, wire
from org_partner.main import create_app
from org_partner.models import Class, Course, Invitation, Org, Partner
from org_partner.service.invite_codes import Issued


@dataclass(frozen=True)
class Person:
    caller: Principal
    email: str

    @property
    def user_id(self) -> UUID:
        return self.caller.user_id


@dataclass(frozen=True)
class School:
    """One org with one partner that teaches one class."""

    org: Org
    partner: Partner
    course: Course
    group: Class
    admin: Person
    owner: Person


class Sql(stand_ins.Sql):
    """Looks into the database past the service, and puts there what other services would have."""

    async def events(self, **where: UUID) -> list[Event]:
        """What the outbox holds about an id, oldest first, without the audit log's part: `events(org_id=…)`."""
        return [event for event in await self._told(**where) if not isinstance(event, AuditRecorded)]

    async def audits(self, **where: UUID) -> list[AuditRecorded]:
        """What the audit log is told about an id, oldest first: `audits(org_id=…)`."""
        return [event for event in await self._told(**where) if isinstance(event, AuditRecorded)]

    async def _told(self, **where: UUID) -> list[Event]:
        ((name, value),) = where.items()
        query = "SELECT payload::text AS body FROM org_partner.outbox WHERE payload->'data'->>%s = %s ORDER BY id"
        return [decode(row["body"].encode()).data for row in await self.rows(query, name, str(value))]


class Postbox:
    """The letters that wait to be sent, opened."""

    def __init__(self, sql: Sql, settings: Settings) -> None:
        self._sql = sql
        self._sealer = Sealer(settings.key_encryption_key.get_secret_value())

    async def letters(self, to: str) -> list[tuple[str, str]]:
        """Subject and text of those to an address, oldest first."""
        rows = await self._sql.rows("SELECT mail_id, sealed FROM org_partner.mails ORDER BY created_at, mail_id")
        opened = [json.loads(self._sealer.open(row["sealed"], bound_to=f"mail:{row['mail_id']}")) for row in rows]
        return [(subject, text) for address, subject, text in opened if address == to]

    async def token(self, to: str) -> str:
        """The one in the latest letter."""
        (_, text) = (await self.letters(to))[-1]
        return text.split("#token=", 1)[1].split()[0]


class World:
    """Makes people and tenants, through the services wherever there is one for it."""

    def __init__(self, wired: Wired, sql: Sql) -> None:
        self.wired = wired
        self._sql = sql

    async def person(
        self, *, tier: Tier = Tier.USER, announced: bool = True, email: str = "", verified: bool = True
    ) -> Person:
        """`announced` False: signed up, but identity's event has not arrived here yet."""
        user_id = uuid4()
        email = email or f"{user_id.hex}@example.com"
        query = 'INSERT INTO "user".app_user (user_id, email, display_name, tier) VALUES (%s, %s, %s, %s)'
        await self._sql.rows(query, user_id, email, "김민지", tier.value)
        person = Person(Principal(user_id, tier.value, uuid4(), 0), email)
        if announced:
            await self.announce(person, verified=verified)
        return person

    async def announce(self, person: Person, *, verified: bool | None = True) -> None:
        fact = UserRegistered(
            user_id=person.user_id,
            email=person.email,
            display_name="김민지",
            tier=Tier(person.caller.tier),
            locale="ko",
            registered_at=now(),
            email_verified=verified,
        )
        await self.wired.users.register(fact, Delivery("org_partner-register_user", uuid4()))

    async def supervisor(self) -> Person:
        return await self.person(tier=Tier.SUPERVISOR)

    async def school(self) -> School:
        supervisor, admin = await self.supervisor(), await self.person()
        org = await self.wired.orgs.create(supervisor.caller, name="한빛 학원")
        await self.wired.orgs.add_admin(supervisor.caller, org.org_id, email=admin.email)
        course = await self.wired.courses.create(admin.caller, org.org_id, name="생성형 AI 기초")
        partner, group, owner = await self._partner(org, course, admin)
        return School(org, partner, course, group, admin, owner)

    async def sibling(self, school: School) -> School:
        """Another partner of the same org, with the same course."""
        partner, group, owner = await self._partner(school.org, school.course, school.admin)
        return School(school.org, partner, school.course, group, school.admin, owner)

    async def _partner(self, org: Org, course: Course, admin: Person) -> tuple[Partner, Class, Person]:
        owner = await self.person()
        partner = await self.wired.partners.create(
            admin.caller, org.org_id, name="김민지 선생님", owner_email=owner.email
        )
        group = await self.wired.classes.create(
            owner.caller, partner.partner_id, course_id=course.course_id, name="월수 저녁반"
        )
        return partner, group, owner

    async def staff(self, school: School, role: Role) -> Person:
        person = await self.person()
        columns = "membership_id, user_id, org_id, partner_id, role"
        query = f"INSERT INTO partner.memberships ({columns}) VALUES (%s, %s, %s, %s, %s)"
        await self._sql.rows(query, uuid4(), person.user_id, school.org.org_id, school.partner.partner_id, role.value)
        return person

    async def code(self, school: School, *, max_uses: int = 5, **values: Any) -> Issued:
        return await self.wired.invite_codes.issue(
            school.owner.caller, school.group.class_id, lifetime=timedelta(hours=1), max_uses=max_uses, **values
        )

    async def another_class(self, school: School, **values: Any) -> School:
        """The same school with another class of its partner. `values`: as for `ClassService.create`."""
        wanted = {"course_id": school.course.course_id, "name": "화목 오전반"} | values
        group = await self.wired.classes.create(school.owner.caller, school.partner.partner_id, **wanted)
        return replace(school, group=group)

    async def enrolled(self, school: School) -> tuple[Person, UUID]:
        """A new student of the school's class, and the id of their enrolment."""
        person, issued = await self.person(), await self.code(school)
        return person, (await self.wired.redemptions.redeem(person.caller, issued.code)).enrollment_id

    async def document(self, owner: Person, school: School | None = None, **changes: Any) -> UUID:
        """Uploaded by the owner: into the school's class, or as a personal one."""
        place = {} if school is None else {"org_id": school.org.org_id, "partner_id": school.partner.partner_id}
        place |= {} if school is None else {"class_id": school.group.class_id}
        values = {"document_id": uuid4(), "version": 1, "title": "AI 기초.pdf", "media_type": "application/pdf"}
        values |= {"size_bytes": 1, "uploaded_at": now(), "tenant": Tenant(user_id=owner.user_id, **place)} | changes
        await self.note(DocumentUploaded(**values))
        return values["document_id"]

    async def shared(self, owner: Person, *schools: School, version: int = 2, **facts: Any) -> UUID:
        """A document of the owner that ingest tells is open to the schools' classes, or, without any, closed again."""
        scopes = [f"user:{owner.user_id}", *(f"class:{each.group.class_id}" for each in schools)]
        facts = {"document_id": uuid4(), "tenant": Tenant(user_id=owner.user_id), "title": "AI 기초.pdf"} | facts
        await self.note(DocumentShared(**facts, version=version, scopes=scopes, shared_at=now()))
        return facts["document_id"]

    async def note(self, fact: Any) -> None:
        """What ingest tells of a document arrives."""
        await self.wired.documents.note(fact, Delivery("org_partner-note_document", uuid4()))

    async def redeemed(self, person: Person, code: str) -> str:
        """What becomes of it: `enrolled`, or the code of the error."""
        return await self._outcome(self.wired.redemptions.redeem(person.caller, code), "enrolled")

    async def accepted(self, person: Person, token: str) -> str:
        """What becomes of it: `accepted`, or the code of the error."""
        return await self._outcome(self.wired.acceptances.accept(person.caller, token), "accepted")

    async def _outcome(self, trying: Awaitable[Any], done: str) -> str:
        try:
            await trying
        except GrowFitError as error:
            return error.code
        return done

    async def refusals(self, person: Person) -> int:
        """The wrong codes and tokens of this hour that count against them."""
        query = "SELECT count(*) AS number FROM org_partner.refused_redemptions WHERE user_id = %s"
        (row,) = await self._sql.rows(query, person.user_id)
        return int(row["number"])

    async def invite(
        self,
        school: School,
        email: str,
        *,
        role: Role = Role.INSTRUCTOR,
        locale: Locale = Locale.KO,
        by: Person | None = None,
    ) -> Invitation:
        """To the org or to its partner, as the role has it."""
        caller, invitations = (by or school.admin).caller, self.wired.invitations
        if role is Role.ORG_ADMIN:
            return await invitations.invite_to_org(caller, school.org.org_id, email=email, locale=locale)
        return await invitations.invite_to_partner(
            caller, school.partner.partner_id, email=email, role=role, locale=locale
        )

    async def student(self, school: School) -> Person:
        person, issued = await self.person(), await self.code(school)
        await self.wired.redemptions.redeem(person.caller, issued.code)
        return person


class Client:
    """The HTTP door, in process. `ask(person, "GET", "/orgs")`; None is somebody without a token."""

    def __init__(self, http: httpx.AsyncClient, signer: Signer) -> None:
        self.http = http
        self._signer = signer

    async def ask(self, person: Person | None, method: str, path: str, **options: Any) -> httpx.Response:
        headers = (
            {"Authorization": f"Bearer {self._signer.token(person.user_id, tier=person.caller.tier)}"} if person else {}
        )
        return await self.http.request(method, path, headers=headers | options.pop("headers", {}), **options)


@pytest.fixture(scope="module")
def settings(database: TestDatabase) -> Settings:
    return Settings(
        app_env="test",
        database_url=database.url("org_partner"),
        nats_url="nats://127.0.0.1:1",
        nats_nkey_seed="",
        jwks_url="http://127.0.0.1:1/jwks.json",
        key_encryption_key=base64.b64encode(secrets.token_bytes(32)).decode(),
        llm_allowed_hosts="*",
    )


@pytest.fixture(scope="module")
async def wired(settings: Settings) -> AsyncIterator[Wired]:
    wired = wire(settings)
    yield wired
    await wired.database.close()


@pytest.fixture(scope="module")
async def sql(database: TestDatabase) -> AsyncIterator[Sql]:
    sql = Sql(database.libpq_url("postgres"))
    yield sql
    await sql.close()


@pytest.fixture(scope="module")
def postbox(sql: Sql, settings: Settings) -> Postbox:
    return Postbox(sql, settings)


@pytest.fixture(scope="module")
def world(wired: Wired, sql: Sql) -> World:
    return World(wired, sql)


@pytest.fixture(scope="session")
def signer() -> Signer:
    return Signer()


@pytest.fixture(scope="module")
async def client(settings: Settings, signer: Signer) -> AsyncIterator[Client]:
    app = create_app(settings)
    app.state.verifier = signer.verifier
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://org-partner") as http,
    ):
        yield Client(http, signer)


@pytest.fixture(scope="module")
async def school(world: World) -> School:
    return await world.school()
