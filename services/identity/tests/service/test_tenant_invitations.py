"""A letter of an org, a partner or a class lets its reader sign up where only invited people may."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis.clock import now
from chassis.delivery import Delivery
from chassis.errors import Invalid, Unavailable
from contracts import digests
from contracts.org_partner import InvitationEnded, InvitationSent, OrgChanged, PartnerChanged, TenantStatus

MODE = "security.sign_up_mode"
CODE = "7K3M-Q0XZ-9AVT-2HN1"


def token() -> str:
    return f"token-{uuid4().hex}-of-a-letter"


@pytest.fixture
def hear(client):
    """`await hear(fact)`: org-partner's event arrives."""

    async def take(*facts: InvitationSent | InvitationEnded) -> None:
        for fact in facts:
            await client.wired.tenant_invitations.note(fact, once=Delivery("identity-note_invitation", uuid4()))

    return take


def sent(email: str, secret: str, *, is_code: bool = False, **facts: Any) -> InvitationSent:
    digest = digests.of_code(secret) if is_code else digests.of_token(secret)
    values = {"invitation_id": uuid4(), "org_id": uuid4(), "partner_id": uuid4(), "version": 1} | facts
    times = {"expires_at": now() + timedelta(days=7), "sent_at": now()}
    named = {"address_digest": digests.of_address(email).hex(), "token_digest": digest.hex()}
    return InvitationSent.model_validate(times | named | values)


def ended(of: InvitationSent, version: int = 2) -> InvitationEnded:
    return InvitationEnded(
        invitation_id=of.invitation_id, org_id=of.org_id, partner_id=of.partner_id, version=version, ended_at=now()
    )


@pytest.fixture
def sign_up(client, setting):
    async def ask(account, secret: str | None) -> Any:
        async with setting(MODE, "invite_only"):
            return await client.post("/auth/sign-up", account.form | ({"invitation_token": secret} if secret else {}))

    return ask


async def test_the_token_of_a_letter_signs_up_its_address_once_and_verified(
    client, stranger, hear, sign_up, letters, sql, problem
) -> None:
    account, secret = stranger(), token()
    fact = sent(account.email.upper(), secret)
    await hear(fact)

    problem(await sign_up(stranger(), secret), 403, "invitation_invalid")
    problem(await sign_up(account, token()), 403, "invitation_invalid")
    problem(await sign_up(account, None), 403, "invitation_needed")
    answer = await sign_up(account, secret)

    assert (answer.status_code, answer.json()["email_verified"]) == (201, True)
    assert await letters(account.email) == []
    problem(await sign_up(account, secret), 403, "invitation_invalid")
    query = "SELECT used_at IS NOT NULL AS used FROM identity.tenant_invitations WHERE invitation_id = %s"
    assert await sql.rows(query, fact.invitation_id) == [{"used": True}]


@pytest.mark.parametrize("typed", [CODE, "7k3mq0xz9avt2hn1", "7K3M QOXZ 9AVT 2HNI", "7K3M-Q0XZ-9AVT-2HN1"])
async def test_the_code_of_a_class_s_letter_is_read_as_it_was_meant(stranger, hear, sign_up, typed) -> None:
    account = stranger()
    await hear(sent(account.email, CODE, is_code=True))

    assert (await sign_up(account, typed)).status_code == 201


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_one_that_was_taken_back_is_worth_nothing_in_whatever_order_that_is_told(
    stranger, hear, sign_up, problem, order
) -> None:
    account, secret = stranger(), token()
    fact = sent(account.email, secret)
    facts = (fact, ended(fact))
    await hear(*(facts[each] for each in order))

    problem(await sign_up(account, secret), 403, "invitation_invalid")


async def test_of_a_letter_that_was_sent_again_the_later_counts(stranger, hear, sign_up, problem) -> None:
    account, first, second = stranger(), token(), token()
    one = sent(account.email, first)
    again = sent(account.email, second, invitation_id=one.invitation_id, org_id=one.org_id, version=2)
    await hear(again.model_copy(update={"partner_id": one.partner_id}), one)

    problem(await sign_up(account, first), 403, "invitation_invalid")
    assert (await sign_up(account, second)).status_code == 201


async def test_an_expired_one_is_worth_nothing(stranger, hear, sign_up, problem) -> None:
    account, secret = stranger(), token()
    await hear(sent(account.email, secret, expires_at=now() - timedelta(seconds=1)))

    problem(await sign_up(account, secret), 403, "invitation_invalid")


@pytest.mark.parametrize("below", [False, True])
async def test_one_of_a_suspended_org_or_partner_is_worth_nothing(
    client, stranger, hear, sign_up, problem, below
) -> None:
    account, secret = stranger(), token()
    fact = sent(account.email, secret)
    assert fact.partner_id is not None
    stopped = {"org_id": fact.org_id, "name": "한빛", "version": 2, "changed_at": now()}
    kind = PartnerChanged if below else OrgChanged
    named = {"partner_id": fact.partner_id} if below else {}

    async def tell(status: TenantStatus, version: int) -> None:
        event = kind(**stopped | named | {"status": status, "version": version})
        await client.wired.tenancy.project(event, once=Delivery("identity-project_tenancy", uuid4()))

    await tell(TenantStatus.SUSPENDED, 2)
    await hear(fact)
    problem(await sign_up(account, secret), 403, "invitation_invalid")

    await tell(TenantStatus.ACTIVE, 3)
    assert (await sign_up(account, secret)).status_code == 201


async def test_one_that_would_go_to_another_org_is_refused_unless_its_partner_moved(client, hear, sql) -> None:
    fact = sent("minji@growfit.example", token())
    await hear(fact)
    elsewhere = {"org_id": uuid4(), "version": 2}
    forged = [
        fact.model_copy(update=elsewhere | {"partner_id": uuid4()}),
        fact.model_copy(update=elsewhere | {"partner_id": None}),
        ended(fact).model_copy(update=elsewhere | {"partner_id": None}),
    ]
    for each in forged:
        with pytest.raises(Invalid):
            await hear(each)
    query = "SELECT org_id, version FROM identity.tenant_invitations WHERE invitation_id = %s"
    assert await sql.rows(query, fact.invitation_id) == [{"org_id": fact.org_id, "version": 1}]

    moved = fact.model_copy(update=elsewhere)
    with pytest.raises(Unavailable):
        await hear(moved)
    about = {"partner_id": fact.partner_id, "name": "강사", "status": TenantStatus.ACTIVE, "changed_at": now()}
    told = PartnerChanged(**about, org_id=elsewhere["org_id"], version=2)
    await client.wired.tenancy.project(told, once=Delivery("identity-project_tenancy", uuid4()))
    await hear(moved)
    assert await sql.rows(query, fact.invitation_id) == [elsewhere]
    # A new one as well says no other org of a partner than the known one.
    with pytest.raises(Unavailable):
        await hear(sent("minji@growfit.example", token(), partner_id=fact.partner_id))


async def test_an_account_that_goes_takes_its_invitations_with_it(client, boss, stranger, hear, sign_up, sql) -> None:
    account, secret = stranger(), token()
    await hear(sent(account.email, secret), sent(account.email, token()), sent(stranger().email, token()))
    user_id = (await sign_up(account, secret)).json()["user_id"]

    assert (await boss("POST", f"/users/{user_id}/anonymise", {"confirm": account.email})).status_code == 200

    query = "SELECT count(*) AS left FROM identity.tenant_invitations WHERE address_digest = %s"
    assert await sql.rows(query, digests.of_address(account.email)) == [{"left": 0}]
    assert (await sql.rows("SELECT count(*) AS left FROM identity.tenant_invitations"))[0]["left"] > 0


async def test_those_that_are_long_over_are_deleted(client, hear, sql) -> None:
    over = {"expires_at": now() - timedelta(days=1)}
    kept, old, taken_back, recent = (
        sent(f"{name}@growfit.example", token(), **facts)
        for name, facts in {"kept": {}, "old": over, "back": {}, "recent": over}.items()
    )
    await hear(kept, old, taken_back, recent, ended(taken_back))
    aged = [each.invitation_id for each in (kept, old, taken_back)]
    query = "UPDATE identity.tenant_invitations SET noted_at = now() - interval '31 days' WHERE invitation_id = ANY(%s)"
    await sql.rows(query, aged)

    await client.wired.tidy.run()

    left = await sql.rows("SELECT invitation_id FROM identity.tenant_invitations")
    mine: set[UUID] = {each.invitation_id for each in (kept, old, taken_back, recent)}
    assert mine & {row["invitation_id"] for row in left} == {kept.invitation_id, recent.invitation_id}


async def test_neither_address_nor_token_is_kept(stranger, hear, sql) -> None:
    account, secret = stranger(), token()
    fact = sent(account.email, secret)
    await hear(fact)

    (row,) = await sql.rows("SELECT * FROM identity.tenant_invitations WHERE invitation_id = %s", fact.invitation_id)
    assert account.email not in str(row)
    assert secret not in str(row)


async def test_a_letter_after_the_address_was_left_is_as_good_as_the_first(
    client, stranger, hear, sign_up, letters, sql
) -> None:
    account, first, second, moved = stranger(), token(), token(), stranger()
    fact = sent(account.email, first)
    await hear(fact)
    assert (await sign_up(account, first)).status_code == 201
    tokens = await client.login(account)
    body = {"email": moved.email, "password": account.password}
    await client.with_token("POST", "/users/me/email", tokens["access_token"], body)
    await client.post("/auth/verify-email", {"token": (await letters(moved.email))[-1].token})
    query = "SELECT count(*) AS left FROM identity.tenant_invitations WHERE invitation_id = %s"
    assert await sql.rows(query, fact.invitation_id) == [{"left": 0}]

    again = {"invitation_id": fact.invitation_id, "org_id": fact.org_id, "partner_id": fact.partner_id}
    await hear(sent(account.email, second, **again, version=2))
    assert (await sign_up(type(account)(email=account.email), second)).status_code == 201


async def test_a_letter_that_is_sent_again_is_not_deleted_as_an_old_one(client, hear, sql) -> None:
    fact = sent("again@growfit.example", token())
    await hear(fact)
    await sql.rows(
        "UPDATE identity.tenant_invitations SET noted_at = now() - interval '40 days' WHERE invitation_id = %s",
        fact.invitation_id,
    )
    await hear(fact.model_copy(update={"version": 2}), ended(fact, version=3))
    await client.wired.tidy.run()

    query = "SELECT version, is_open FROM identity.tenant_invitations WHERE invitation_id = %s"
    assert await sql.rows(query, fact.invitation_id) == [{"version": 3, "is_open": False}]


@pytest.mark.parametrize(("is_verified", "left"), [(False, 1), (True, 0)])
async def test_only_who_verified_the_address_takes_along_what_was_sent_to_it(
    client, boss, hear, sql, is_verified, left
) -> None:
    account = await client.sign_up()
    if is_verified:
        await boss("POST", f"/users/{account.user_id}/verify-email")
    fact = sent(account.email, token())
    await hear(fact)

    answer = await boss("POST", f"/users/{account.user_id}/anonymise", {"confirm": account.email})

    (own,) = answer.json()["erasure"]["reported"]
    assert (own["erased"].get("identity.tenant_invitations", 0), own["remaining"]) == (1 - left, 0)
    query = "SELECT 1 FROM identity.tenant_invitations WHERE invitation_id = %s"
    assert len(await sql.rows(query, fact.invitation_id)) == left
