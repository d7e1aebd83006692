"""A suspended org or partner gives those who work in it nothing, at once, until it is given back."""

import pytest

NOVEMBER = {"from_": "2026-11-01", "to": "2026-11-30"}
STAFF = ("owner", "instructor", "assistant")


async def _seen(get, academy, **query):
    answer = await get("/usage/summary", group_by="user", **NOVEMBER, **query)
    if answer.status_code != 200:
        return answer.json()["code"]
    name_of = {str(user_id): name for name, user_id in academy.people.items()}
    return {name_of[row["user_id"]] for row in answer.json()["rows"]}


@pytest.fixture
def see(http, academy):
    async def look(name, **query):
        get = http(academy.people[name], tier="supervisor" if name == "supervisor" else "user")
        return await _seen(get, academy, **query)

    return look


@pytest.mark.parametrize("status", ["suspended", "closed"])
async def test_a_partner_that_is_not_active_shows_its_staff_their_own_lines_alone(academy, books, see, status):
    org, partner, class_id = academy.orgs[0], academy.partners[0], academy.classes[0]
    assert await see("owner") > {"owner"}

    await books.suspend(org, partner, status=status)

    for name in STAFF:
        assert await see(name) == {name}
        assert await see(name, partner_id=partner) == "tenant_not_found"
        assert await see(name, class_id=class_id) == "tenant_not_found"
        assert await see(name, org_id=org) == "tenant_not_found"


async def test_a_suspended_org_shows_its_admin_and_all_staff_their_own_lines_alone(academy, books, see):
    await books.suspend(academy.orgs[0])

    for name in ("admin", *STAFF):
        assert await see(name) == {name}
        for query in ({"org_id": academy.orgs[0]}, {"partner_id": academy.partners[0]}):
            assert await see(name, **query) == "tenant_not_found"
    assert await see("neighbour", org_id=academy.orgs[1]) == {"neighbour"}


async def test_the_orgs_admin_and_supervisors_still_see_a_suspended_partner(academy, books, see):
    await books.suspend(academy.orgs[0], academy.partners[0])

    for name in ("admin", "supervisor"):
        assert await see(name, partner_id=academy.partners[0]) == {"student", "former", "instructor"}


async def test_supervisors_see_a_suspended_org(academy, books, see):
    await books.suspend(academy.orgs[0])

    assert await see("supervisor", org_id=academy.orgs[0]) == {"student", "former", "instructor", "left"}


async def test_a_students_own_lines_stay_their_own(academy, books, see):
    await books.suspend(academy.orgs[0])

    assert await see("student") == {"student"}
    assert await see("student", class_id=academy.classes[0]) == {"student"}


async def test_what_is_given_back_is_seen_again_and_an_old_fact_changes_nothing(academy, books, see):
    await books.suspend(academy.orgs[0])
    await books.suspend(academy.orgs[0], status="active")

    assert await see("owner", partner_id=academy.partners[0]) == {"student", "former", "instructor"}


async def test_an_org_is_no_partner(academy, books, see):
    """Orgs and partners share a table of what is known of them."""
    await books.suspend(academy.orgs[0], status="active")

    assert await see("admin", partner_id=academy.orgs[0]) == "tenant_not_found"


async def test_a_partner_without_class_or_staff_can_be_named_by_its_orgs_admin(academy, books, see):
    partner = academy.people["stranger"]  # any id that nothing else knows
    await books.suspend(academy.orgs[0], partner, status="active")

    assert await see("admin", partner_id=partner) == set()
    assert await see("neighbour", partner_id=partner) == "tenant_not_found"
