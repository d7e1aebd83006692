"""GET /usage/events: the ledger line by line."""

from datetime import timedelta
from uuid import uuid4

from contracts.tenancy import Tenant

NOVEMBER = {"from_": "2026-11-01", "to": "2026-11-30"}


async def test_a_line_as_the_caller_sees_it(http, books, make_usage):
    user_id = uuid4()
    usage = make_usage(tenant=Tenant(user_id=user_id))
    event_id = await books.book(usage)

    (line,) = (await http(user_id)("/usage/events", **NOVEMBER)).json()["items"]

    assert line.pop("recorded_at")
    assert line == {
        "event_id": str(event_id),
        "usage_id": str(usage.usage_id),
        "org_id": None,
        "partner_id": None,
        "class_id": None,
        "user_id": str(user_id),
        "operation": "chat",
        "provider": "growfit",
        "model": "growfit-extractive",
        "input_tokens": 100,
        "output_tokens": 20,
        "estimated": False,
        "outcome": "completed",
        "reference": usage.reference,
        "duration_ms": 900,
        "first_token_ms": 120,
        "occurred_at": "2026-11-10T03:00:00Z",
    }


async def test_newest_first_and_stable_while_new_lines_come(http, books, make_usage):
    user_id = uuid4()
    tenant = Tenant(user_id=user_id)
    start = make_usage().occurred_at
    for minute in (3, 1, 2, 2, 0):
        await books.book(make_usage(tenant=tenant, occurred_at=start + timedelta(minutes=minute), input_tokens=minute))
    get, seen, cursor = http(user_id), [], {}

    for _ in range(3):
        page = (await get("/usage/events", limit=2, **NOVEMBER, **cursor)).json()
        seen += page["items"]
        cursor = {"cursor": page["next_cursor"]}
        await books.book(make_usage(tenant=tenant, occurred_at=start + timedelta(hours=1)))

    assert [line["input_tokens"] for line in seen] == [3, 2, 2, 1, 0]
    assert len({line["event_id"] for line in seen}) == 5
    assert cursor == {"cursor": None}


async def test_days_begin_and_end_at_midnight_in_seoul(http, books, make_usage):
    user_id = uuid4()
    midnight = make_usage().occurred_at.replace(day=9, hour=15)  # of the 10th, in Seoul
    moments = [midnight - timedelta(microseconds=1), midnight, midnight + timedelta(days=1, microseconds=-1)]
    for number, moment in enumerate([*moments, midnight + timedelta(days=1)]):
        await books.book(make_usage(tenant=Tenant(user_id=user_id), occurred_at=moment, input_tokens=number))

    answer = await http(user_id)("/usage/events", from_="2026-11-10", to="2026-11-10")

    assert [line["input_tokens"] for line in answer.json()["items"]] == [2, 1]
    summary = await http(user_id)("/usage/summary", from_="2026-11-10", to="2026-11-10")
    assert summary.json()["totals"]["calls"] == 2


async def test_filters_narrow(http, books, make_usage):
    user_id = uuid4()
    for model in ("a", "a", "b"):
        await books.book(make_usage(tenant=Tenant(user_id=user_id), model=model))
    get = http(user_id)

    assert len((await get("/usage/events", model="a", **NOVEMBER)).json()["items"]) == 2
    assert (await get("/usage/events", operation="practice", **NOVEMBER)).json()["items"] == []
