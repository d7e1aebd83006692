"""The roles that teach are contracts' own, though written down where contracts are not known."""

from contracts.org_partner import Role
from tenancy.teaching import ADMIN, TEACHING


def test_every_role_but_a_students_teaches_at_a_partner_or_in_the_org() -> None:
    assert {*TEACHING, ADMIN} == {role.value for role in Role} - {Role.STUDENT.value}
    assert Role.ORG_ADMIN.value == ADMIN
