"""How often somebody may be wrong about a code: of one account, and of one address. Who reaches a limit is told of."""

import asyncio
from collections import Counter

import pytest

from chassis import origin
from chassis.errors import RateLimited
from chassis.origin import Origin
from org_partner.crud import tenancy
from org_partner.service import codes, guessing
from org_partner.service.guessing import MAX_REFUSALS


async def test_after_20_wrong_codes_not_even_a_right_one_is_looked_at(world, school, sql) -> None:
    person, other, issued = await world.person(), await world.person(), await world.code(school)
    for _ in range(MAX_REFUSALS):
        assert await world.redeemed(person, codes.new_code()) == "invite_code_refused"

    with pytest.raises(RateLimited) as caught:
        await world.wired.redemptions.redeem(person.caller, issued.code)

    assert 3500 < int(caught.value.headers["Retry-After"]) <= 3600
    assert await world.redeemed(other, issued.code) == "enrolled"
    query = "SELECT used_count FROM partner.invite_codes WHERE invite_code_id = %s"
    assert await sql.rows(query, issued.row.invite_code_id) == [{"used_count": 1}]


async def test_of_60_wrong_codes_at_once_20_are_looked_at(world, sql) -> None:
    person = await world.person()

    outcomes = Counter(await asyncio.gather(*(world.redeemed(person, codes.new_code()) for _ in range(60))))

    assert outcomes == {"invite_code_refused": 20, "too_many_wrong_codes": 40}
    assert await world.refusals(person) == 20


async def test_the_limit_slides_so_the_21st_try_waits_for_the_first_to_be_an_hour_old(world, school, sql) -> None:
    person, issued = await world.person(), await world.code(school)
    for _ in range(MAX_REFUSALS):
        await world.redeemed(person, codes.new_code())
    older = """UPDATE org_partner.refused_redemptions SET refused_at = refused_at - %s::interval WHERE refusal_id =
        (SELECT refusal_id FROM org_partner.refused_redemptions WHERE user_id = %s ORDER BY refused_at LIMIT 1)"""

    await sql.rows(older, "59 minutes", person.user_id)
    with pytest.raises(RateLimited) as caught:
        await world.wired.redemptions.redeem(person.caller, issued.code)
    assert 50 <= int(caught.value.headers["Retry-After"]) <= 60

    await sql.rows(older, "1 minute", person.user_id)
    assert await world.redeemed(person, issued.code) == "enrolled"
    assert await world.refusals(person) == 19


async def test_right_codes_are_never_counted(world, school, sql) -> None:
    person, issued = await world.person(), await world.code(school)
    for _ in range(MAX_REFUSALS + 5):
        assert await world.redeemed(person, issued.code) == "enrolled"

    assert await world.refusals(person) == 0


async def test_of_1000_wrong_codes_of_one_account_20_are_looked_up_and_others_are_let_in(
    world, school, sql, monkeypatch
) -> None:
    looked_up: list[bytes] = []
    real = tenancy.find_invite

    async def spy(session, code_hash):
        looked_up.append(code_hash)
        return await real(session, code_hash)

    monkeypatch.setattr(tenancy, "find_invite", spy)
    guesser, other, issued = await world.person(), await world.person(), await world.code(school)

    outcomes: Counter[str] = Counter()
    for _ in range(20):
        outcomes.update(await asyncio.gather(*(world.redeemed(guesser, codes.new_code()) for _ in range(50))))

    assert outcomes == {"invite_code_refused": 20, "too_many_wrong_codes": 980}
    assert len(looked_up) == 20
    assert await world.redeemed(guesser, issued.code) == "too_many_wrong_codes"
    assert await world.redeemed(other, issued.code) == "enrolled"
    assert len(looked_up) == 21


async def alarms(sql, source: str) -> list[dict]:
    query = """SELECT payload->'data' AS entry FROM org_partner.outbox
        WHERE subject = 'org_partner.audit.recorded.v1' AND payload->'data'->>'action' = 'invite_code.guessing'
        AND payload->'data'->'detail'->>'source' = %s"""
    return [row["entry"] for row in await sql.rows(query, source)]


async def test_who_reaches_the_limit_is_told_of_once(world, sql) -> None:
    person, before = await world.person(), len(await alarms(sql, "account"))
    for _ in range(MAX_REFUSALS + 10):
        await world.redeemed(person, codes.new_code())
    older = """UPDATE org_partner.refused_redemptions SET refused_at = refused_at - interval '61 minutes'
        WHERE user_id = %s"""
    await sql.rows(older, person.user_id)
    for _ in range(MAX_REFUSALS):
        await world.redeemed(person, codes.new_code())

    told = (await alarms(sql, "account"))[before:]
    assert [entry["target"] for entry in told] == [f"user/{person.user_id}"]
    assert (told[0]["outcome"], told[0]["detail"]["refusals"]) == ("refused", MAX_REFUSALS)


@pytest.fixture
def address():
    """Requests come from it until the end of the test."""
    made = "203.0.113.7"
    origin.set_current(Origin(ip=made))
    yield made
    origin.set_current(Origin())


async def test_many_accounts_behind_one_address_are_held_up_together(world, school, sql, monkeypatch, address) -> None:
    monkeypatch.setattr(guessing, "MAX_REFUSALS_AT_ADDRESS", 6)
    issued = await world.code(school)
    for _ in range(3):
        person = await world.person()
        for _ in range(2):
            assert await world.redeemed(person, codes.new_code()) == "invite_code_refused"

    with pytest.raises(RateLimited) as caught:
        await world.wired.redemptions.redeem(person.caller, issued.code)
    assert caught.value.code == "too_many_wrong_codes_here"
    assert 0 < int(caught.value.headers["Retry-After"]) <= 3600
    (told,) = await alarms(sql, "address")
    assert (told["ip"], told["detail"]["refusals"]) == (address, 6)

    origin.set_current(Origin(ip="203.0.113.8"))
    assert await world.redeemed(person, issued.code) == "enrolled"


async def test_an_address_at_its_limit_lets_a_right_code_of_somebody_who_never_guessed_through(
    world, school, monkeypatch, address
) -> None:
    monkeypatch.setattr(guessing, "MAX_REFUSALS_AT_ADDRESS", 1)
    issued, guesser = await world.code(school), await world.person()
    assert await world.redeemed(guesser, codes.new_code()) == "invite_code_refused"
    assert await world.redeemed(guesser, issued.code) == "too_many_wrong_codes_here"

    assert await world.redeemed(await world.person(), issued.code) == "enrolled"
    # One guess more for each account, and no second one.
    other = await world.person()
    assert await world.redeemed(other, codes.new_code()) == "invite_code_refused"
    assert await world.redeemed(other, codes.new_code()) == "too_many_wrong_codes_here"


async def test_an_hour_later_the_address_is_forgotten(world, school, sql, monkeypatch, address) -> None:
    monkeypatch.setattr(guessing, "MAX_REFUSALS_AT_ADDRESS", 1)
    issued, person = await world.code(school), await world.person()
    await world.redeemed(person, codes.new_code())
    assert await world.redeemed(person, issued.code) == "too_many_wrong_codes_here"
    await sql.rows("UPDATE org_partner.guessing_sources SET hour = hour - 1")

    assert await world.redeemed(person, issued.code) == "enrolled"
    await world.wired.periods.tick()
    assert await sql.rows("SELECT 1 FROM org_partner.guessing_sources") == []


async def test_all_addresses_of_one_ipv6_line_are_one(world, school, monkeypatch, address) -> None:
    monkeypatch.setattr(guessing, "MAX_REFUSALS_AT_ADDRESS", 2)
    issued = await world.code(school)
    for one in ("2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff"):
        origin.set_current(Origin(ip=one))
        person = await world.person()
        assert await world.redeemed(person, codes.new_code()) == "invite_code_refused"

    origin.set_current(Origin(ip="2001:db8:0:1::2"))
    assert await world.redeemed(person, issued.code) == "too_many_wrong_codes_here"
    origin.set_current(Origin(ip="2001:db8:0:2::2"))
    assert await world.redeemed(person, issued.code) == "enrolled"


async def test_an_ipv4_address_in_ipv6_notation_is_itself_and_no_other(world, school, monkeypatch, address) -> None:
    monkeypatch.setattr(guessing, "MAX_REFUSALS_AT_ADDRESS", 1)
    issued, person = await world.code(school), await world.person()
    origin.set_current(Origin(ip="::ffff:198.51.100.7"))
    assert await world.redeemed(person, codes.new_code()) == "invite_code_refused"

    origin.set_current(Origin(ip="198.51.100.7"))
    assert await world.redeemed(person, issued.code) == "too_many_wrong_codes_here"
    origin.set_current(Origin(ip="::ffff:198.51.100.8"))
    assert await world.redeemed(person, issued.code) == "enrolled"


async def test_what_is_no_address_is_no_way_around_the_limit(world, school, monkeypatch, address) -> None:
    monkeypatch.setattr(guessing, "MAX_REFUSALS_AT_ADDRESS", 1)
    issued, person = await world.code(school), await world.person()
    origin.set_current(Origin(ip="unknown"))
    assert await world.redeemed(person, codes.new_code()) == "invite_code_refused"

    assert await world.redeemed(person, issued.code) == "too_many_wrong_codes_here"
