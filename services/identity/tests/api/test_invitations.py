"""Who may sign up: anybody, invited people alone, nobody."""

import asyncio

import pytest

MODE = "security.sign_up_mode"


@pytest.fixture
async def tokens(client, supervisor):
    return await client.login(supervisor)


@pytest.fixture
def invite(client, tokens):
    async def send(email: str, locale: str = "ko"):
        body = {"email": email, "locale": locale}
        return await client.with_token("POST", "/users/invitations", tokens["access_token"], body)

    return send


@pytest.fixture
def invited(invite, letters):
    """The token that came in the letter."""

    async def send(email: str) -> str:
        assert (await invite(email)).status_code == 201
        return (await letters(email))[-1].token

    return send


def form(account, token: str) -> dict:
    return account.form | {"invitation_token": token}


async def test_nobody_signs_up_where_it_is_closed(client, stranger, invited, setting, problem) -> None:
    account = stranger()
    token = await invited(account.email)
    async with setting(MODE, "closed"):
        body = problem(await client.post("/auth/sign-up", account.form), 403, "sign_up_closed")
        assert "플랫폼 관리자" in body["detail"]
        problem(await client.post("/auth/sign-up", form(account, token)), 403, "sign_up_closed")


async def test_an_invited_address_signs_up_and_is_verified(
    client, stranger, supervisor, invite, letters, setting, sql, problem
) -> None:
    account = stranger()
    async with setting(MODE, "invite_only"):
        problem(await client.post("/auth/sign-up", account.form), 403, "invitation_needed")
        answer = await invite(account.email.upper(), "en")
        assert answer.status_code == 201
        invitation = answer.json()
        assert set(invitation) == {"invitation_id", "email", "invited_by", "created_at", "expires_at", "used_at"}
        assert (invitation["email"], invitation["invited_by"]) == (account.email, supervisor.user_id)
        (letter,) = await letters(account.email)
        assert letter.subject == "[GrowFit] You are invited"
        assert letter.link == f"https://growfit.example/sign-up#invitation={letter.token}"
        assert "7 days" in letter.text

        answer = await client.post("/auth/sign-up", form(account, letter.token))
        assert (answer.status_code, answer.json()["email_verified"]) == (201, True)
        assert len(await letters(account.email)) == 1
    (entry,) = await sql.audited(f"invitation/{invitation['invitation_id']}")
    assert (entry["action"], entry["actor_id"]) == ("user.invited", supervisor.user_id)
    (entry,) = await sql.audited(f"user/{answer.json()['user_id']}")
    assert (entry["action"], entry["detail"]) == ("user.signed_up", {"invitation_id": invitation["invitation_id"]})


async def test_invitations_that_do_not_count_are_refused_alike(
    client, stranger, invited, setting, sql, problem
) -> None:
    used, old, replaced, other = (stranger() for _ in range(4))
    tokens = {each.email: await invited(each.email) for each in (used, old, replaced)}
    await client.post("/auth/sign-up", form(used, tokens[used.email]))
    query = "UPDATE identity.sign_up_invitations SET expires_at = now() WHERE email = %s"
    await sql.rows(query, old.email)
    newest = await invited(replaced.email)
    tries = [
        form(stranger(), tokens[used.email]),
        form(old, tokens[old.email]),
        form(replaced, tokens[replaced.email]),
        form(other, newest),
        form(other, "x" * 43),
    ]
    async with setting(MODE, "invite_only"):
        bodies = [problem(await client.post("/auth/sign-up", each), 403, "invitation_invalid") for each in tries]
        assert len({body["detail"] for body in bodies}) == 1
        assert (await client.post("/auth/sign-up", form(replaced, newest))).status_code == 201


async def test_a_wrong_invitation_is_refused_where_none_is_needed_too(client, stranger, problem) -> None:
    problem(await client.post("/auth/sign-up", form(stranger(), "x" * 43)), 403, "invitation_invalid")


async def test_a_sign_up_that_fails_does_not_use_it_up(client, stranger, invited, problem) -> None:
    account = stranger()
    token = await invited(account.email)
    problem(await client.post("/auth/sign-up", form(account, token) | {"password": "a" * 12}), 422, "password_unfit")
    problem(await client.post("/auth/sign-up", form(account, token[:10])), 422, "validation_failed")

    answers = await asyncio.gather(*(client.post("/auth/sign-up", form(account, token)) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 403, 403, 403]


async def test_only_the_sha256_of_its_token_is_kept(stranger, invited, sql) -> None:
    account = stranger()
    token = await invited(account.email)
    (row,) = await sql.rows("SELECT * FROM identity.sign_up_invitations WHERE email = %s", account.email)

    assert len(row["digest"]) == 32
    assert token not in str(row)


async def test_they_are_listed_in_pages_newest_first(client, stranger, invite, invited, tokens, sql) -> None:
    await sql.rows("DELETE FROM identity.sign_up_invitations")
    sent = [stranger() for _ in range(4)]
    for account in sent[:3]:
        await invite(account.email)
    await client.post("/auth/sign-up", form(sent[3], await invited(sent[3].email)))

    async def page(query: str) -> dict:
        answer = await client.with_token("GET", f"/users/invitations{query}", tokens["access_token"])
        assert answer.status_code == 200
        return answer.json()

    first = await page("?limit=3")
    second = await page(f"?limit=3&cursor={first['next_cursor']}")
    found = [item["email"] for item in first["items"] + second["items"]]
    assert found == [account.email for account in reversed(sent)]
    assert second["next_cursor"] is None
    assert "token" not in str(first) + str(second)
    assert [item["email"] for item in (await page("?open=false"))["items"]] == [sent[3].email]
    assert len((await page("?open=true"))["items"]) == 3


async def test_one_is_revoked_once(client, stranger, invite, letters, tokens, sql, problem) -> None:
    account = stranger()
    invitation_id = (await invite(account.email)).json()["invitation_id"]
    (letter,) = await letters(account.email)
    path = f"/users/invitations/{invitation_id}"

    assert (await client.with_token("DELETE", path, tokens["access_token"])).status_code == 204
    problem(await client.with_token("DELETE", path, tokens["access_token"]), 404, "invitation_not_found")
    problem(await client.post("/auth/sign-up", form(account, letter.token)), 403, "invitation_invalid")
    actions = [entry["action"] for entry in await sql.audited(f"invitation/{invitation_id}")]
    assert actions == ["user.invited", "invitation.revoked"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/users/invitations"),
        ("GET", "/users/invitations"),
        ("DELETE", "/users/invitations/01890000-0000-7000-8000-000000000000"),
    ],
)
async def test_only_supervisors_invite(client, account, stranger, problem, method, path) -> None:
    problem(await client.http.request(method, path), 401, "token_missing")
    mine = (await client.login(account))["access_token"]
    body = {"email": stranger().email} if method == "POST" else None
    problem(await client.with_token(method, path, mine, body), 403, "supervisor_only")


@pytest.mark.parametrize("body", [{}, {"email": "none"}, {"email": "a@example.com", "locale": "fr"}, {"mail": 1}, []])
async def test_invitations_that_are_none(client, tokens, problem, body) -> None:
    answer = await client.with_token("POST", "/users/invitations", tokens["access_token"], body)
    problem(answer, 422, "validation_failed")


async def test_whoever_has_an_account_is_not_invited(account, invite, letters, problem) -> None:
    problem(await invite(account.email), 409, "email_taken")
    assert len(await letters(account.email)) == 1


async def test_two_at_once_leave_one_that_counts(stranger, invite, letters, client) -> None:
    account = stranger()
    answers = await asyncio.gather(*(invite(account.email) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {201}
    tokens = [letter.token for letter in await letters(account.email)]

    taken = [(await client.post("/auth/sign-up", form(account, token))).status_code for token in tokens]
    assert sorted(taken) == [201, 403, 403, 403]


async def test_which_addresses_have_an_account_cannot_be_tried_out_for_long(
    client, account, stranger, network, problem, sql
) -> None:
    here = client.at(network())
    answers = [await here.post("/auth/sign-up", account.form) for _ in range(51)]

    assert {answer.status_code for answer in answers[:50]} == {409}
    problem(answers[50], 429, "too_many_tries")
    problem(await here.post("/auth/sign-up", stranger().form), 429, "too_many_tries")
    assert (await client.at(network(0, 2)).post("/auth/sign-up", stranger().form)).status_code == 201
    (entry,) = await sql.audited(ip=network())
    assert (entry["action"], entry["detail"]["limit"]) == ("limit.reached", "sign_ups_in_vain")


async def test_a_school_signs_up_from_one_address_at_once(client, stranger, network) -> None:
    here = client.at(network())
    answers = await asyncio.gather(*(here.post("/auth/sign-up", stranger().form) for _ in range(60)))

    assert {answer.status_code for answer in answers} == {201}
