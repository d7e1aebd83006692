"""What the database itself refuses, whatever the code above it does."""

from uuid import uuid4

import psycopg
import pytest
from psycopg import errors
from psycopg import sql as composed

from chassis.clock import now


def insert(table: str, columns: str) -> str:
    values = ", ".join("%s" for _ in columns.split(","))
    return f"INSERT INTO partner.{table} ({columns}) VALUES ({values})"


CLASS = insert("classes", "class_id, org_id, partner_id, course_id, name")
MEMBERSHIP = insert("memberships", "membership_id, user_id, org_id, partner_id, role")
CODE = insert("invite_codes", "invite_code_id, org_id, partner_id, class_id, code_hash, max_uses, expires_at")
INVITATION = insert(
    "invitations", "invitation_id, org_id, partner_id, email, role, locale, token_hash, invited_by, expires_at"
)
DOMAIN = insert("org_domains", "domain_id, org_id, domain")
MATERIAL = insert("class_materials", "class_id, document_id, org_id, partner_id, added_by")
CHANGE = insert("enrollment_changes", "change_id, org_id, enrollment_id, version, action, status, actor_id")
STUDENT = insert("students", "student_id, org_id, user_id")

CROSSED = {
    "a class of another org's partner": (
        CLASS,
        lambda here, there: (uuid4(), here.org.org_id, there.partner.partner_id, here.course.course_id, "x"),
    ),
    "a class of another org's course": (
        CLASS,
        lambda here, there: (uuid4(), here.org.org_id, here.partner.partner_id, there.course.course_id, "x"),
    ),
    "a membership in another org's partner": (
        MEMBERSHIP,
        lambda here, there: (uuid4(), here.admin.user_id, here.org.org_id, there.partner.partner_id, "assistant"),
    ),
    "a code for another org's class": (
        CODE,
        lambda here, there: (uuid4(), here.org.org_id, here.partner.partner_id, there.group.class_id, b"", 1, now()),
    ),
    "an invitation to another org's partner": (
        INVITATION,
        lambda here, there: (
            *(uuid4(), here.org.org_id, there.partner.partner_id, "x@example.com", "assistant", "ko", b"1"),
            *(uuid4(), now()),
        ),
    ),
    "a domain of no org": (DOMAIN, lambda here, there: (uuid4(), uuid4(), "nowhere.example.com")),
    "a material of another org's class": (
        MATERIAL,
        lambda here, there: (
            *(there.group.class_id, uuid4(), here.org.org_id, here.partner.partner_id),
            here.owner.user_id,
        ),
    ),
    "a change of another org's enrolment": (
        CHANGE,
        lambda here, there: (uuid4(), here.org.org_id, uuid4(), 1, "ended", "ended", here.owner.user_id),
    ),
    "a student without an account": (STUDENT, lambda here, there: (uuid4(), here.org.org_id, uuid4())),
}


@pytest.mark.parametrize("name", CROSSED)
async def test_rows_cannot_leave_their_tenant(world, sql, name) -> None:
    statement, values = CROSSED[name]
    here, there = await world.school(), await world.school()

    with pytest.raises(errors.ForeignKeyViolation):
        await sql.rows(statement, *values(here, there))


async def test_a_membership_cannot_be_moved_to_another_org_without_its_partner(world, sql) -> None:
    here, there = await world.school(), await world.school()
    statement = "UPDATE partner.memberships SET org_id = %s WHERE partner_id = %s"

    with pytest.raises(errors.ForeignKeyViolation):
        await sql.rows(statement, there.org.org_id, here.partner.partner_id)


async def test_a_partner_with_a_class_cannot_be_moved_to_another_org(world, sql) -> None:
    here, there = await world.school(), await world.school()
    statement = "UPDATE partner.partners SET org_id = %s WHERE partner_id = %s"

    with pytest.raises(errors.ForeignKeyViolation):
        await sql.rows(statement, there.org.org_id, here.partner.partner_id)


@pytest.mark.parametrize(
    ("table", "column", "bad"),
    [
        ("orgs", "status", "paused"),
        ("partners", "status", "closed"),
        ("invitations", "locale", "fr"),
        ("invitations", "accepted_at", "2026-11-01T00:00Z"),
        ("org_domains", "domain", "Hanbit.example.com"),
    ],
)
async def test_values_that_no_row_can_have(world, school, sql, table, column, bad) -> None:
    org_id = school.org.org_id
    await sql.rows(DOMAIN + " ON CONFLICT DO NOTHING", uuid4(), org_id, "hanbit.example.com")
    values = (uuid4(), org_id, None, f"{uuid4().hex}@example.com", "org_admin", "ko", uuid4().bytes, uuid4(), now())
    await sql.rows(INVITATION, *values)

    with pytest.raises(errors.CheckViolation):
        await sql.rows(f"UPDATE partner.{table} SET {column} = %s WHERE org_id = %s", bad, org_id)


async def test_a_student_cannot_be_enrolled_in_another_orgs_class(world, sql) -> None:
    here, there = await world.school(), await world.school()
    person = await world.student(here)
    statement = """
        INSERT INTO partner.enrollments (enrollment_id, org_id, partner_id, class_id, student_id)
        SELECT %s, %s, %s, %s, student_id FROM partner.students WHERE user_id = %s"""

    with pytest.raises(errors.ForeignKeyViolation):
        await sql.rows(
            statement,
            uuid4(),
            there.org.org_id,
            there.partner.partner_id,
            there.group.class_id,
            person.user_id,
        )


@pytest.mark.parametrize(
    "values",
    [
        "status = 'paused'",
        "status = 'draft'",
        "status = 'closed'",
        "closed_at = now()",
        "capacity = 0",
        "opens_at = now(), closes_at = now()",
        "opens_at = now(), closes_at = now() - interval '1 day'",
    ],
)
async def test_a_class_is_never_in_two_states_at_once(world, school, sql, values) -> None:
    with pytest.raises(errors.CheckViolation):
        await sql.rows(f"UPDATE partner.classes SET {values} WHERE class_id = %s", school.group.class_id)


async def test_an_enrolments_version_has_one_change(world, school, sql) -> None:
    _, enrollment_id = await world.enrolled(school)
    values = (uuid4(), school.org.org_id, enrollment_id, 1, "ended", "ended", school.owner.user_id)

    with pytest.raises(errors.UniqueViolation):
        await sql.rows(CHANGE, *values)


@pytest.mark.parametrize(
    ("role", "inside"),
    [("org_admin", True), ("partner_owner", False), ("assistant", False), ("student", True), ("king", False)],
)
async def test_a_role_stands_where_it_belongs(world, school, sql, role, inside) -> None:
    person = await world.person()
    partner_id = school.partner.partner_id if inside else None
    statement = (
        "INSERT INTO partner.memberships (membership_id, user_id, org_id, partner_id, role) VALUES (%s, %s, %s, %s, %s)"
    )

    with pytest.raises(errors.CheckViolation):
        await sql.rows(statement, uuid4(), person.user_id, school.org.org_id, partner_id, role)


@pytest.mark.parametrize(
    ("schema", "table", "verb"),
    [
        ("user", "app_user", "SELECT 1 FROM {}"),
        ("identity", "credentials", "SELECT 1 FROM {}"),
        ("identity", "outbox", "SELECT 1 FROM {}"),
        ("partner", "students", "DELETE FROM {}"),
        ("partner", "orgs", "DELETE FROM {}"),
        ("partner", "enrollments", "TRUNCATE {}"),
        ("partner", "enrollment_changes", "UPDATE {} SET action = 'x'"),
        ("partner", "enrollment_changes", "DELETE FROM {}"),
        ("partner", "classes", "ALTER TABLE {} DISABLE TRIGGER ALL"),
    ],
)
async def test_the_services_role_is_refused_what_it_was_not_granted(database, schema, table, verb) -> None:
    statement = composed.SQL(verb).format(composed.Identifier(schema, table))

    async with await psycopg.AsyncConnection.connect(database.libpq_url("org_partner")) as connection:
        with pytest.raises(errors.InsufficientPrivilege):
            await connection.execute(statement)
