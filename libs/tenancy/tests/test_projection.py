"""Facts in any order, late and again: the end is always the same."""

from itertools import permutations
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from chassis.clock import now
from contracts.event import Event
from contracts.org_partner import (
    ClassClosed,
    ClassOpened,
    CourseCreated,
    EnrollmentEnded,
    MembershipGranted,
    MembershipRevoked,
    Role,
    StudentEnrolled,
)


class History:
    """All that is told of one class, one instructor and one student, in the order in which it happened."""

    def __init__(self) -> None:
        self.user_id, self.student_id = uuid4(), uuid4()
        self.membership_id, self.enrollment_id, self.class_id = uuid4(), uuid4(), uuid4()
        self.place = {"org_id": uuid4(), "partner_id": uuid4()}

    @property
    def ids(self) -> list[Any]:
        return [self.membership_id, self.enrollment_id, self.class_id]

    def granted(self, version: int, role: Role = Role.INSTRUCTOR) -> MembershipGranted:
        who = {"membership_id": self.membership_id, "user_id": self.user_id, "role": role}
        return MembershipGranted(**who, **self.place, version=version, granted_at=now())

    def revoked(self, version: int) -> MembershipRevoked:
        who = {"membership_id": self.membership_id, "user_id": self.user_id}
        return MembershipRevoked(**who, **self.place, version=version, revoked_at=now())

    def _seat(self, version: int) -> dict[str, Any]:
        who = {"enrollment_id": self.enrollment_id, "student_id": uuid4(), "user_id": self.student_id}
        return {**who, **self.place, "class_id": self.class_id, "version": version}

    def enrolled(self, version: int) -> StudentEnrolled:
        return StudentEnrolled(**self._seat(version), enrolled_at=now())

    def ended(self, version: int) -> EnrollmentEnded:
        return EnrollmentEnded(**self._seat(version), ended_at=now())

    def opened(self, version: int) -> ClassOpened:
        room = {"class_id": self.class_id, "course_id": uuid4(), "name": f"{version}기 저녁반"}
        return ClassOpened(**room, **self.place, version=version, opened_at=now())

    def closed(self, version: int) -> ClassClosed:
        return ClassClosed(class_id=self.class_id, **self.place, version=version, closed_at=now())


def ending(*, teaching: bool, learning: bool, open_: bool) -> tuple[History, list[Event]]:
    """A history of two rounds, whose last facts leave things as asked."""
    history = History()
    facts: list[Event] = [history.granted(1), history.revoked(2), history.granted(3, Role.ASSISTANT)]
    facts += [history.enrolled(1), history.ended(2), history.enrolled(3)]
    facts += [history.opened(1), history.closed(2), history.opened(3)]
    facts += [] if teaching else [history.revoked(4)]
    facts += [] if learning else [history.ended(4)]
    facts += [] if open_ else [history.closed(4)]
    return history, facts


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), teaching=st.booleans(), learning=st.booleans(), open_=st.booleans())
async def test_any_order_with_repeats_ends_the_same(projection, data, teaching, learning, open_) -> None:
    history, facts = ending(teaching=teaching, learning=learning, open_=open_)
    repeats = data.draw(st.lists(st.sampled_from(facts), max_size=6))
    await projection.tell(*data.draw(st.permutations([*facts, *repeats])))

    rows = {row[0]: row._mapping for row in await projection.rows(history.ids)}
    assert set(rows) == set(history.ids)
    held, seat, room = (rows[each] for each in history.ids)
    assert held["is_active"] is teaching
    assert held["role"] == "assistant" or not teaching
    assert (seat["is_active"], seat["role"], seat["class_id"]) == (learning, "student", history.class_id)
    assert room["is_open"] is open_
    assert room["name"] == "3기 저녁반" or not open_
    assert [row["version"] for row in (held, seat, room)] == [3 if end else 4 for end in (teaching, learning, open_)]
    taught = await projection.access(history.user_id)
    learned = await projection.access(history.student_id)
    assert set(taught.classes) == ({history.class_id} if teaching else set())
    assert set(learned.classes) == ({history.class_id} if learning else set())


@pytest.mark.parametrize("repeated", [False, True], ids=["once", "twice"])
async def test_every_order_of_a_beginning_and_its_end_leaves_the_same_row(projection, repeated) -> None:
    """Also what it is called: what was booked on a class or a role that has ended still needs its name."""
    ends = set()
    for order in permutations(range(2)):
        history = History()
        pairs = [
            (history.granted(1), history.revoked(2)),
            (history.enrolled(1), history.ended(2)),
            (history.opened(1), history.closed(2)),
        ]
        told = [pair[place] for pair in pairs for place in order]
        await projection.tell(*told, *(told if repeated else []))
        held, seat, room = sorted(await projection.rows(history.ids), key=lambda row: history.ids.index(row[0]))
        ends.add((held.is_active, held.role, held.version, seat.is_active, seat.role, seat.version))
        ends.add((room.is_open, room.name, room.version))

    assert ends == {(False, "instructor", 2, False, "student", 2), (False, "1기 저녁반", 2)}


async def test_a_late_beginning_names_what_has_ended_and_opens_nothing(projection) -> None:
    history = History()
    await projection.tell(history.revoked(2), history.closed(2), history.enrolled(1))
    await projection.tell(history.granted(1), history.opened(1))

    assert dict((await projection.access(history.user_id)).classes) == {}
    (place,) = (await projection.access(history.student_id)).classes.values()
    assert not place.is_open


async def test_facts_of_other_kinds_change_nothing(projection) -> None:
    history = History()
    await projection.tell(
        CourseCreated(course_id=history.class_id, org_id=uuid4(), name="과정", version=1, created_at=now())
    )

    assert await projection.rows(history.ids) == []


async def test_what_fails_leaves_nothing_of_its_transaction(projection) -> None:
    history = History()
    broken = history.opened(1).model_copy(update={"partner_id": None})
    with pytest.raises(IntegrityError, match="partner_id"):
        await projection.tell(history.granted(1), broken)

    assert await projection.rows(history.ids) == []
