"""`POST /auth/sign-up`: an account, its secret and its announcement, or nothing at all."""

import asyncio
import re
import unicodedata

import pytest

from contracts.identity import Tier, UserRegistered

HANGUL = re.compile("[가-힣]")


async def test_an_account_and_its_event_are_one_transaction(client, sql, account) -> None:
    (row,) = await sql.rows('SELECT *, xmin::text FROM "user".app_user WHERE user_id = %s', account.user_id)
    assert (row["email"], row["display_name"], row["tier"]) == (account.email, "김민지", "user")
    assert (row["status"], row["locale"], row["token_epoch"]) == ("active", "ko", 0)
    query = "SELECT outbox.xmin::text FROM identity.outbox WHERE payload->'data'->>'user_id' = %s"
    assert await sql.rows(query, account.user_id) == [{"xmin": row["xmin"]}]
    (secret,) = await sql.rows(
        "SELECT password_hash, xmin::text FROM identity.credentials WHERE user_id = %s", account.user_id
    )
    assert secret["xmin"] == row["xmin"]
    assert secret["password_hash"].startswith("$argon2id$")
    assert account.password not in secret["password_hash"]
    (event,) = await sql.events(account.user_id)
    assert isinstance(event, UserRegistered)
    assert (event.email, event.tier, event.locale) == (account.email, Tier.USER, "ko")


async def test_the_answer_holds_no_secret(client, stranger) -> None:
    answer = await client.post("/auth/sign-up", stranger().form | {"locale": "en"})

    assert answer.status_code == 201
    assert set(answer.json()) == {
        *(
            "user_id",
            "email",
            "email_verified",
            "display_name",
            "locale",
            "tier",
            "status",
            "mfa_enabled",
            "created_at",
        ),
    }
    assert (answer.json()["tier"], answer.json()["locale"]) == ("user", "en")


@pytest.mark.parametrize("change", [str.lower, str.upper, str.title, lambda email: f"  {email}  "])
@pytest.mark.parametrize("language", ["ko", "en"])
async def test_an_address_is_taken_however_it_is_written(client, sql, account, problem, change, language) -> None:
    form = account.form | {"email": change(account.email), "password": "another-password"}
    body = problem(await client.post("/auth/sign-up", form, language), 409, "email_taken")

    assert bool(HANGUL.search(body["detail"])) == (language == "ko")
    assert len(await sql.rows('SELECT 1 FROM "user".app_user WHERE email = %s', account.email)) == 1
    assert (await client.login(account))["access_token"]


async def test_an_address_is_kept_in_small_letters_and_found_in_any(client, stranger) -> None:
    account = stranger()
    form = account.form | {"email": account.email.replace("minji", "Min.Ji").replace("example", "Example")}
    assert (await client.post("/auth/sign-up", form)).json()["email"] == form["email"].lower()

    for email in (form["email"], form["email"].upper(), form["email"].lower()):
        assert (await client.post("/auth/login", account.login | {"email": email})).status_code == 200


async def test_of_many_sign_ups_at_once_one_is_taken(client, sql, stranger) -> None:
    account = stranger()
    answers = await asyncio.gather(*(client.post("/auth/sign-up", account.form) for _ in range(6)))

    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 5]
    (row,) = await sql.rows('SELECT user_id FROM "user".app_user WHERE email = %s', account.email)
    assert len(await sql.events(row["user_id"])) == 1


@pytest.mark.parametrize("password", ["x" * 9, "", "가" * 9, "y" * 129, 1234567890, None, ["long-enough-list"]])
async def test_passwords_of_the_wrong_size(client, stranger, problem, password) -> None:
    answer = await client.post("/auth/sign-up", stranger().form | {"password": password})

    body = problem(answer, 422, "validation_failed")
    assert [error["field"] for error in body["errors"]] == ["body.password"]


@pytest.mark.parametrize("password", ["aaaaaaaaaa", "가" * 12, " " * 10, "its own address"])
@pytest.mark.parametrize("language", ["ko", "en"])
async def test_passwords_that_are_none(client, stranger, problem, password, language) -> None:
    account = stranger()
    password = account.email.upper() if password == "its own address" else password
    answer = await client.post("/auth/sign-up", account.form | {"password": password}, language)

    body = problem(answer, 422, "password_unfit")
    assert bool(HANGUL.search(body["detail"])) == (language == "ko")


@pytest.mark.parametrize(
    "password", ["x" * 9 + "y", "가나다라마바사아자차", "pass word 🔑 한글", "z" * 127 + "w", "nul\x00inside-it"]
)
async def test_passwords_at_the_limits_work_and_nothing_near_them_does(client, stranger, password) -> None:
    account = stranger()
    account.password = password
    assert (await client.post("/auth/sign-up", account.form)).status_code == 201

    assert (await client.login(account))["access_token"]
    for wrong in (password[:-1], password + "x", password.swapcase(), password.split("\x00")[0]):
        if wrong != password and len(wrong) <= 128:
            answer = await client.post("/auth/login", account.login | {"password": wrong})
            assert answer.status_code == 401, wrong


@pytest.mark.parametrize(
    "email",
    ["", "minji", "minji@", "@example.com", "a b@example.com", "x" * 250 + "@example.com", None, 7, "a@b\x00.c"],
)
async def test_addresses_that_are_none(client, stranger, problem, email) -> None:
    body = problem(await client.post("/auth/sign-up", stranger().form | {"email": email}), 422, "validation_failed")

    assert {error["field"] for error in body["errors"]} == {"body.email"}


@pytest.mark.parametrize("name", ["", "   ", "\u200b", "가" * 81, "김\x00민지", "김\n민지", "김\u202e민지", None, 5])
async def test_names_that_are_none(client, stranger, problem, name) -> None:
    answer = await client.post("/auth/sign-up", stranger().form | {"display_name": name})

    body = problem(answer, 422, "validation_failed")
    assert [error["field"] for error in body["errors"]] == ["body.display_name"]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("  김민지 ", "김민지"),
        (unicodedata.normalize("NFD", "김민지"), "김민지"),
        ("가" * 80, "가" * 80),
        ("O'Brien; DROP TABLE", "O'Brien; DROP TABLE"),
        ("민지 👩‍🏫", "민지 👩‍🏫"),
    ],
)
async def test_names(client, stranger, sent, kept) -> None:
    answer = await client.post("/auth/sign-up", stranger().form | {"display_name": sent})

    assert (answer.status_code, answer.json()["display_name"]) == (201, kept)


@pytest.mark.parametrize("extra", [{"tier": "supervisor"}, {"user_id": "x"}, {"status": "active"}, {"is_admin": True}])
async def test_nobody_gives_themselves_more(client, sql, stranger, problem, extra) -> None:
    account = stranger()
    body = problem(await client.post("/auth/sign-up", account.form | extra), 422, "validation_failed")

    assert [(error["field"], error["type"]) for error in body["errors"]] == [
        (f"body.{next(iter(extra))}", "extra_forbidden")
    ]
    assert await sql.rows('SELECT 1 FROM "user".app_user WHERE email = %s', account.email) == []


@pytest.mark.parametrize("path", ["/auth/sign-up", "/auth/login", "/auth/refresh"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'"text"', b"email=a&password=b", b"\xff\xfe"])
async def test_bodies_that_are_no_form(client, problem, path, content) -> None:
    answer = await client.http.post(path, content=content, headers={"Content-Type": "application/json"})

    body = problem(answer, 422, "validation_failed")
    assert all(HANGUL.search(error["message"]) for error in body["errors"])


@pytest.mark.parametrize("path", ["/auth/sign-up", "/auth/login", "/auth/refresh"])
async def test_unknown_fields_are_named_and_values_are_not_sent_back(client, stranger, problem, path) -> None:
    secret = "sensitive-value-of-somebody"
    answer = await client.post(path, {"password": secret * 9, "refresh_token": secret * 9, "role": secret})

    body = problem(answer, 422, "validation_failed")
    assert "body.role" in {error["field"] for error in body["errors"]}
    assert secret not in answer.text
