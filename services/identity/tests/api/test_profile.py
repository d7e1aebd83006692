"""One's own account: what one sees, and what one may change of it."""

import asyncio

import pytest

from contracts.identity import UserChanged


@pytest.fixture
async def token(client, account) -> str:
    return (await client.login(account))["access_token"]


async def change(client, token: str, body):
    return await client.with_token("PATCH", "/users/me", token, body)


async def test_what_one_sees(client, account, token) -> None:
    mine = (await client.with_token("GET", "/users/me", token)).json()

    assert mine.pop("created_at")
    assert mine == {
        "user_id": account.user_id,
        "email": account.email,
        "email_verified": False,
        "display_name": "김민지",
        "locale": "ko",
        "tier": "user",
        "status": "active",
        "mfa_enabled": False,
    }


async def test_name_and_language_change_and_are_told(client, account, token, sql) -> None:
    answer = await change(client, token, {"display_name": "  Minji ", "locale": "en"})
    assert (answer.status_code, answer.json()["display_name"], answer.json()["locale"]) == (200, "Minji", "en")
    answer = await change(client, token, {"locale": "ko"})
    assert (answer.json()["display_name"], answer.json()["locale"]) == ("Minji", "ko")

    events = [event for event in await sql.events(account.user_id) if isinstance(event, UserChanged)]
    assert [(event.version, event.display_name, event.locale) for event in events] == [
        (2, "Minji", "en"),
        (3, "Minji", "ko"),
    ]


@pytest.mark.parametrize("body", [{}, {"display_name": None}, {"display_name": "김민지", "locale": "ko"}])
async def test_what_is_the_same_is_no_change(client, account, token, sql, body) -> None:
    answer = await change(client, token, body)

    assert (answer.status_code, answer.json()["display_name"]) == (200, "김민지")
    assert len(await sql.events(account.user_id)) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"display_name": ""},
        {"display_name": "가" * 81},
        {"display_name": "김\u202e민지"},
        {"display_name": 5},
        {"locale": "fr"},
        {"locale": ["ko"]},
        {"tier": "supervisor"},
        {"status": "active"},
        {"email": "other@example.com"},
        {"email_verified": True},
        {"token_epoch": 0},
        [],
        None,
        "text",
    ],
)
async def test_what_cannot_be_changed_here(client, account, token, sql, problem, body) -> None:
    problem(await change(client, token, body), 422, "validation_failed")
    assert len(await sql.events(account.user_id)) == 1


async def test_changes_at_once_are_told_in_versions_of_their_own(client, account, token, sql) -> None:
    await asyncio.gather(*(change(client, token, {"display_name": f"민지 {n}"}) for n in range(8)))

    events = [event for event in await sql.events(account.user_id) if isinstance(event, UserChanged)]
    assert [event.version for event in events] == list(range(2, 10))
    (row,) = await sql.rows('SELECT version, display_name FROM "user".app_user WHERE user_id = %s', account.user_id)
    assert row == {"version": 9, "display_name": events[-1].display_name}
