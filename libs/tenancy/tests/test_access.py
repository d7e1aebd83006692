"""What each role reaches; whatever no fact tells of is out of reach."""

from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest

from chassis.clock import now
from contracts.org_partner import (
    ClassClosed,
    ClassOpened,
    EnrollmentEnded,
    MembershipGranted,
    MembershipRevoked,
    Role,
    StudentEnrolled,
)
from contracts.tenancy import Tenant
from tenancy.access import class_scope, user_scope

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
