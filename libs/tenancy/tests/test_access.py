"""What each role reaches; whatever no fact tells of is out of reach."""

from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest

from chassis import tenant
from chassis.clock import now
from contracts.org_partner import (
    ClassClosed,
    ClassOpened,
    EnrollmentEnded,
    EnrollmentPaused,
    MembershipGranted,
    MembershipRevoked,
    OrgChanged,
    PartnerChanged,
    Role,
    StudentEnrolled,
    TenantStatus,
)
from contracts.tenancy import Tenant
from tenancy.access import Staff, access_of, class_scope, user_scope

STAFF = [Role.PARTNER_OWNER, Role.INSTRUCTOR, Role.ASSISTANT]


@dataclass(frozen=True)
class Room:
    org_id: UUID
    partner_id: UUID
    class_id: UUID = field(default_factory=uuid4)

    @property
    def ids(self) -> dict[str, UUID]:
        return {"org_id": self.org_id, "partner_id": self.partner_id, "class_id": self.class_id}

    def opened(self) -> ClassOpened:
        return ClassOpened(**self.ids, course_id=uuid4(), name="저녁반", version=1, opened_at=now())

    def closed(self) -> ClassClosed:
        return ClassClosed(**self.ids, version=2, closed_at=now())

    def org(self, status: TenantStatus, version: int = 2) -> OrgChanged:
        return OrgChanged(org_id=self.org_id, name="학원", status=status, version=version, changed_at=now())

    def partner(self, status: TenantStatus, version: int = 2) -> PartnerChanged:
        ids = {"org_id": self.org_id, "partner_id": self.partner_id}
        return PartnerChanged(**ids, name="강사", status=status, version=version, changed_at=now())

    def enrolled(self, user_id: UUID, enrollment_id: UUID | None = None) -> StudentEnrolled:
        seat = {"enrollment_id": enrollment_id or uuid4(), "student_id": uuid4(), "user_id": user_id, "version": 1}
        return StudentEnrolled(**self.ids, **seat, enrolled_at=now())


def granted(user_id: UUID, role: Role, room: Room, *, in_partner: bool = True) -> MembershipGranted:
    place = {"org_id": room.org_id, "partner_id": room.partner_id if in_partner else None}
    return MembershipGranted(membership_id=uuid4(), user_id=user_id, role=role, version=1, granted_at=now(), **place)


@dataclass(frozen=True)
class World:
    """`mine` and `second` of one partner, `sibling` of another partner of the org, `foreign` of another org."""

    mine: Room
    second: Room
    sibling: Room
    foreign: Room


@pytest.fixture
async def world(projection) -> World:
    org_id, partner_id = uuid4(), uuid4()
    world = World(Room(org_id, partner_id), Room(org_id, partner_id), Room(org_id, uuid4()), Room(uuid4(), uuid4()))
    await projection.tell(*(room.opened() for room in (world.mine, world.second, world.sibling, world.foreign)))
    return world


async def test_nobody_reaches_nothing(projection, world) -> None:
    user_id = uuid4()
    access = await projection.access(user_id)

    assert (dict(access.classes), access.scopes) == ({}, (user_scope(user_id),))
    assert access.tenant(None) == Tenant(user_id=user_id)
    assert access.tenant(world.mine.class_id) is None


@pytest.mark.parametrize("role", STAFF)
async def test_a_partners_staff_teaches_all_classes_of_the_partner_alone(projection, world, role) -> None:
    user_id = uuid4()
    await projection.tell(granted(user_id, role, world.mine))
    access = await projection.access(user_id)

    assert {key: place.teaches for key, place in access.classes.items()} == {
        world.mine.class_id: True,
        world.second.class_id: True,
    }
    assert set(access.scopes) == {
        user_scope(user_id),
        class_scope(world.mine.class_id),
        class_scope(world.second.class_id),
    }


async def test_an_org_admin_reaches_all_partners_of_the_org_and_no_other_org(projection, world) -> None:
    user_id = uuid4()
    await projection.tell(granted(user_id, Role.ORG_ADMIN, world.mine, in_partner=False))
    access = await projection.access(user_id)

    assert {key: place.teaches for key, place in access.classes.items()} == dict.fromkeys(
        (world.mine.class_id, world.second.class_id, world.sibling.class_id), True
    )


async def test_a_student_is_in_one_class_and_teaches_nothing(projection, world) -> None:
    user_id = uuid4()
    await projection.tell(world.mine.enrolled(user_id))
    access = await projection.access(user_id)

    assert {key: place.teaches for key, place in access.classes.items()} == {world.mine.class_id: False}
    assert access.tenant(world.mine.class_id) == Tenant(**world.mine.ids, user_id=user_id)
    for room in (world.second, world.sibling, world.foreign):
        assert access.tenant(room.class_id) is None


@pytest.mark.parametrize("role", [*STAFF, Role.STUDENT])
async def test_a_role_without_its_partner_reaches_no_class(projection, world, role) -> None:
    """A fact that nobody should publish: it must not become a right in the whole org."""
    user_id = uuid4()
    await projection.tell(granted(user_id, role, world.mine, in_partner=False))

    assert dict((await projection.access(user_id)).classes) == {}


async def test_a_student_role_in_a_partner_is_no_seat_in_its_classes(projection, world) -> None:
    user_id = uuid4()
    await projection.tell(granted(user_id, Role.STUDENT, world.mine))

    assert dict((await projection.access(user_id)).classes) == {}


@pytest.mark.parametrize("student_first", [True, False])
async def test_whoever_teaches_and_learns_in_a_class_teaches(projection, world, student_first) -> None:
    user_id = uuid4()
    facts = [world.mine.enrolled(user_id), granted(user_id, Role.INSTRUCTOR, world.mine)]
    await projection.tell(*(facts if student_first else facts[::-1]))
    access = await projection.access(user_id)

    assert access.classes[world.mine.class_id].teaches
    assert len(access.scopes) == len(set(access.scopes)) == 3


async def test_a_closed_class_may_be_read_and_nothing_is_put_there(projection, world) -> None:
    student, admin = uuid4(), uuid4()
    await projection.tell(
        world.mine.enrolled(student),
        granted(admin, Role.ORG_ADMIN, world.mine, in_partner=False),
        world.mine.closed(),
    )

    for user_id in (student, admin):
        access = await projection.access(user_id)
        assert class_scope(world.mine.class_id) in access.scopes
        assert not access.classes[world.mine.class_id].is_open
        assert access.tenant(world.mine.class_id) is None
        assert access.tenant(None) == Tenant(user_id=user_id)


async def test_an_ended_enrolment_and_a_revoked_role_reach_nothing(projection, world) -> None:
    student, teacher = uuid4(), uuid4()
    seat, role = world.mine.enrolled(student), granted(teacher, Role.INSTRUCTOR, world.mine)
    await projection.tell(seat, role)
    assert (await projection.access(student)).classes
    assert (await projection.access(teacher)).classes
    ended = seat.model_dump(exclude={"enrolled_at", "version"})
    revoked = role.model_dump(exclude={"granted_at", "version", "role"})
    await projection.tell(
        EnrollmentEnded(**ended, version=2, ended_at=now()),
        MembershipRevoked(**revoked, version=2, revoked_at=now()),
    )

    for user_id in (student, teacher):
        assert dict((await projection.access(user_id)).classes) == {}


async def test_a_seat_in_a_class_that_is_not_known_yet_waits_for_it(projection) -> None:
    user_id, room = uuid4(), Room(uuid4(), uuid4())
    await projection.tell(room.enrolled(user_id))
    assert dict((await projection.access(user_id)).classes) == {}

    await projection.tell(room.opened())
    assert set((await projection.access(user_id)).classes) == {room.class_id}


async def test_two_people_and_two_tenants_do_not_mix(projection, world) -> None:
    one, two = uuid4(), uuid4()
    await projection.tell(world.mine.enrolled(one), world.foreign.enrolled(two))

    assert set((await projection.access(one)).classes) == {world.mine.class_id}
    assert set((await projection.access(two)).classes) == {world.foreign.class_id}


@pytest.fixture
async def people(projection, world) -> dict[str, UUID]:
    """Who reaches classes of the org, in each way that there is."""
    who = {name: uuid4() for name in ("student", "teacher", "sibling", "admin", "elsewhere")}
    await projection.tell(
        world.mine.enrolled(who["student"]),
        granted(who["teacher"], Role.PARTNER_OWNER, world.mine),
        granted(who["sibling"], Role.INSTRUCTOR, world.sibling),
        granted(who["admin"], Role.ORG_ADMIN, world.mine, in_partner=False),
        granted(who["elsewhere"], Role.ORG_ADMIN, world.foreign, in_partner=False),
    )
    return who


async def reached(projection, people) -> dict[str, set[UUID]]:
    return {name: set((await projection.access(user_id)).classes) for name, user_id in people.items()}


@pytest.mark.parametrize("status", [TenantStatus.SUSPENDED, TenantStatus.CLOSED])
async def test_nobody_reaches_the_classes_of_a_suspended_org_until_it_is_active_again(
    projection, world, people, status
) -> None:
    before = await reached(projection, people)
    assert all(before.values())
    await projection.tell(world.mine.org(status))
    assert await reached(projection, people) == {
        name: before[name] if name == "elsewhere" else set() for name in people
    }
    access = await projection.access(people["student"])
    assert access.scopes == (user_scope(people["student"]),)
    assert access.tenant(world.mine.class_id) is None

    await projection.tell(world.mine.org(TenantStatus.ACTIVE, version=3), world.mine.org(status))
    assert await reached(projection, people) == before


@pytest.mark.parametrize("status", [TenantStatus.SUSPENDED, TenantStatus.CLOSED])
async def test_a_suspended_partner_takes_its_own_classes_alone(projection, world, people, status) -> None:
    before = await reached(projection, people)
    await projection.tell(world.mine.partner(status))

    assert await reached(projection, people) == {
        **before,
        "student": set(),
        "teacher": set(),
        "admin": {world.sibling.class_id},
    }
    await projection.tell(world.mine.partner(TenantStatus.ACTIVE, version=3))
    assert await reached(projection, people) == before


async def test_an_active_partner_of_a_suspended_org_is_suspended(projection, world, people) -> None:
    await projection.tell(world.mine.org(TenantStatus.SUSPENDED), world.mine.partner(TenantStatus.ACTIVE))

    assert (await reached(projection, people))["teacher"] == set()


async def test_a_paused_enrolment_takes_the_class_away_until_it_is_given_back(projection, world) -> None:
    user_id = uuid4()
    seat = world.mine.enrolled(user_id)
    paused = EnrollmentPaused(**seat.model_dump(exclude={"version", "enrolled_at"}), version=2, paused_at=now())
    await projection.tell(seat, paused, seat)
    assert dict((await projection.access(user_id)).classes) == {}

    await projection.tell(seat.model_copy(update={"version": 3}), paused)
    assert set((await projection.access(user_id)).classes) == {world.mine.class_id}


async def test_a_membership_reaches_no_class_of_another_org_whatever_it_names(projection, world) -> None:
    """What came before the class was known could not be refused; it gives nothing all the same, wall or no wall."""
    user_id, room, org_id = uuid4(), Room(uuid4(), uuid4()), uuid4()
    wrong = Room(org_id, room.partner_id, room.class_id)
    await projection.tell(wrong.enrolled(user_id), granted(user_id, Role.INSTRUCTOR, wrong), room.opened())

    for context in (tenant.of_user(user_id), tenant.PLATFORM):
        assert dict((await projection.access(user_id, context)).classes) == {}


async def test_without_a_context_nobody_reaches_anything(projection, world, people) -> None:
    async with projection.database.transaction() as session:
        nobody = await access_of(session, projection._tables, people["admin"])

    assert dict(nobody.classes) == {}


async def test_who_teaches_in_an_org_and_who_once_did(projection, world, people) -> None:
    gone = uuid4()
    role = granted(gone, Role.ASSISTANT, world.sibling)
    ended = role.model_dump(exclude={"granted_at", "version", "role"})
    stray = granted(gone, Role.ORG_ADMIN, world.mine)
    await projection.tell(role, MembershipRevoked(**ended, version=2, revoked_at=now()), stray)
    found = await projection.staff(world.mine.org_id, *people.values(), gone)

    partners = {"teacher": world.mine.partner_id, "sibling": world.sibling.partner_id, "admin": None}
    assert {each.user_id: each for each in found} == {
        **{people[name]: Staff(people[name], partner, is_active=True) for name, partner in partners.items()},
        gone: Staff(gone, world.sibling.partner_id, is_active=False),
    }
    teaches = {
        name
        for name in partners
        for each in found
        if each.user_id == people[name] and each.teaches_at(world.mine.partner_id)
    }
    assert teaches == {"teacher", "admin"}
    assert not any(each.teaches_at(world.sibling.partner_id) for each in found if each.user_id == gone)
