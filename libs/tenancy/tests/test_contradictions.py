"""Facts that would take something to another tenant: refused, unless its partner moved there."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis.clock import now
from chassis.errors import GrowFitError, Invalid, Unavailable
from contracts.event import Event
from contracts.org_partner import (
    ClassClosed,
    ClassOpened,
    EnrollmentEnded,
    EnrollmentPaused,
    MembershipGranted,
    MembershipRevoked,
    OrgChanged,
    PartnerChanged,
    PartnerCreated,
    Role,
    StudentEnrolled,
    TenantStatus,
)
from tenancy.contradictions import TRIES


class Place:
    """A class of a partner of an org, its admin, its instructor and its student, and facts of them from anywhere."""

    def __init__(self) -> None:
        self.org_id, self.partner_id, self.class_id = uuid4(), uuid4(), uuid4()
        self.membership_id, self.admin_id, self.enrollment_id = uuid4(), uuid4(), uuid4()
        self.boss, self.teacher, self.student = uuid4(), uuid4(), uuid4()

    def _at(self, where: dict[str, Any], **ids: Any) -> dict[str, Any]:
        return {"org_id": self.org_id, "partner_id": self.partner_id, "version": 1, **ids, **where}

    def granted(self, **where: Any) -> MembershipGranted:
        ids = {"membership_id": self.membership_id, "user_id": self.teacher, "role": Role.INSTRUCTOR}
        return MembershipGranted(**self._at(where, **ids), granted_at=now())

    def revoked(self, **where: Any) -> MembershipRevoked:
        ids = {"membership_id": self.membership_id, "user_id": self.teacher}
        return MembershipRevoked(**self._at(where, **ids), revoked_at=now())

    def admin(self, **where: Any) -> MembershipGranted:
        ids = {"membership_id": self.admin_id, "user_id": self.boss, "role": Role.ORG_ADMIN, "partner_id": None}
        return MembershipGranted(**self._at(where, **ids), granted_at=now())

    def _seat(self, where: dict[str, Any]) -> dict[str, Any]:
        ids = {"enrollment_id": self.enrollment_id, "student_id": uuid4(), "user_id": self.student}
        return self._at(where, class_id=self.class_id, **ids)

    def enrolled(self, **where: Any) -> StudentEnrolled:
        return StudentEnrolled(**self._seat(where), enrolled_at=now())

    def paused(self, **where: Any) -> EnrollmentPaused:
        return EnrollmentPaused(**self._seat(where), paused_at=now())

    def ended(self, **where: Any) -> EnrollmentEnded:
        return EnrollmentEnded(**self._seat(where), ended_at=now())

    def opened(self, **where: Any) -> ClassOpened:
        ids = {"class_id": self.class_id, "course_id": uuid4(), "name": "저녁반"}
        return ClassOpened(**self._at(where, **ids), opened_at=now())

    def closed(self, **where: Any) -> ClassClosed:
        return ClassClosed(**self._at(where, class_id=self.class_id), closed_at=now())

    def made(self, org_id: UUID, version: int = 1) -> PartnerCreated:
        return PartnerCreated(partner_id=self.partner_id, org_id=org_id, name="강사", version=version, created_at=now())

    def moved(self, org_id: UUID, version: int = 2) -> PartnerChanged:
        facts = {"name": "강사", "status": TenantStatus.ACTIVE, "version": version, "changed_at": now()}
        return PartnerChanged(partner_id=self.partner_id, org_id=org_id, **facts)

    @property
    def ids(self) -> list[UUID]:
        return [self.membership_id, self.admin_id, self.enrollment_id, self.class_id]


@pytest.fixture
async def place(projection) -> Place:
    made = Place()
    await projection.tell(made.opened(), made.granted(), made.admin(), made.enrolled())
    return made


FACTS: list[Callable[..., Event]] = [
    *(Place.granted, Place.revoked, Place.admin),
    *(Place.enrolled, Place.paused, Place.ended),
    *(Place.opened, Place.closed),
]
STAFF = [Place.granted, Place.revoked]
IN_PARTNERS = [fact for fact in FACTS if fact is not Place.admin]


async def refused(projection, *facts: Event, attempt: int = 1) -> GrowFitError:
    with pytest.raises(GrowFitError) as refusal:
        await projection.tell(*facts, attempt=attempt)
    return refusal.value


@pytest.mark.parametrize("version", [1, 2, 99])
@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.__name__)
async def test_nothing_goes_to_another_org_by_an_event(projection, place, fact, version) -> None:
    before = await projection.rows(place.ids)
    elsewhere = {"org_id": uuid4(), "version": version} | ({} if fact is Place.admin else {"partner_id": uuid4()})
    error = await refused(projection, fact(place, **elsewhere))

    assert (type(error), error.code) == (Invalid, "tenant_contradicted")
    assert await projection.rows(place.ids) == before


@pytest.mark.parametrize("fact", IN_PARTNERS, ids=lambda fact: fact.__name__)
async def test_its_partner_alone_is_no_way_there_either(projection, place, fact) -> None:
    """Staff may be on their partner's move, so there is some patience; a class and its students never are."""
    before = await projection.rows(place.ids)
    forged = fact(place, org_id=uuid4(), version=7)

    for attempt in range(1, TRIES):
        kind = Unavailable if fact in STAFF else Invalid
        assert isinstance(await refused(projection, forged, attempt=attempt), kind)
    assert isinstance(await refused(projection, forged, attempt=TRIES), Invalid)
    assert await projection.rows(place.ids) == before


@pytest.fixture
async def idle(projection) -> Place:
    """A partner that has no class, with its instructor and the org's admin."""
    made = Place()
    await projection.tell(made.granted(), made.admin())
    return made


@pytest.mark.parametrize("fact", STAFF, ids=lambda fact: fact.__name__)
async def test_the_partners_staff_goes_where_the_partner_moved(projection, idle, fact) -> None:
    org_id = uuid4()
    await projection.tell(idle.moved(org_id), fact(idle, org_id=org_id, version=7))

    (row,) = [row for row in await projection.rows(idle.ids) if row.version == 7]
    assert row.org_id == org_id


@pytest.mark.parametrize("told_before", [True, False])
async def test_a_partner_that_has_classes_stays_with_them(projection, place, told_before) -> None:
    """Else a forged move would have its own classes refused from then on, and lift what it was suspended for."""
    if told_before:
        await projection.tell(place.moved(place.org_id, version=1))
    before = await projection.rows(place.ids)

    for attempt in range(1, TRIES):
        assert isinstance(await refused(projection, place.moved(uuid4()), attempt=attempt), Unavailable)
    assert isinstance(await refused(projection, place.moved(uuid4()), attempt=TRIES), Invalid)
    await projection.tell(place.opened(class_id=uuid4()), place.moved(place.org_id, version=3))
    assert await projection.rows(place.ids) == before


async def test_a_word_from_before_the_move_comes_after_the_first_class(projection, idle) -> None:
    """It waits until the move itself is told, and then says nothing new."""
    old, new = idle.org_id, uuid4()
    await projection.tell(idle.moved(new, version=3), idle.opened(org_id=new))
    await projection.tell(idle.moved(old, version=2))

    late = Place()
    await projection.tell(late.opened())
    assert isinstance(await refused(projection, late.moved(uuid4(), version=2)), Unavailable)
    await projection.tell(late.moved(late.org_id, version=3))
    await projection.tell(late.moved(uuid4(), version=2), attempt=2)


async def test_a_move_in_any_order_ends_the_same(projection) -> None:
    """A partner without a class, which opens its first one in its new org."""
    place, org_id = Place(), uuid4()
    await projection.tell(place.moved(place.org_id, version=1), place.granted(), place.admin())
    early = [
        place.granted(org_id=org_id, version=2),
        place.opened(org_id=org_id),
        place.enrolled(org_id=org_id),
    ]
    for fact in early:
        assert isinstance(await refused(projection, fact), Unavailable)
    await projection.tell(place.moved(org_id))
    await projection.tell(*early[::-1], attempt=2)
    # A fact from before the move, late and again.
    await projection.tell(place.granted())

    moved = {row[0]: row for row in await projection.rows(place.ids)}
    assert {moved[each].org_id for each in (place.membership_id, place.class_id, place.enrollment_id)} == {org_id}
    assert moved[place.admin_id].org_id == place.org_id
    assert set((await projection.access(place.student)).classes) == {place.class_id}
    assert set((await projection.access(place.teacher)).classes) == {place.class_id}


async def test_a_partner_that_moved_does_not_take_an_org_role_along(projection, idle) -> None:
    org_id = uuid4()
    await projection.tell(idle.moved(org_id))

    assert isinstance(await refused(projection, idle.admin(org_id=org_id, version=2)), Invalid)


@pytest.mark.parametrize("fact", [Place.granted, Place.revoked, Place.enrolled, Place.ended])
async def test_nothing_is_given_to_another_person(projection, place, fact) -> None:
    assert isinstance(await refused(projection, fact(place, user_id=uuid4(), version=5)), Invalid)


async def test_nobody_is_enrolled_in_a_class_of_another_org(projection, place) -> None:
    """A new enrolment, of which nothing is known but the class that it names."""
    intruder = Place()
    seat = {"class_id": place.class_id}
    assert isinstance(await refused(projection, intruder.enrolled(**seat)), Invalid)
    half = {"org_id": place.org_id}
    assert isinstance(await refused(projection, intruder.enrolled(**seat, **half)), Unavailable)
    assert isinstance(await refused(projection, intruder.enrolled(**seat, **half), attempt=TRIES), Invalid)
    assert isinstance(await refused(projection, intruder.enrolled(**seat, partner_id=place.partner_id)), Invalid)

    assert await projection.rows([intruder.enrollment_id]) == []
    await projection.tell(intruder.enrolled(**seat, org_id=place.org_id, partner_id=place.partner_id))
    assert set((await projection.access(intruder.student)).classes) == {place.class_id}


@pytest.mark.parametrize("known_by", [Place.made, Place.moved], ids=["created", "changed"])
async def test_nobody_gets_a_role_in_a_partner_of_another_org(projection, known_by) -> None:
    place, intruder = Place(), Place()
    await projection.tell(known_by(place, place.org_id))

    for fact in (intruder.granted, intruder.opened):
        assert isinstance(await refused(projection, fact(partner_id=place.partner_id), attempt=TRIES), Invalid)


async def test_an_org_never_becomes_a_partner(projection, place) -> None:
    facts = {"name": "학원", "status": TenantStatus.SUSPENDED, "version": 9, "changed_at": now()}
    await projection.tell(place.moved(place.org_id), OrgChanged(org_id=place.org_id, **facts | {"version": 1}))

    wrong: list[Event] = [
        PartnerChanged(partner_id=place.org_id, org_id=uuid4(), **facts),
        OrgChanged(org_id=place.partner_id, **facts),
    ]
    for fact in wrong:
        assert isinstance(await refused(projection, fact), Invalid)


async def test_inside_its_org_a_class_or_a_seat_may_change_its_partner(projection, place) -> None:
    other = uuid4()
    await projection.tell(place.opened(partner_id=other, version=2), place.enrolled(partner_id=other, version=2))

    assert set((await projection.access(place.student)).classes) == {place.class_id}
    assert dict((await projection.access(place.teacher)).classes) == {}


async def test_a_partner_is_made_once(projection) -> None:
    place = Place()
    await projection.tell(place.made(place.org_id), place.made(place.org_id))
    for version in (1, 2):
        forged = place.made(uuid4(), version=version + 1)
        assert isinstance(await refused(projection, forged), Invalid)
    # The word of how it was made comes late: it was moved meanwhile.
    await projection.tell(place.moved(uuid4(), version=3), place.made(place.org_id))
