"""The projection ends the same in every order and after every repeat of its events."""

from datetime import UTC, datetime
from itertools import permutations
from uuid import uuid4

import pytest

from chassis.delivery import AlreadyHandled, Delivery
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

NOW = datetime(2026, 11, 10, 3, 0, tzinfo=UTC)
IDS = {name: uuid4() for name in ("user_id", "org_id", "partner_id", "class_id", "course_id", "student_id")}
MEMBERSHIP = {**IDS, "membership_id": uuid4(), "role": Role.INSTRUCTOR}
ENROLLMENT = {**IDS, "enrollment_id": uuid4()}
TENANT = {**IDS, "name": "하늘 학원", "changed_at": NOW}

CHANGES = {
    "membership": [
        MembershipGranted.model_validate({**MEMBERSHIP, "version": 1, "granted_at": NOW}),
        MembershipRevoked.model_validate({**MEMBERSHIP, "version": 2, "revoked_at": NOW}),
        MembershipGranted.model_validate({**MEMBERSHIP, "role": Role.PARTNER_OWNER, "version": 3, "granted_at": NOW}),
    ],
    "enrollment": [
        StudentEnrolled.model_validate({**ENROLLMENT, "version": 1, "enrolled_at": NOW}),
        EnrollmentPaused.model_validate({**ENROLLMENT, "version": 2, "paused_at": NOW}),
        EnrollmentEnded.model_validate({**ENROLLMENT, "version": 4, "ended_at": NOW}),
    ],
    "pause": [
        StudentEnrolled.model_validate({**ENROLLMENT, "version": 1, "enrolled_at": NOW}),
        EnrollmentPaused.model_validate({**ENROLLMENT, "version": 2, "paused_at": NOW}),
        StudentEnrolled.model_validate({**ENROLLMENT, "version": 3, "enrolled_at": NOW}),
    ],
    "org": [
        OrgChanged.model_validate({**TENANT, "status": status, "version": version})
        for version, status in enumerate((TenantStatus.ACTIVE, TenantStatus.SUSPENDED, TenantStatus.ACTIVE), 1)
    ],
    "partner": [
        PartnerChanged.model_validate({**TENANT, "status": status, "version": version})
        for version, status in enumerate((TenantStatus.ACTIVE, TenantStatus.SUSPENDED, TenantStatus.CLOSED), 1)
    ],
    "class": [
        ClassOpened.model_validate({**IDS, "name": "국어 1반", "version": 1, "opened_at": NOW}),
        ClassClosed.model_validate({**IDS, "version": 2, "closed_at": NOW}),
    ],
}
ENDS = {
    "membership": (
        "SELECT role, is_active, version, class_id FROM usage_metrics.memberships",
        ("partner_owner", True, 3, None),
    ),
    "enrollment": (
        "SELECT role, is_active, version, class_id FROM usage_metrics.memberships",
        ("student", False, 4, IDS["class_id"]),
    ),
    "pause": (
        "SELECT role, is_active, version, class_id FROM usage_metrics.memberships",
        ("student", True, 3, IDS["class_id"]),
    ),
    "org": (
        "SELECT tenant_id, org_id, is_active, version FROM usage_metrics.tenants",
        (IDS["org_id"], IDS["org_id"], True, 3),
    ),
    "partner": (
        "SELECT tenant_id, org_id, is_active, version FROM usage_metrics.tenants",
        (IDS["partner_id"], IDS["org_id"], False, 3),
    ),
    "class": (
        "SELECT name, is_open, version, partner_id FROM usage_metrics.classes",
        ("국어 1반", False, 2, IDS["partner_id"]),
    ),
}
ORDERS = [(kind, order) for kind, events in CHANGES.items() for order in permutations(range(len(events)))]


@pytest.mark.parametrize(("kind", "order"), ORDERS)
async def test_any_order_ends_the_same(books, kind, order):
    events = [CHANGES[kind][number] for number in order]

    await books.project(*events)
    await books.project(*events)

    query, end = ENDS[kind]
    assert await books.rows(query) == [end]


async def test_a_revocation_that_comes_first_keeps_the_grant_out(books, wired, principal):
    granted, revoked, _ = CHANGES["membership"]

    await books.project(revoked, granted)

    assert await books.rows("SELECT is_active FROM usage_metrics.memberships") == [(False,)]


async def test_an_event_is_projected_once_per_delivery_key(wired):
    delivery = Delivery("usage_metrics-project_tenancy", uuid4())
    await wired.tenancy.project(CHANGES["class"][0], once=delivery)

    with pytest.raises(AlreadyHandled):
        await wired.tenancy.project(CHANGES["class"][0], once=delivery)
