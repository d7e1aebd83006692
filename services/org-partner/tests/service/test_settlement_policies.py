"""Settlement policies through the service: for days to come alone, one a day, never changed."""

import asyncio
from datetime import date, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from chassis import tenant
from chassis.errors import Conflict, Forbidden, Invalid, NotFound
from chassis.paging import Slice
from contracts.org_partner import Role, SettlementPolicyAdopted, SettlementPolicyWithdrawn, SettlementTier
from org_partner.crud import settlement_policies
from org_partner.service import days, permission
from org_partner.service import settlement_policies as service
from org_partner.service.settlement import Terms, Tier
from org_partner.service.settlement_policies import Due

PAGE = Slice(limit=200)
SHARE = Terms("share", 6_000, None, (Tier(10_000_000, 7_000),), 50_000, "KRW", "down")
FEE = Terms("fixed_fee", None, 300_000, (), 0, "KRW", "half_even")


def in_days(count: int) -> date:
    return days.today() + timedelta(days=count)


@pytest.fixture
async def school(world):
    return await world.school()


@pytest.fixture
def policies(world):
    return world.wired.settlement_policies


@pytest.fixture
def adopt(policies, school):
    async def adopting(terms: Terms = SHARE, *, on: int = 1):
        return await policies.adopt(school.admin.caller, school.org.org_id, terms, effective_from=in_days(on))

    return adopting


async def as_if_adopted_before(sql, policy_id: UUID, *, by_days: int) -> None:
    """A policy's day comes only by waiting, which a test does not."""
    query = """UPDATE partner.settlement_policies SET adopted_at = adopted_at - %s, effective_from = effective_from - %s
        WHERE policy_id = %s"""
    await sql.rows(query, timedelta(days=by_days), timedelta(days=by_days), policy_id)


async def test_what_was_adopted_is_kept_told_and_in_the_activity_log(adopt, policies, school, sql) -> None:
    policy = await adopt()

    kept = await policies.get(school.admin.caller, school.org.org_id, policy.policy_id)
    assert (kept.policy_id, kept.tiers) == (policy.policy_id, [{"from_amount": 10_000_000, "share_bps": 7_000}])
    assert (policy.version, policy.state, policy.adopted_by) == (1, "upcoming", school.admin.user_id)
    assert policy.effective_from == days.midnight(in_days(1))
    assert await sql.events(policy_id=policy.policy_id) == [
        SettlementPolicyAdopted(
            policy_id=policy.policy_id,
            org_id=school.org.org_id,
            kind="share",
            share_bps=6_000,
            tiers=[SettlementTier(from_amount=10_000_000, share_bps=7_000)],
            minimum_amount=50_000,
            currency="KRW",
            rounding="down",
            effective_from=policy.effective_from,
            version=1,
            adopted_at=policy.adopted_at,
        )
    ]
    query = "SELECT action, detail FROM partner.activities WHERE target = %s"
    (act,) = await sql.rows(query, f"settlement_policy/{policy.policy_id}")
    assert act["action"] == "settlement_policy.adopted"
    assert act["detail"] == {"version": 1, "kind": "share", "effective_from": in_days(1).isoformat()}


@pytest.mark.parametrize("on", [0, -1, -400])
async def test_neither_today_nor_the_past_is_decided_any_more(adopt, sql, school, on) -> None:
    with pytest.raises(Invalid) as caught:
        await adopt(on=on)

    assert (caught.value.code, caught.value.values) == ("policy_too_early", {"earliest": in_days(1)})
    assert await sql.rows("SELECT 1 FROM partner.settlement_policies WHERE org_id = %s", school.org.org_id) == []


async def test_tiers_ascend(adopt) -> None:
    crossed = Terms("share", 0, None, (Tier(2, 1), Tier(2, 2)), 0, "KRW", "down")

    with pytest.raises(Invalid) as caught:
        await adopt(crossed)

    assert caught.value.code == "tiers_not_ascending"


async def test_a_day_has_one_policy_unless_the_earlier_was_withdrawn(adopt, policies, school) -> None:
    first = await adopt(on=3)
    with pytest.raises(Conflict) as caught:
        await adopt(FEE, on=3)
    assert caught.value.code == "policy_day_taken"

    await policies.withdraw(school.admin.caller, school.org.org_id, first.policy_id)

    assert (await adopt(FEE, on=3)).version == 2


async def test_of_many_at_once_for_one_day_one_is_adopted_and_versions_have_no_gap(adopt, policies, school) -> None:
    made = await asyncio.gather(*(adopt(on=1 + number % 5) for number in range(20)), return_exceptions=True)

    adopted = [each for each in made if not isinstance(each, Exception)]
    assert {type(each) for each in made if isinstance(each, Exception)} == {Conflict}
    assert sorted(policy.version for policy in adopted) == [1, 2, 3, 4, 5]
    assert len({policy.effective_from for policy in adopted}) == 5


async def test_each_holds_from_its_day_until_the_next_ones(adopt, policies, school, sql) -> None:
    caller, org_id = school.admin.caller, school.org.org_id
    past, present, withdrawn, coming = [await adopt(on=on) for on in (10, 20, 25, 40)]
    await policies.withdraw(caller, org_id, withdrawn.policy_id)
    for policy in (past, present, coming):
        await as_if_adopted_before(sql, policy.policy_id, by_days=30)

    async def holding(at: date | None) -> int | None:
        try:
            return (await policies.get_effective(caller, org_id, at=at)).version
        except NotFound as error:
            assert error.code == "policy_not_found"  # noqa: PT017
            return None

    assert await holding(None) == 2
    found = [await holding(in_days(on)) for on in (-21, -20, -11, -10, 0, 9, 10, 1000)]
    assert found == [None, 1, 1, 2, 2, 2, 4, 4]
    listed = await policies.list_for_org(caller, org_id, PAGE)
    assert {row.version: row.state for row in listed} == {1: "past", 2: "effective", 3: "withdrawn", 4: "upcoming"}
    for state, versions in (("past", [1]), ("effective", [2]), ("withdrawn", [3]), ("upcoming", [4])):
        rows = await policies.list_for_org(caller, org_id, PAGE, state=state)
        assert [row.version for row in rows] == versions
    rows = await policies.list_for_org(caller, org_id, PAGE, effective_at=in_days(-15))
    assert [row.version for row in rows] == [1]
    assert await policies.list_for_org(caller, org_id, PAGE, effective_at=in_days(-15), state="effective") == []
    assert await policies.list_for_org(caller, org_id, PAGE, effective_at=in_days(-400)) == []


async def test_withdrawing_is_told_once_and_again_changes_nothing(adopt, policies, school, sql) -> None:
    policy = await adopt()

    first, again = [await policies.withdraw(school.admin.caller, school.org.org_id, policy.policy_id) for _ in range(2)]

    assert (first.state, first.withdrawn_by) == ("withdrawn", school.admin.user_id)
    assert again.withdrawn_at == first.withdrawn_at
    _, told = await sql.events(policy_id=policy.policy_id)
    assert told == SettlementPolicyWithdrawn(
        policy_id=policy.policy_id, org_id=school.org.org_id, version=1, withdrawn_at=first.withdrawn_at
    )


async def test_what_has_begun_cannot_be_withdrawn(adopt, policies, school, sql) -> None:
    policy = await adopt()
    await as_if_adopted_before(sql, policy.policy_id, by_days=1)

    with pytest.raises(Conflict) as caught:
        await policies.withdraw(school.admin.caller, school.org.org_id, policy.policy_id)

    assert caught.value.code == "policy_in_effect"


async def test_another_orgs_policy_is_like_one_that_does_not_exist(adopt, policies, world, school) -> None:
    policy, other = await adopt(), await world.school()
    for policy_id in (policy.policy_id, uuid4()):
        for ask in (policies.get, policies.withdraw):
            with pytest.raises(NotFound) as caught:
                await ask(other.admin.caller, other.org.org_id, policy_id)
            assert caught.value.code == "policy_not_found"
        with pytest.raises(NotFound):
            await policies.preview(other.admin.caller, other.org.org_id, revenue=1, terms=None, policy_id=policy_id)


async def test_a_preview_is_by_a_policy_or_by_terms(adopt, policies, school) -> None:
    policy = await adopt()

    async def due(**given) -> Due:
        given = {"terms": None, "policy_id": None} | given
        return await policies.preview(school.admin.caller, school.org.org_id, revenue=20_000_000, **given)

    assert await due(policy_id=policy.policy_id) == await due(terms=SHARE) == Due(13_000_000, "KRW")
    assert await due(terms=FEE) == Due(300_000, "KRW")
    for given in ({}, {"terms": FEE, "policy_id": policy.policy_id}):
        with pytest.raises(Invalid) as caught:
            await due(**given)
        assert caught.value.code == "preview_of_one"


async def test_owners_see_what_holds_and_nothing_else(adopt, policies, world, school, sql) -> None:
    policy, org_id = await adopt(), school.org.org_id
    await as_if_adopted_before(sql, policy.policy_id, by_days=1)

    assert (await policies.get_effective(school.owner.caller, org_id)).policy_id == policy.policy_id
    for call in (
        policies.get(school.owner.caller, org_id, policy.policy_id),
        policies.list_for_org(school.owner.caller, org_id, PAGE),
        policies.withdraw(school.owner.caller, org_id, policy.policy_id),
        policies.adopt(school.owner.caller, org_id, FEE, effective_from=in_days(9)),
        policies.preview(school.owner.caller, org_id, revenue=1, terms=FEE, policy_id=None),
        policies.get_effective((await world.staff(school, Role.INSTRUCTOR)).caller, org_id),
    ):
        with pytest.raises(Forbidden):
            await call


WRITES = {
    "another share": "UPDATE partner.settlement_policies SET share_bps = 1",
    "another day": "UPDATE partner.settlement_policies SET effective_from = now()",
    "another version": "UPDATE partner.settlement_policies SET version = 9",
    "no policy": "DELETE FROM partner.settlement_policies",
}


@pytest.mark.parametrize("name", WRITES)
async def test_the_services_role_cannot_change_what_was_decided(database, name) -> None:
    async with await psycopg.AsyncConnection.connect(database.libpq_url("org_partner")) as connection:
        with pytest.raises(errors.InsufficientPrivilege):
            await connection.execute(WRITES[name])


ROW = """INSERT INTO partner.settlement_policies (policy_id, org_id, version, kind, share_bps, fixed_fee, tiers,
    minimum_amount, currency, rounding, effective_from, adopted_by, withdrawn_at, withdrawn_by)
    VALUES (gen_random_uuid(), %(org_id)s, 99, %(kind)s, %(share_bps)s, %(fixed_fee)s, %(tiers)s::jsonb, %(minimum)s,
    %(currency)s, %(rounding)s, now() + %(ahead)s::interval, gen_random_uuid(),
    now() + %(withdrawn)s::interval, %(withdrawn_by)s)"""
SOUND = {
    "kind": "share",
    "share_bps": 1,
    "fixed_fee": None,
    "tiers": "[]",
    "minimum": 0,
    "currency": "KRW",
    "rounding": "down",
    "ahead": "1 day",
    "withdrawn": None,
    "withdrawn_by": None,
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "gift"},
        {"share_bps": None},
        {"share_bps": 10_001},
        {"fixed_fee": 1},
        {"kind": "fixed_fee", "share_bps": None},
        {"kind": "fixed_fee", "share_bps": None, "fixed_fee": -1},
        {"kind": "fixed_fee", "share_bps": None, "fixed_fee": 1, "tiers": '[{"from_amount": 1, "share_bps": 1}]'},
        {"minimum": -1},
        {"currency": "won"},
        {"rounding": "up"},
        {"ahead": "-1 day"},
        {"withdrawn": "2 days", "withdrawn_by": str(uuid4())},
        {"withdrawn": "1 hour"},
    ],
)
async def test_the_database_refuses_what_no_policy_is(database, school, wrong) -> None:
    async with await psycopg.AsyncConnection.connect(database.libpq_url("postgres")) as connection:
        await connection.execute(ROW, SOUND | {"org_id": school.org.org_id})
        await connection.rollback()
        with pytest.raises(errors.CheckViolation):
            await connection.execute(ROW, SOUND | {"org_id": school.org.org_id} | wrong)


async def test_midnight_may_pass_while_another_policy_is_decided(adopt, policies, school, world, monkeypatch) -> None:
    """What was tomorrow when the caller asked is decided by when its turn comes."""
    midnight, clock = days.midnight(in_days(1)), [days.midnight(in_days(1)) - timedelta(seconds=1)]
    monkeypatch.setattr(service, "now", lambda: clock[0])
    async with world.wired.database.transaction(tenant.of(school.admin.caller)) as session:
        scope = await permission.in_org(session, school.admin.caller, school.org.org_id, allowed=permission.ADMINISTER)
        await settlement_policies.lock(session, scope)
        waiting = asyncio.create_task(adopt(on=1))
        await asyncio.sleep(0.2)
        clock[0] = midnight

    with pytest.raises(Invalid) as caught:
        await waiting
    assert caught.value.code == "policy_too_early"
