"""Login at an OpenID provider, from the start to a session, and whose account it opens."""

import asyncio
import json
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import jwt
import pyotp
import pytest

from chassis.clock import now
from chassis.delivery import Delivery
from contracts import digests
from contracts.identity import Tier, UserRegistered
from contracts.org_partner import InvitationSent

PUBLIC_URL = "https://growfit.example"


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


async def consent(url: str, sub: str) -> dict[str, str]:
    """The person's part at the package's provider: they press the button, and are sent back."""
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(url, data={"sub": sub})
    assert answer.status_code == 302, answer.text
    return {"address": answer.headers["location"].partition("?")[0], **query_of(answer.headers["location"])}


@pytest.fixture
async def person(good) -> dict:
    """Somebody whom the package's provider knows."""
    claims = {"email": f"{uuid4().hex[:12]}@example.com", "email_verified": True, "name": "박지우", "locale": "ko-KR"}
    sub = uuid4().hex
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.put(f"{good}/users/{sub}", json=claims)).status_code == 204
    return claims | {"sub": sub}


async def test_which_providers_there_are(client) -> None:
    answer = await client.http.get("/auth/oidc/providers")

    assert answer.json()["items"][:2] == [{"name": "good", "title": "좋은 학교"}, {"name": "one", "title": "하나"}]
    assert "secret" not in answer.text
    assert "s3cret" not in answer.text
    first = (await client.http.get("/auth/oidc/providers?limit=1")).json()
    second = (await client.http.get("/auth/oidc/providers", params={"limit": 1, "cursor": first["next_cursor"]})).json()
    assert first["items"] + second["items"] == answer.json()["items"][:2]
    assert (await client.http.get("/auth/oidc/providers", params={"title": "나"})).json()["items"] == [
        {"name": "one", "title": "하나"}
    ]


async def test_a_login_begins_with_what_protects_it(browser, good, sql) -> None:
    visitor = browser("good")
    answer = await visitor.start()

    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    assert set(visitor.started) == {"authorization_url", "state", "login_token", "expires_in"}
    url = visitor.started["authorization_url"]
    query = query_of(url)
    assert url.startswith(f"{good}/oauth2/authorize?")
    assert query["redirect_uri"] == f"{PUBLIC_URL}/auth/oidc/good/callback"
    assert (query["response_type"], query["code_challenge_method"]) == ("code", "S256")
    assert query["scope"].split()[:2] == ["openid", "email"]
    assert query["state"] == visitor.started["state"]
    assert len(query["nonce"]) >= 43
    assert len(query["code_challenge"]) == 43
    rows = await sql.rows("SELECT *, expires_at - now() AS rest FROM identity.oidc_logins")
    assert timedelta(minutes=9) < max(row["rest"] for row in rows) <= timedelta(minutes=10)
    kept = json.dumps(
        rows, default=lambda value: bytes(value).decode("latin-1") if hasattr(value, "hex") else str(value)
    )
    for secret in (query["state"], query["nonce"], visitor.started["login_token"]):
        assert secret not in kept


async def test_a_person_whom_nobody_knows_gets_an_account(client, browser, person, sql) -> None:
    visitor = browser("good")
    await visitor.start()
    back = await consent(visitor.started["authorization_url"], person["sub"])
    assert back["address"] == f"{PUBLIC_URL}/auth/oidc/good/callback"
    assert back["state"] == visitor.started["state"]
    answer = await visitor.complete(back["code"])

    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    me = (await client.with_token("GET", "/users/me", answer.json()["access_token"])).json()
    assert (me["email"], me["display_name"], me["locale"], me["tier"]) == (person["email"], "박지우", "ko", "user")
    assert me["email_verified"] is True
    (event,) = [each for each in await sql.events(me["user_id"]) if isinstance(each, UserRegistered)]
    assert (event.email, event.tier) == (person["email"], Tier.USER)
    assert await sql.rows("SELECT 1 FROM identity.credentials WHERE user_id = %s", me["user_id"]) == []
    actions = [each["action"] for each in await sql.audited(f"user/{me['user_id']}")]
    assert actions == ["user.signed_up", "oidc.linked", "oidc.login", "user.logged_in"]
    assert (await client.refresh(answer.json()["refresh_token"])).status_code == 200


async def test_the_second_time_it_is_the_same_account_by_the_subject_alone(client, browser, person, good, sql) -> None:
    async def login() -> str:
        visitor = browser("good")
        await visitor.start()
        back = await consent(visitor.started["authorization_url"], person["sub"])
        token = (await visitor.complete(back["code"])).json()["access_token"]
        return jwt.decode(token, options={"verify_signature": False})["sub"]

    first = await login()
    changed = {"email": f"{uuid4().hex[:12]}@example.com", "email_verified": False}
    async with httpx.AsyncClient(trust_env=False) as http:
        await http.put(f"{good}/users/{person['sub']}", json=changed)
    assert await login() == first
    rows = await sql.rows(
        'SELECT email FROM "user".app_user WHERE email IN (%s, %s)', person["email"], changed["email"]
    )
    assert rows == [{"email": person["email"]}]


async def test_the_callback_hands_on_to_the_page(client) -> None:
    answer = await client.http.get("/auth/oidc/good/callback", params={"code": "c/o+de&x", "state": "s" * 43})

    assert answer.status_code == 303
    location = urlsplit(answer.headers["location"])
    assert (location.scheme, location.netloc, location.path, location.query) == (
        "https",
        "growfit.example",
        "/login",
        "",
    )
    assert {name: values[0] for name, values in parse_qs(location.fragment).items()} == {
        "provider": "good",
        "code": "c/o+de&x",
        "state": "s" * 43,
    }
    assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == ("no-store", "no-referrer")


async def test_a_person_who_declines_comes_back_without_a_code(client, browser, person) -> None:
    visitor = browser("good")
    await visitor.start()
    async with httpx.AsyncClient(trust_env=False) as http:
        back = await http.post(visitor.started["authorization_url"], data={"action": "deny"})
    query = query_of(back.headers["location"])
    answer = await client.http.get("/auth/oidc/good/callback", params=query)

    fragment = parse_qs(urlsplit(answer.headers["location"]).fragment)
    assert fragment["error"] == ["access_denied"]
    assert "code" not in fragment


@pytest.mark.parametrize(
    "params",
    [{"code": "x" * 4097}, {"state": "x" * 201}, {"error": "x" * 101}],
)
async def test_callbacks_that_are_none(client, problem, params) -> None:
    problem(await client.http.get("/auth/oidc/good/callback", params=params), 422, "validation_failed")


@pytest.mark.parametrize(
    "evil", ["//evil.example/", "https://evil.example", "\r\nSet-Cookie: a=b", "javascript:alert(1)"]
)
async def test_a_callback_leads_nowhere_else(client, evil) -> None:
    answer = await client.http.get("/auth/oidc/good/callback", params={"code": evil, "state": evil})

    assert answer.headers["location"].startswith(f"{PUBLIC_URL}/login#provider=good&")
    assert "\n" not in answer.headers["location"]
    assert answer.headers.get("set-cookie") is None


async def test_a_verified_account_with_the_address_is_linked_and_its_owner_told(
    client, login, one, account, sql, letters
) -> None:
    await sql.rows('UPDATE "user".app_user SET email_verified_at = now() WHERE user_id = %s', account.user_id)
    answer = await login(email=account.email.upper().replace("EXAMPLE.COM", "Example.com"))

    token = answer.json()["access_token"]
    assert jwt.decode(token, options={"verify_signature": False})["sub"] == account.user_id
    (letter,) = [each for each in await letters(account.email) if "연결" in each.subject]
    assert "하나" not in letter.text, "what a letter says is ours"
    actions = [each["action"] for each in await sql.audited(f"user/{account.user_id}")]
    assert actions[-3:] == ["oidc.linked", "oidc.login", "user.logged_in"]
    assert "access_token" in await client.login(account), "the password goes on"
    assert (await login()).status_code == 200
    assert len([each for each in await letters(account.email) if "연결" in each.subject]) == 1


async def test_an_unverified_account_with_the_address_is_not(client, login, account, problem, sql) -> None:
    """Somebody signed up with another's address, and waits for its owner to log in with a provider."""
    body = problem(await login(email=account.email), 409, "oidc_address_unverified")

    assert "확인" in body["detail"]
    query = "SELECT 1 FROM identity.linked_identities WHERE email = %s"
    assert await sql.rows(query, account.email) == []
    (refused,) = [each for each in await sql.audited() if each["detail"].get("reason") == "oidc_address_unverified"]
    assert (refused["action"], refused["outcome"], refused["detail"]["provider"]) == ("oidc.login", "refused", "one")
    assert "access_token" in await client.login(account)


@pytest.mark.parametrize("verified", [False, None, 0, 1, "false", "yes", "TRUE", [True], {}])
async def test_an_address_that_the_provider_has_not_verified_opens_nothing(
    login, account, problem, sql, verified
) -> None:
    await sql.rows('UPDATE "user".app_user SET email_verified_at = now() WHERE user_id = %s', account.user_id)
    problem(await login(email=account.email, email_verified=verified), 403, "oidc_email_unverified")


@pytest.mark.parametrize(
    "email", [None, "", "minji", "a b@example.com", "x" * 250 + "@example.com", 7, ["a@b.co"], "a@b\x00.c"]
)
async def test_addresses_that_are_none(login, problem, email) -> None:
    problem(await login(email=email), 403, "oidc_email_unverified")


async def test_some_providers_write_verified_as_a_text(login) -> None:
    assert (await login(email_verified="true")).status_code == 200


@pytest.mark.parametrize("status", ["suspended", "deactivated", "anonymised"])
@pytest.mark.parametrize("linked", [True, False])
async def test_an_account_that_is_not_active_stays_shut(login, one, account, sql, problem, status, linked) -> None:
    await sql.rows('UPDATE "user".app_user SET email_verified_at = now() WHERE user_id = %s', account.user_id)
    if linked:
        assert (await login(email=account.email)).status_code == 200
    await sql.rows('UPDATE "user".app_user SET status = %s WHERE user_id = %s', status, account.user_id)

    problem(await login(email=account.email), 401, "account_not_active")


async def test_nobody_new_gets_in_where_nobody_signs_up(login, one, setting, problem, sql) -> None:
    async with setting("security.sign_up_mode", "closed"):
        problem(await login(), 403, "sign_up_closed")
    async with setting("security.sign_up_mode", "invite_only"):
        problem(await login(), 403, "oidc_not_invited")
    assert await sql.rows('SELECT 1 FROM "user".app_user WHERE email = %s', one.claims["email"]) == []


async def test_an_invited_address_gets_in_once(client, boss, login, one, setting, sql, problem) -> None:
    assert (await boss("POST", "/users/invitations", {"email": one.claims["email"]})).status_code == 201
    async with setting("security.sign_up_mode", "invite_only"):
        assert (await login()).status_code == 200
    (row,) = await sql.rows("SELECT used_at FROM identity.sign_up_invitations WHERE email = %s", one.claims["email"])
    assert row["used_at"] is not None


async def test_an_address_that_an_org_invited_gets_in(client, login, one, setting) -> None:
    fact = InvitationSent(
        invitation_id=uuid4(),
        org_id=uuid4(),
        address_digest=digests.of_address(one.claims["email"]).hex(),
        token_digest=digests.of_token("of the letter").hex(),
        version=1,
        expires_at=now() + timedelta(days=7),
        sent_at=now(),
    )
    await client.wired.tenant_invitations.note(fact, once=Delivery("identity-note_invitation", uuid4()))
    async with setting("security.sign_up_mode", "invite_only"):
        assert (await login()).status_code == 200


async def test_who_is_known_gets_in_whatever_the_sign_up_mode(login, setting) -> None:
    assert (await login()).status_code == 200
    async with setting("security.sign_up_mode", "closed"):
        assert (await login()).status_code == 200


async def test_two_first_logins_at_once_make_one_account(browser, one, sql) -> None:
    visitors = [browser("one") for _ in range(5)]
    codes = []
    for visitor in visitors:
        await visitor.start()
        codes.append(one.consent(visitor.started["authorization_url"])[0])
    pairs = zip(visitors, codes, strict=True)
    answers = await asyncio.gather(*(visitor.complete(code) for visitor, code in pairs))

    assert [answer.status_code for answer in answers] == [200] * 5
    query = "SELECT user_id FROM identity.linked_identities WHERE subject = %s"
    assert len(await sql.rows(query, one.claims["sub"])) == 1
    assert len(await sql.rows('SELECT 1 FROM "user".app_user WHERE email = %s', one.claims["email"])) == 1


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        (None, "local.part"),
        ("", "local.part"),
        ("김\n민지", "local.part"),
        ("가" * 100, "가" * 80),
        (5, "local.part"),
        (" 이름 ", "이름"),
    ],
)
async def test_names_of_providers(client, login, name, kept) -> None:
    email = f"local.part@{uuid4().hex[:12]}.example.com"
    token = (await login(email=email, name=name)).json()["access_token"]

    assert (await client.with_token("GET", "/users/me", token)).json()["display_name"] == kept


async def test_the_second_factor_is_asked_for_all_the_same(client, login, one, sql) -> None:
    token = (await login()).json()["access_token"]
    app = pyotp.TOTP((await client.with_token("POST", "/users/me/mfa/totp", token)).json()["secret"])
    await client.with_token("POST", "/users/me/mfa/totp/confirm", token, {"code": app.now()})
    await sql.rows("UPDATE identity.totp_factors SET last_step = 0")
    answer = await login()

    assert set(answer.json()) == {"mfa_required", "mfa_token", "expires_in", "methods"}
    body = {"mfa_token": answer.json()["mfa_token"], "code": app.now()}
    assert "access_token" in (await client.post("/auth/login/mfa", body)).json()


async def test_and_where_it_is_demanded_a_session_is_restricted(client, login, setting, problem) -> None:
    async with setting("security.mfa_required_tiers", ["user"]):
        token = (await login()).json()["access_token"]
    problem(await client.with_token("GET", "/users/me", token), 403, "second_factor_needed")


async def test_a_state_is_good_for_one_login(browser, one, problem) -> None:
    visitor = browser("one")
    await visitor.start()
    code, _ = one.consent(visitor.started["authorization_url"])
    answers = await asyncio.gather(*(visitor.complete(code) for _ in range(3)))

    assert sorted(answer.status_code for answer in answers) == [200, 401, 401]
    problem(await visitor.complete(code), 401, "oidc_state_invalid")


async def test_a_state_is_over_after_ten_minutes(browser, one, problem, sql) -> None:
    visitor = browser("one")
    await visitor.start()
    code, _ = one.consent(visitor.started["authorization_url"])
    await sql.rows("UPDATE identity.oidc_logins SET expires_at = now() - interval '1 second'")

    problem(await visitor.complete(code), 401, "oidc_state_invalid")
    assert "token" not in one.asked


async def test_another_browser_cannot_end_it(browser, one, problem, sql) -> None:
    """Login CSRF: a thief's code and state are slipped to somebody, who would work in the thief's account."""
    thief, victim = browser("one"), browser("one")
    await thief.start()
    await victim.start()
    code, state = one.consent(thief.started["authorization_url"])

    problem(await victim.complete(code, state=state), 401, "oidc_state_invalid")
    problem(await thief.complete(code), 401, "oidc_state_invalid")
    assert "token" not in one.asked
    told = [entry for entry in await sql.audited() if entry["detail"].get("reason") == "begun_elsewhere"]
    assert [(entry["action"], entry["outcome"]) for entry in told] == [("oidc.login", "refused")]


async def test_states_that_nobody_began_are_told_once_from_one_place(client, network, sql, problem) -> None:
    here = client.at(network())
    for number in range(3):
        body = {"state": f"{number}" * 43, "code": "x", "login_token": "x" * 43}
        problem(await here.post("/auth/oidc/one/complete", body), 401, "oidc_state_invalid")

    (entry,) = await sql.audited(ip=network())
    assert (entry["action"], entry["detail"]) == ("oidc.login", {"provider": "one", "reason": "oidc_state_invalid"})


async def test_a_stolen_code_is_bound_to_its_login(browser, one, problem) -> None:
    """Code injection: the thief has somebody's code and begins a login of their own. PKCE and the nonce refuse it."""
    victim, thief = browser("one"), browser("one")
    await victim.start()
    await thief.start()
    code, _ = one.consent(victim.started["authorization_url"])

    problem(await thief.complete(code), 401, "oidc_refused")


async def test_a_code_of_another_provider(client, browser, servers, one, problem) -> None:
    visitor = browser("one")
    await visitor.start()
    code, _ = servers[1].consent(visitor.started["authorization_url"])
    problem(await visitor.complete(code), 401, "oidc_refused")
    await visitor.start()
    body = {name: visitor.started[name] for name in ("state", "login_token")} | {"code": "x"}
    problem(await client.post("/auth/oidc/two/complete", body), 401, "oidc_state_invalid")


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/auth/oidc/none/start"), ("POST", "/auth/oidc/none/complete"), ("GET", "/auth/oidc/none/callback")],
)
async def test_providers_that_there_are_not(client, problem, method, path) -> None:
    body = {"state": "s" * 43, "code": "c", "login_token": "l" * 43} if path.endswith("complete") else {}
    answer = await client.http.request(method, path, json=body if method == "POST" else None)

    problem(answer, 404, "oidc_provider_not_found")


@pytest.mark.parametrize("path", ["/login", "", "/login/oidc?from=app", ":443/login"])
async def test_addresses_to_come_back_to(browser, one, path) -> None:
    visitor = browser("one")
    answer = await visitor.start(redirect_uri=f"{PUBLIC_URL}{path}")

    if path.startswith(":"):
        assert answer.status_code == 422
        return
    assert query_of(answer.json()["authorization_url"])["redirect_uri"] == f"{PUBLIC_URL}{path}"
    code, _ = one.consent(answer.json()["authorization_url"])
    assert (await visitor.complete(code)).status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/login",
        "http://growfit.example/login",
        "https://growfit.example.evil.example/login",
        "https://growfit.example@evil.example/login",
        "https://evil.example\\@growfit.example/login",
        "https://growfit.example\\@evil.example",
        "https://growfit.example/login#fragment",
        "//evil.example",
        "/login",
        "javascript:alert(1)",
        "https://growfit.example:8443/login",
        "https://[::1",
        "https://growfit.example/log\nin",
        "https://growfit.example/log in",
        "https://growfit.example/로그인",
        "\thttps://growfit.example/login",
        "HTTPS://growfit.example/login#",
    ],
)
async def test_and_those_that_are_not_ours(browser, one, problem, address) -> None:
    problem(await browser("one").start(redirect_uri=address), 422, "redirect_uri_invalid")


@pytest.mark.parametrize("body", [{"redirect_uri": ""}, {"redirect_uri": "x" * 501}, {"redirect_uri": 5}, {"x": 1}, []])
async def test_starts_that_are_none(client, problem, body) -> None:
    problem(await client.post("/auth/oidc/good/start", body), 422, "validation_failed")


@pytest.mark.parametrize(
    "change",
    [
        {"state": "short"},
        {"state": "x" * 201},
        {"code": ""},
        {"code": "x" * 4097},
        {"login_token": ""},
        {"login_token": None},
        {"code": ["x"]},
        {"nonce": "x"},
    ],
)
async def test_ends_that_are_none(client, problem, change) -> None:
    body = {"state": "s" * 43, "code": "c", "login_token": "l" * 43} | change
    problem(await client.post("/auth/oidc/good/complete", body), 422, "validation_failed")


async def test_ones_own_linked_logins(client, login, one, problem) -> None:
    token = (await login()).json()["access_token"]
    answer = await client.with_token("GET", "/users/me/identities", token)

    (item,) = answer.json()["items"]
    assert (item["provider"], item["email"]) == ("one", one.claims["email"])
    assert item["last_login_at"] is not None
    assert one.claims["sub"] not in answer.text
    for provider, found in (("one", [item]), ("good", []), ("no-such", [])):
        listed = await client.with_token("GET", f"/users/me/identities?provider={provider}", token)
        assert listed.json()["items"] == found
    problem(await client.with_token("GET", "/users/me/identities?provider=%00", token), 422, "validation_failed")
    problem(await client.with_token("DELETE", f"/users/me/identities/{uuid4()}", token), 404, "identity_not_found")


async def test_the_last_way_in_stays(client, login, one, problem) -> None:
    token = (await login()).json()["access_token"]
    (item,) = (await client.with_token("GET", "/users/me/identities", token)).json()["items"]
    path = f"/users/me/identities/{item['identity_id']}"

    assert "비밀번호" in problem(await client.with_token("DELETE", path, token), 409, "last_way_in")["detail"]
    assert (await login()).status_code == 200


async def test_of_two_that_are_taken_away_at_once_one_stays(client, browser, login, one, servers, account, sql) -> None:
    token = (await login()).json()["access_token"]
    user_id = jwt.decode(token, options={"verify_signature": False})["sub"]
    query = """INSERT INTO identity.linked_identities (identity_id, user_id, provider, issuer, subject, email)
        VALUES (%s, %s, 'two', 'https://two.example', %s, 'x@example.com')"""
    await sql.rows(query, uuid4(), user_id, uuid4().hex)
    items = (await client.with_token("GET", "/users/me/identities?limit=1", token)).json()
    rest = await client.with_token("GET", f"/users/me/identities?cursor={items['next_cursor']}", token)
    paths = [f"/users/me/identities/{item['identity_id']}" for item in items["items"] + rest.json()["items"]]
    answers = await asyncio.gather(*(client.with_token("DELETE", path, token) for path in paths))

    assert sorted(answer.status_code for answer in answers) == [204, 409]


async def test_an_unlinked_one_opens_the_account_no_more(client, login, one, account, sql, asker, problem) -> None:
    await sql.rows('UPDATE "user".app_user SET email_verified_at = now() WHERE user_id = %s', account.user_id)
    await login(email=account.email)
    ask = await asker(account)
    (item,) = (await ask("GET", "/users/me/identities")).json()["items"]
    other = await asker(await client.sign_up())
    problem(await other("DELETE", f"/users/me/identities/{item['identity_id']}"), 404, "identity_not_found")

    assert (await ask("DELETE", f"/users/me/identities/{item['identity_id']}")).status_code == 204
    assert (await ask("GET", "/users/me/identities")).json()["items"] == []
    assert "oidc.unlinked" in [each["action"] for each in await sql.audited(f"user/{account.user_id}")]


async def test_anonymising_forgets_them(client, login, one, account, sql, asker) -> None:
    await sql.rows('UPDATE "user".app_user SET email_verified_at = now() WHERE user_id = %s', account.user_id)
    await login(email=account.email)
    ask = await asker(account)
    body = {"password": account.password, "confirm": "anonymise"}
    assert (await ask("POST", "/users/me/anonymise", body)).status_code == 204

    assert await sql.rows("SELECT 1 FROM identity.linked_identities WHERE user_id = %s", account.user_id) == []
