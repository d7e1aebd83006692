"""Guessing passwords is limited, and the limits lock nobody out who knows theirs."""

import asyncio
from contextlib import asynccontextmanager

import pytest

LIMIT = 3


@pytest.fixture
async def few(setting):
    async with setting("security.login_attempts", LIMIT):
        yield


def wrong(account) -> dict:
    return account.login | {"password": "another-password"}


async def guess(client, account, times: int) -> list[int]:
    return [(await client.post("/auth/login", wrong(account))).status_code for _ in range(times)]


async def elapse(sql, minutes: int) -> None:
    """By way of far away: a key's rows of neighbouring minutes would meet where one statement moves them."""
    await sql.rows("UPDATE identity.attempts SET minute = minute - 1000000")
    await sql.rows("UPDATE identity.attempts SET minute = minute + 1000000 - %s", minutes)


async def test_beyond_the_limit_a_network_waits_and_only_that_one(few, client, account, network, problem) -> None:
    here = client.at(network(1))
    assert await guess(here, account, LIMIT) == [401] * LIMIT
    answer = await here.post("/auth/login", wrong(account))
    body = problem(answer, 429, "too_many_tries")
    assert 0 < int(answer.headers["retry-after"]) <= 900
    assert body["retry_after"] == int(answer.headers["retry-after"])
    problem(await here.post("/auth/login", account.login), 429, "too_many_tries")
    problem(await client.at(network(1, 77)).post("/auth/login", account.login), 429, "too_many_tries")

    assert (await client.at(network(2)).post("/auth/login", account.login)).status_code == 200


async def test_it_is_the_same_for_an_address_without_an_account(
    few, client, account, stranger, network, problem
) -> None:
    here, there, nobody = client.at(network(1)), client.at(network(2)), stranger()
    assert await guess(here, account, LIMIT) == await guess(there, nobody, LIMIT)
    known = problem(await here.post("/auth/login", wrong(account)), 429, "too_many_tries")
    unknown = problem(await there.post("/auth/login", wrong(nobody)), 429, "too_many_tries")

    for each in (known, unknown):
        del each["request_id"], each["retry_after"], each["detail"]
    assert known == unknown


@pytest.fixture
def work(client, monkeypatch):
    """Counts transactions and hashes; the clocks of neither are asked."""
    done: list[str] = []
    database, passwords = client.wired.database, client.wired.sessions._check._passwords
    transaction, verify = database.transaction, passwords.verify

    @asynccontextmanager
    async def counted(*args, **options):
        done.append("transaction")
        async with transaction(*args, **options) as session:
            yield session

    async def verified(password, hashed):
        done.append("hash")
        return await verify(password, hashed)

    monkeypatch.setattr(database, "transaction", counted)
    monkeypatch.setattr(passwords, "verify", verified)

    async def of(request) -> list[str]:
        await client.wired.access.platform.value("security.login_attempts")
        done.clear()
        await request
        return list(done)

    return of


async def test_an_unknown_address_costs_the_same_work(few, client, account, stranger, network, work) -> None:
    """A clock would tell less: what is counted here is all that takes time."""
    here, nobody = client.at(network()), stranger()
    for expected in (*["transaction hash transaction"] * LIMIT, "transaction"):
        known = await work(here.post("/auth/login", wrong(account)))
        unknown = await work(here.post("/auth/login", wrong(nobody)))
        assert known == unknown == expected.split()


@pytest.mark.parametrize("path", ["/auth/password-reset", "/auth/verify-email/resend"])
async def test_asking_for_a_letter_costs_the_same_work(client, account, stranger, work, path) -> None:
    known = await work(client.post(path, {"email": account.email}))
    unknown = await work(client.post(path, {"email": stranger().email}))

    assert known == unknown == ["transaction"]


async def test_many_at_once_are_no_way_around(few, client, account, network) -> None:
    here = client.at(network())
    answers = await asyncio.gather(*(here.post("/auth/login", wrong(account)) for _ in range(30)))

    assert sorted(answer.status_code for answer in answers) == [401] * LIMIT + [429] * (30 - LIMIT)


async def test_right_passwords_are_not_counted(few, client, account, network) -> None:
    here = client.at(network())
    assert await guess(here, account, LIMIT - 1) == [401] * (LIMIT - 1)
    answers = await asyncio.gather(*(here.post("/auth/login", account.login) for _ in range(1)))
    assert [answer.status_code for answer in answers] == [200]
    for _ in range(3 * LIMIT):
        assert (await here.post("/auth/login", account.login)).status_code == 200


async def test_a_known_network_is_never_shut_out_by_others(few, client, account, network, problem) -> None:
    home = client.at(network(200))
    await home.login(account)
    # Five times the limit, from everywhere: nobody else is believed any more.
    for place in range(5):
        assert await guess(client.at(network(place)), account, LIMIT) == [401] * LIMIT
    fresh = client.at(network(100))
    problem(await fresh.post("/auth/login", account.login), 429, "too_many_tries")
    problem(await fresh.post("/auth/login", wrong(account)), 429, "too_many_tries")

    assert (await client.at(network(200, 9)).post("/auth/login", account.login)).status_code == 200
    problem(await home.post("/auth/login", wrong(account)), 401, "login_refused")


async def test_an_attack_from_everywhere_on_nobody_looks_the_same(few, client, stranger, network, problem) -> None:
    nobody = stranger()
    for place in range(5):
        assert await guess(client.at(network(place)), nobody, LIMIT) == [401] * LIMIT
    problem(await client.at(network(100)).post("/auth/login", nobody.login), 429, "too_many_tries")


async def test_in_a_known_network_the_right_password_works_whoever_guesses_there(
    few, client, account, network, problem
) -> None:
    """A school has one address: a classmate must not lock one out. But there too, guessing ends."""
    school = client.at(network())
    await school.login(account)
    assert await guess(school, account, LIMIT + 5) == [401] * LIMIT + [429] * 5
    assert (await school.post("/auth/login", account.login)).status_code == 200

    statuses = await guess(school, account, 10 * LIMIT)
    assert set(statuses) == {429}
    problem(await school.post("/auth/login", account.login), 429, "too_many_tries")
    assert (await client.at(network(9)).post("/auth/login", account.login)).status_code == 200


async def test_one_host_does_not_try_one_password_on_everybody(
    few, client, account, stranger, network, problem
) -> None:
    here = client.at(network())
    statuses = [(await here.post("/auth/login", stranger().login)).status_code for _ in range(10 * LIMIT)]
    assert set(statuses) == {401}
    problem(await here.post("/auth/login", account.login), 429, "too_many_tries")

    assert (await client.at(network(0, 2)).post("/auth/login", account.login)).status_code == 200
    assert (await here.post("/auth/login", account.login)).status_code == 200


async def test_a_school_logs_in_from_one_address_at_once(few, client, stranger, network) -> None:
    """More people than wrong tries are allowed to one host, all of them for the first time and all of them right."""
    accounts = [stranger() for _ in range(10 * LIMIT + 5)]
    for account in accounts:
        await client.post("/auth/sign-up", account.form)
    here = client.at(network())
    answers = await asyncio.gather(*(here.post("/auth/login", account.login) for account in accounts))

    assert {answer.status_code for answer in answers} == {200}


async def test_the_network_waits_as_long_as_it_is_told(few, client, account, network, sql) -> None:
    here = client.at(network())
    await guess(here, account, LIMIT)
    wait = int((await here.post("/auth/login", account.login)).headers["retry-after"])
    await elapse(sql, 15)

    assert 14 * 60 <= wait <= 15 * 60
    assert (await here.post("/auth/login", account.login)).status_code == 200


async def test_what_is_refused_does_not_prolong_the_wait(few, client, account, network, sql) -> None:
    here = client.at(network())
    await guess(here, account, LIMIT)
    await elapse(sql, 14)
    assert await guess(here, account, 5) == [429] * 5
    await elapse(sql, 1)

    assert (await here.post("/auth/login", account.login)).status_code == 200


async def test_wrong_tries_and_one_lockout_are_in_the_audit_log(few, client, account, stranger, network, sql) -> None:
    here, nobody = client.at(network()), stranger()
    await guess(here, account, LIMIT + 2)
    await guess(here, nobody, 1)
    entries = await sql.audited(ip=network())

    target = f"user/{account.user_id}"
    assert [(entry["action"], entry.get("target")) for entry in entries] == [
        *[("user.login_failed", target)] * LIMIT,
        ("user.login_locked", target),
        ("user.login_failed", None),
    ]
    assert {entry["outcome"] for entry in entries} == {"refused"}
    assert not any("actor_id" in entry for entry in entries)
    assert nobody.email not in str(entries)


async def test_a_lockout_is_told_once_in_a_window(few, client, account, network, sql) -> None:
    here = client.at(network())
    await guess(here, account, LIMIT)
    query = """UPDATE identity.attempts SET tries = tries - 1 WHERE tries = %s"""
    await sql.rows(query, LIMIT)
    assert await guess(here, account, 1) == [401]

    actions = [entry["action"] for entry in await sql.audited(ip=network())]
    assert actions.count("user.login_locked") == 1


async def test_replicas_count_together(few, client, account, network, settings) -> None:
    from identity.main import create_app  # noqa: PLC0415

    app = create_app(settings)
    other = type(client)(client.http, app).at(network())
    here = client.at(network())
    statuses = [(await each.post("/auth/login", wrong(account))).status_code for each in (here, other) * LIMIT]
    await app.state.wired.database.close()

    assert statuses == [401] * LIMIT + [429] * LIMIT


async def test_no_address_can_be_read_from_the_counts(few, client, account, network, sql) -> None:
    await guess(client.at(network()), account, 1)
    for row in await sql.rows("SELECT * FROM identity.attempts"):
        assert len(row["key"]) == 16


async def test_whoever_has_never_logged_in_is_not_shut_out_where_they_signed_up(
    few, client, stranger, network, problem
) -> None:
    account, home = stranger(), client.at(network(200))
    assert (await home.post("/auth/sign-up", account.form)).status_code == 201
    for place in range(5):
        assert await guess(client.at(network(place)), account, LIMIT) == [401] * LIMIT
    problem(await client.at(network(100)).post("/auth/login", account.login), 429, "too_many_tries")

    assert (await client.at(network(200, 9)).post("/auth/login", account.login)).status_code == 200


async def test_a_reset_opens_the_network_that_it_came_from(
    few, client, account, network, letters, sql, problem
) -> None:
    for place in range(5):
        await guess(client.at(network(place)), account, LIMIT)
    away = client.at(network(150))
    problem(await away.post("/auth/login", account.login), 429, "too_many_tries")
    await away.post("/auth/password-reset", {"email": account.email})
    token = (await letters(account.email))[-1].token
    new = "battery-staple-correct"
    assert (await away.post("/auth/password-reset/confirm", {"token": token, "password": new})).is_success

    assert (await away.post("/auth/login", account.login | {"password": new})).status_code == 200


async def test_a_password_that_nobody_had_the_time_to_look_at_is_no_try(
    few, client, account, network, monkeypatch
) -> None:
    here, passwords = client.at(network()), client.wired.sessions._check._passwords
    with monkeypatch.context() as busy:
        busy.setattr(passwords, "_waiting", 10**6)
        answers = [await here.post("/auth/login", account.login) for _ in range(2 * LIMIT)]
    assert {answer.status_code for answer in answers} == {503}

    assert await guess(here, account, LIMIT) == [401] * LIMIT
