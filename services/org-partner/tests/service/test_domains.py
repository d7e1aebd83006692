"""An org's e-mail domains, and roles for their addresses alone."""

from uuid import uuid4

import pytest

from chassis.errors import Conflict, Forbidden, Invalid, Locale, NotFound
from chassis.paging import Slice
from contracts.org_partner import Role
from org_partner.service.domains import normalise

PAGE = Slice(limit=200)


def fresh() -> str:
    return f"{uuid4().hex[:12]}.example.com"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Hanbit.Example.COM", "hanbit.example.com"),
        ("  @hanbit.example.com ", "hanbit.example.com"),
        ("hanbit.example.com.", "hanbit.example.com"),
        ("한빛.example.com", "xn--xx3br43b.example.com"),
        ("XN--XX3BR43B.example.com", "xn--xx3br43b.example.com"),
        ("hanbit。example.com", "hanbit.example.com"),
    ],
)
def test_a_domain_has_one_spelling(written, kept) -> None:
    assert normalise(written) == kept


@pytest.mark.parametrize(
    "bad",
    [
        "",
        " ",
        "com",
        "a b.example.com",
        "x@y.example.com",
        "-a.example.com",
        "127.0.0.1",
        "[::1]",
        "a..com",
        "\x00.com",
        "'; DROP TABLE orgs;--",
        "x" * 300 + ".com",
    ],
)
def test_what_no_address_can_have_is_no_domain(bad) -> None:
    with pytest.raises(Invalid) as caught:
        normalise(bad)
    assert caught.value.code == "domain_unfit"


async def test_a_domain_is_one_orgs_alone(world, sql) -> None:
    here, there, supervisor = await world.school(), await world.school(), await world.supervisor()
    domain, domains = fresh(), world.wired.domains

    made = await domains.add(supervisor.caller, here.org.org_id, domain=domain.upper())
    for org in (here.org, there.org):
        with pytest.raises(Conflict) as caught:
            await domains.add(supervisor.caller, org.org_id, domain=f" {domain}.")
        assert caught.value.code == "domain_taken"

    assert [row.domain for row in await domains.list_for_org(here.admin.caller, here.org.org_id, PAGE)] == [domain]
    assert await domains.list_for_org(there.admin.caller, there.org.org_id, PAGE) == []
    with pytest.raises(NotFound) as missing:
        await domains.remove(supervisor.caller, there.org.org_id, domain=domain)
    assert missing.value.code == "domain_not_found"
    await domains.remove(supervisor.caller, here.org.org_id, domain=domain)
    await domains.add(supervisor.caller, there.org.org_id, domain=domain)
    entries = await sql.audits(target=f"domain/{made.domain_id}")
    assert [(entry.action, entry.detail) for entry in entries] == [
        ("domain.added", {"domain": domain}),
        ("domain.removed", {"domain": domain}),
    ]


async def test_domains_are_a_supervisors_to_give(world, school) -> None:
    for person in (school.admin, school.owner):
        with pytest.raises(Forbidden):
            await world.wired.domains.add(person.caller, school.org.org_id, domain=fresh())
        with pytest.raises(Forbidden):
            await world.wired.domains.remove(person.caller, school.org.org_id, domain=fresh())
    with pytest.raises(Forbidden):
        await world.wired.domains.list_for_org(school.owner.caller, school.org.org_id, PAGE)


@pytest.fixture
async def strict(world):
    """A school that takes addresses of one domain alone; the domain and its supervisor."""
    school, supervisor, domain = await world.school(), await world.supervisor(), fresh()
    await world.wired.domains.add(supervisor.caller, school.org.org_id, domain=domain)
    limit = {"members_only_from_domains": True}
    await world.wired.orgs.update(school.admin.caller, school.org.org_id, changes=limit)
    return school, supervisor, domain


async def test_a_limit_needs_a_domain_for_as_long_as_it_stands(world, strict) -> None:
    school, supervisor, domain = strict
    without = await world.school()
    with pytest.raises(Conflict) as caught:
        await world.wired.orgs.update(
            without.admin.caller, without.org.org_id, changes={"members_only_from_domains": True}
        )
    assert caught.value.code == "domain_needed"

    with pytest.raises(Conflict) as caught:
        await world.wired.domains.remove(supervisor.caller, school.org.org_id, domain=domain)
    assert caught.value.code == "domain_needed"
    assert len(await world.wired.domains.list_for_org(supervisor.caller, school.org.org_id, PAGE)) == 1


async def test_no_way_to_a_role_passes_by_the_limit(world, strict, postbox) -> None:
    school, _, domain = strict
    stranger = await world.person()
    wired, org_id, partner_id = world.wired, school.org.org_id, school.partner.partner_id
    ways = [
        wired.orgs.add_admin(school.admin.caller, org_id, email=stranger.email),
        wired.partners.create(school.admin.caller, org_id, name="x", owner_email=stranger.email),
        wired.partners.create(school.admin.caller, org_id, name="x", owner_email=stranger.email, invite_in=Locale.KO),
        wired.members.add(school.owner.caller, partner_id, email=stranger.email, role=Role.ASSISTANT),
        wired.invitations.invite_to_org(school.admin.caller, org_id, email=stranger.email, locale=Locale.KO),
        wired.invitations.invite_to_partner(
            school.owner.caller, partner_id, email=stranger.email, role=Role.ASSISTANT, locale=Locale.KO
        ),
    ]
    for way in ways:
        with pytest.raises(Invalid) as caught:
            await way
        assert caught.value.code == "email_domain_refused"
    assert await postbox.letters(stranger.email) == []

    own = await world.person(email=f"teacher@{domain}")
    added = await wired.members.add(school.owner.caller, partner_id, email=own.email, role=Role.ASSISTANT)
    assert added.user_id == own.user_id


@pytest.mark.parametrize("address", ["teacher@sub.{domain}", "teacher@not{domain}", "{domain}@example.com"])
async def test_neighbours_of_a_domain_are_not_of_it(world, strict, address) -> None:
    school, _, domain = strict
    person = await world.person(email=address.format(domain=domain))

    with pytest.raises(Invalid):
        await world.wired.orgs.add_admin(school.admin.caller, school.org.org_id, email=person.email)


async def test_an_international_domain_is_known_in_both_spellings(world) -> None:
    school, supervisor = await world.school(), await world.supervisor()
    label = f"한빛{uuid4().hex[:8]}"
    await world.wired.domains.add(supervisor.caller, school.org.org_id, domain=f"{label}.example.com")
    limit = {"members_only_from_domains": True}
    await world.wired.orgs.update(school.admin.caller, school.org.org_id, changes=limit)
    ascii_label = label.encode("idna").decode()

    for spelling in (label, ascii_label):
        person = await world.person(email=f"{uuid4().hex[:8]}@{spelling}.example.com")
        added = await world.wired.orgs.add_admin(school.admin.caller, school.org.org_id, email=person.email)
        assert added.user_id == person.user_id


async def test_an_invitation_from_before_the_limit_is_refused_with_the_reason_and_stays(world, postbox) -> None:
    school, supervisor, invited = await world.school(), await world.supervisor(), await world.person()
    await world.wired.invitations.invite_to_org(
        school.admin.caller, school.org.org_id, email=invited.email, locale=Locale.EN
    )
    await world.wired.domains.add(supervisor.caller, school.org.org_id, domain=fresh())
    change = world.wired.orgs.update
    await change(school.admin.caller, school.org.org_id, changes={"members_only_from_domains": True})
    token = await postbox.token(invited.email)

    with pytest.raises(Invalid) as caught:
        await world.wired.acceptances.accept(invited.caller, token)
    assert caught.value.code == "email_domain_refused"

    await change(school.admin.caller, school.org.org_id, changes={"members_only_from_domains": False})
    assert (await world.wired.acceptances.accept(invited.caller, token)).role == Role.ORG_ADMIN


async def test_whoever_has_a_role_keeps_it_under_the_limit(world, strict) -> None:
    school, _, _ = strict

    assert await world.wired.orgs.get(school.owner.caller, school.org.org_id)
    same = await world.wired.orgs.add_admin(school.admin.caller, school.org.org_id, email=school.admin.email)
    assert same.user_id == school.admin.user_id


async def test_under_the_limit_a_letter_proves_an_address_of_the_domain(world, strict, postbox) -> None:
    school, _, domain = strict
    person = await world.person(email=f"new@{domain}", verified=False)
    await world.wired.invitations.invite_to_org(
        school.admin.caller, school.org.org_id, email=person.email, locale=Locale.EN
    )

    accepted = await world.wired.acceptances.accept(person.caller, await postbox.token(person.email))
    assert accepted.role == Role.ORG_ADMIN
