"""The platform asks a second factor of a tier: who has none may do nothing but set one up."""

from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import httpx
import jwt
import pyotp
import pytest

from chassis.auth import ENROL_SCOPE
from chassis.clock import now
from chassis.delivery import AlreadyHandled, Delivery
from contracts.identity import SessionRevoked
from contracts.org_partner import (
    EnrollmentEnded,
    MembershipGranted,
    MembershipRevoked,
    OrgChanged,
    Role,
    StudentEnrolled,
    TenantStatus,
)
from contracts.scopes import SCOPES
from identity.service.tiers import highest

REQUIRED = "security.mfa_required_tiers"


def claims(tokens: dict) -> dict:
    return jwt.decode(tokens["access_token"], options={"verify_signature": False})


@pytest.fixture
def tell(client):
    """Facts of org-partner, as its stream brings them."""

    async def take(*facts) -> None:
        for fact in facts:
            await client.wired.tenancy.project(fact, once=Delivery("identity-project_tenancy", uuid4()))

    return take


def granted(user_id: str, role: Role, **ids) -> MembershipGranted:
    place = {"org_id": uuid4(), "partner_id": None if role is Role.ORG_ADMIN else uuid4()}
    who = {"membership_id": uuid4(), "user_id": UUID(user_id), "role": role, "version": 1}
    return MembershipGranted(**(place | who | ids), granted_at=now())


def revoked(grant: MembershipGranted) -> MembershipRevoked:
    return MembershipRevoked(
        membership_id=grant.membership_id, user_id=grant.user_id, org_id=grant.org_id, version=2, revoked_at=now()
    )


async def is_restricted(client, account) -> bool:
    return claims(await client.login(account)).get("scope") == ENROL_SCOPE


async def confirmed(client, access_token: str) -> httpx.Response:
    started = await client.with_token("POST", "/users/me/mfa/totp", access_token)
    assert started.status_code == 201, started.text
    code = pyotp.TOTP(started.json()["secret"]).now()
    return await client.with_token("POST", "/users/me/mfa/totp/confirm", access_token, {"code": code})


@pytest.mark.parametrize(
    ("tier", "roles", "expected"),
    [
        ("supervisor", {"org_admin", "student"}, "supervisor"),
        ("user", {"org_admin", "partner_owner"}, "org"),
        ("user", {"partner_owner"}, "partner"),
        ("user", {"instructor", "student"}, "partner"),
        ("user", {"assistant"}, "partner"),
        ("user", {"student"}, "user"),
        ("user", set(), "user"),
        ("user", {"something new"}, "user"),
    ],
)
def test_who_somebody_is_at_most(tier, roles, expected) -> None:
    assert highest(tier, roles) == expected


@pytest.mark.parametrize(
    ("role", "tier"),
    [
        (Role.ORG_ADMIN, "org"),
        (Role.PARTNER_OWNER, "partner"),
        (Role.INSTRUCTOR, "partner"),
        (Role.ASSISTANT, "partner"),
        (None, "user"),
    ],
)
async def test_a_tier_that_must_have_one_is_asked_and_no_other_is(client, account, setting, tell, role, tier) -> None:
    if role:
        await tell(granted(account.user_id, role))
    others = [each for each in ("supervisor", "org", "partner", "user") if each != tier]

    async with setting(REQUIRED, others):
        assert not await is_restricted(client, account)
    async with setting(REQUIRED, [tier]):
        assert await is_restricted(client, account)
    assert not await is_restricted(client, account)


async def test_a_supervisor_is_asked_like_anybody(client, supervisor, setting) -> None:
    async with setting(REQUIRED, ["supervisor"]):
        tokens = await client.login(supervisor)
    assert (claims(tokens)["tier"], claims(tokens)["scope"]) == ("supervisor", ENROL_SCOPE)


async def test_a_students_seat_is_no_staff(client, account, setting, tell) -> None:
    seat = {name: uuid4() for name in ("enrollment_id", "student_id", "class_id", "partner_id", "org_id")}
    ids = seat | {"user_id": UUID(account.user_id)}
    await tell(StudentEnrolled(**ids, version=1, enrolled_at=now()))
    async with setting(REQUIRED, ["org", "partner"]):
        assert not await is_restricted(client, account)
    await tell(EnrollmentEnded(**ids, version=2, ended_at=now()))


async def test_a_role_that_was_taken_away_asks_for_nothing_and_a_late_grant_does_not_bring_it_back(
    client, account, setting, tell
) -> None:
    grant = granted(account.user_id, Role.ORG_ADMIN)
    await tell(grant, revoked(grant), grant)
    async with setting(REQUIRED, ["org"]):
        assert not await is_restricted(client, account)


async def test_a_suspended_orgs_roles_still_count(client, account, setting, tell) -> None:
    grant = granted(account.user_id, Role.ORG_ADMIN)
    suspended = OrgChanged(org_id=grant.org_id, name="학원", status=TenantStatus.SUSPENDED, version=2, changed_at=now())
    await tell(grant, suspended)
    async with setting(REQUIRED, ["org"]):
        assert await is_restricted(client, account)


async def test_another_persons_role_is_not_ones_own(client, account, setting, tell) -> None:
    other = await client.sign_up()
    await tell(granted(other.user_id, Role.ORG_ADMIN))
    async with setting(REQUIRED, ["org"]):
        assert not await is_restricted(client, account)


async def test_a_role_that_asks_for_it_asks_at_once_and_the_session_goes_on(
    client, account, setting, tell, problem, sql
) -> None:
    async with setting(REQUIRED, ["org"]):
        tokens = await client.login(account)
        await tell(granted(account.user_id, Role.INSTRUCTOR))
        assert (await client.with_token("GET", "/users/me", tokens["access_token"])).status_code == 200

        await tell(granted(account.user_id, Role.ORG_ADMIN))
        problem(await client.with_token("GET", "/users/me", tokens["access_token"]), 401, "session_ended")
        fresh = (await client.refresh(tokens["refresh_token"])).json()
        assert claims(fresh)["scope"] == ENROL_SCOPE
        assert (await confirmed(client, fresh["access_token"])).status_code == 200

        # Nothing new is asked by another such role.
        free = (await client.refresh(fresh["refresh_token"])).json()
        await tell(granted(account.user_id, Role.ORG_ADMIN))
        assert (await client.with_token("GET", "/users/me", free["access_token"])).status_code == 200
    events = [event for event in await sql.events(account.user_id) if isinstance(event, SessionRevoked)]
    assert [(event.session_id, event.token_epoch) for event in events] == [(None, 1)]
    told = [entry for entry in await sql.audited(f"user/{account.user_id}") if entry["action"] == "mfa.demanded"]
    assert [entry["detail"] for entry in told] == [{"tier": "org"}]


async def test_whoever_has_one_is_not_disturbed_by_a_role(client, account, setting, tell) -> None:
    async with setting(REQUIRED, ["user"]):
        tokens = await client.login(account)
        assert (await confirmed(client, tokens["access_token"])).status_code == 200
        tokens = (await client.refresh(tokens["refresh_token"])).json()
    async with setting(REQUIRED, ["org"]):
        await tell(granted(account.user_id, Role.ORG_ADMIN))
        assert (await client.with_token("GET", "/users/me", tokens["access_token"])).status_code == 200


async def test_the_same_fact_twice_is_handled_once(client, account, sql) -> None:
    delivery = Delivery("identity-project_tenancy", uuid4())
    grant = granted(account.user_id, Role.ORG_ADMIN)
    await client.wired.tenancy.project(grant, once=delivery)
    with pytest.raises(AlreadyHandled):
        await client.wired.tenancy.project(revoked(grant), once=delivery)
    query = "SELECT is_active FROM identity.memberships WHERE membership_id = %s"
    assert await sql.rows(query, grant.membership_id) == [{"is_active": True}]


CLOSED = [
    ("GET", "/users/me", None),
    ("PATCH", "/users/me", {"display_name": "다른 이름"}),
    ("POST", "/users/me/password", {"current": "correct-horse-battery", "new": "another-horse-battery"}),
    ("GET", "/users/me/sessions", None),
    ("GET", "/users/me/identities", None),
    ("GET", "/users/me/api-keys", None),
    ("POST", "/users/me/api-keys", {"name": "키", "scopes": ["search:read"], "expires_in_days": 1}),
    ("DELETE", "/users/me/mfa/totp", {"code": "123456"}),
    ("POST", "/users/me/mfa/recovery-codes", {"code": "123456"}),
    ("GET", "/users", None),
    ("GET", "/platform-settings", None),
]


@pytest.mark.parametrize(("method", "path", "body"), CLOSED)
async def test_a_restricted_session_opens_nothing_else(
    client, supervisor, setting, problem, method, path, body
) -> None:
    async with setting(REQUIRED, ["supervisor"]):
        token = (await client.login(supervisor))["access_token"]
    answer = await client.with_token(method, path, token, body)

    assert "mfa" in problem(answer, 403, "second_factor_needed")["detail"]


async def test_to_other_services_it_is_a_key_that_opens_nothing(client, account, setting) -> None:
    """Every service's `authenticate` refuses it; libs/chassis tests that."""
    async with setting(REQUIRED, ["user"]):
        token = (await client.login(account))["access_token"]
    caller = await client.app.state.verifier.verify(token)

    assert caller.scopes == {ENROL_SCOPE}
    assert ENROL_SCOPE not in SCOPES


async def test_it_is_lifted_by_setting_one_up(client, account, setting, sql) -> None:
    async with setting(REQUIRED, ["user"]):
        tokens = await client.login(account)
        status = (await client.with_token("GET", "/users/me/mfa", tokens["access_token"])).json()
        assert (status["required"], status["enabled"]) == (True, False)
        again = (await client.refresh(tokens["refresh_token"])).json()
        assert claims(again)["scope"] == ENROL_SCOPE
        answer = await confirmed(client, again["access_token"])
        assert answer.json()["refresh_needed"] is True
        assert len(answer.json()["recovery_codes"]) == 10

        free = (await client.refresh(again["refresh_token"])).json()
        assert "scope" not in claims(free)
        assert (await client.with_token("GET", "/users/me", free["access_token"])).status_code == 200
    query = "SELECT restricted_to FROM identity.sessions WHERE session_id = %s"
    assert await sql.rows(query, claims(free)["sid"]) == [{"restricted_to": None}]


async def test_whoever_has_one_is_asked_for_it_and_gets_everything(client, account, setting, sql) -> None:
    tokens = await client.login(account)
    body = {"password": account.password}
    started = await client.with_token("POST", "/users/me/mfa/totp", tokens["access_token"], body)
    app = pyotp.TOTP(started.json()["secret"])
    body = {"code": app.now()}
    answer = await client.with_token("POST", "/users/me/mfa/totp/confirm", tokens["access_token"], body)
    assert answer.json()["refresh_needed"] is False
    await sql.rows("UPDATE identity.totp_factors SET last_step = 0 WHERE user_id = %s", account.user_id)

    async with setting(REQUIRED, ["user"]):
        step = (await client.post("/auth/login", account.login)).json()
        body = {"mfa_token": step["mfa_token"], "code": app.now()}
        assert "scope" not in claims((await client.post("/auth/login/mfa", body)).json())


async def test_sessions_from_before_are_restricted_at_their_next_refresh(client, account, setting) -> None:
    tokens = await client.login(account)
    async with setting(REQUIRED, ["user"]):
        restricted = (await client.refresh(tokens["refresh_token"])).json()
        assert claims(restricted)["scope"] == ENROL_SCOPE
    free = (await client.refresh(restricted["refresh_token"])).json()
    assert "scope" not in claims(free)


async def test_who_got_in_with_the_password_alone_gains_nothing_when_the_owner_sets_one_up(
    client, account, setting, problem, sql
) -> None:
    """A thief of the password waits with a restricted session until the owner has set up a second factor."""
    async with setting(REQUIRED, ["user"]):
        thief, owner = await client.login(account), await client.login(account)
        assert (await confirmed(client, owner["access_token"])).status_code == 200

        problem(await client.refresh(thief["refresh_token"]), 401, "refresh_refused")
        problem(await client.with_token("GET", "/users/me/mfa", thief["access_token"]), 401, "session_ended")
    events = [event for event in await sql.events(account.user_id) if isinstance(event, SessionRevoked)]
    assert [str(event.session_id) for event in events] == [claims(thief)["sid"]]
    assert (await client.refresh(owner["refresh_token"])).status_code == 200


async def test_nor_when_the_platform_asks_no_more(client, account, setting, sql) -> None:
    """The same with a session that the owner's set-up did not end: it stays as it was opened."""
    async with setting(REQUIRED, ["user"]):
        thief, owner = await client.login(account), await client.login(account)
        assert (await confirmed(client, owner["access_token"])).status_code == 200
        query = "UPDATE identity.sessions SET revoked_at = NULL WHERE session_id = %s"
        await sql.rows(query, claims(thief)["sid"])
        restricted = (await client.refresh(thief["refresh_token"])).json()
        assert claims(restricted)["scope"] == ENROL_SCOPE

    assert claims((await client.refresh(restricted["refresh_token"])).json())["scope"] == ENROL_SCOPE


@pytest.fixture
def key_of(client):
    """A new API key of somebody's; then `trade()` gives the answer to trading it."""

    async def make(account) -> tuple[dict, Callable[[], Awaitable[httpx.Response]]]:
        token = (await client.login(account))["access_token"]
        form = {"name": "배치", "scopes": ["search:read"], "expires_in_days": 1}
        key = (await client.with_token("POST", "/users/me/api-keys", token, form)).json()

        async def trade() -> httpx.Response:
            return await client.post("/auth/api-keys/token", {"api_key": key["api_key"]})

        return key, trade

    return make


async def test_an_api_key_is_no_way_around_it(client, account, setting, sql, problem, key_of) -> None:
    key, trade = await key_of(account)
    assert (await trade()).status_code == 200
    async with setting(REQUIRED, ["user"]):
        problem(await trade(), 401, "api_key_invalid")
        problem(await client.with_token("GET", "/users/me", key["api_key"]), 401, "api_key_invalid")
        (*_, entry) = await sql.audited(f"api_key/{key['api_key_id']}")
        assert (entry["action"], entry["outcome"]) == ("api_key.refused", "refused")
        assert entry["detail"]["reason"] == "second_factor_missing"

        await confirmed(client, (await client.login(account))["access_token"])
        assert (await trade()).status_code == 200, "the key itself was never revoked"


async def test_a_key_of_a_tier_that_is_not_asked_is_taken(account, setting, tell, problem, key_of) -> None:
    _, trade = await key_of(account)
    async with setting(REQUIRED, ["supervisor", "org", "partner"]):
        assert (await trade()).status_code == 200
        await tell(granted(account.user_id, Role.INSTRUCTOR))
        problem(await trade(), 401, "api_key_invalid")


async def test_a_restricted_session_can_end_itself(client, account, setting, problem) -> None:
    async with setting(REQUIRED, ["user"]):
        tokens = await client.login(account)
    assert (await client.with_token("POST", "/auth/logout", tokens["access_token"])).status_code == 204
    problem(await client.refresh(tokens["refresh_token"]), 401, "refresh_refused")


async def test_whoever_takes_it_away_must_set_up_another(client, account, setting, problem) -> None:
    async with setting(REQUIRED, ["user"]):
        tokens = await client.login(account)
        recovery = (await confirmed(client, tokens["access_token"])).json()["recovery_codes"]
        free = (await client.refresh(tokens["refresh_token"])).json()
        body = {"code": recovery[0]}
        answer = await client.with_token("DELETE", "/users/me/mfa/totp", free["access_token"], body)
        assert answer.status_code == 204

        assert await is_restricted(client, account)
        assert claims((await client.refresh(free["refresh_token"])).json())["scope"] == ENROL_SCOPE
