"""GET /usage/summary: groups, order, pages, filters."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from contracts.tenancy import Tenant
from contracts.usage import Operation, Outcome

NOVEMBER = {"from_": "2026-11-01", "to": "2026-11-30"}
ORG, PARTNER, CLASS = UUID(int=1), UUID(int=2), UUID(int=3)
MINJI, JUNHO = UUID(int=11), UUID(int=12)
DAY = datetime(2026, 11, 10, 3, 0, tzinfo=UTC)


@pytest.fixture
async def calls(books, make_usage):
    """Minji in a class on two days with two models, Junho for himself."""
    there = Tenant(org_id=ORG, partner_id=PARTNER, class_id=CLASS, user_id=MINJI)
    for usage in (
        make_usage(tenant=there, occurred_at=DAY, input_tokens=10, output_tokens=1),
        make_usage(tenant=there, occurred_at=DAY, input_tokens=20, output_tokens=2, outcome=Outcome.CANCELLED),
        make_usage(tenant=there, occurred_at=DAY + timedelta(days=1), model="e5", operation=Operation.EMBEDDING),
        make_usage(tenant=Tenant(user_id=JUNHO), occurred_at=DAY, input_tokens=5, output_tokens=5, estimated=True),
    ):
        await books.book(usage)


@pytest.fixture
def supervisor(http, calls):
    return http(uuid4(), tier="supervisor")


async def test_the_whole_answer(supervisor):
    answer = await supervisor("/usage/summary", group_by="org,day", **NOVEMBER)

    assert answer.status_code == 200
    assert answer.json() == {
        "from": "2026-11-01",
        "to": "2026-11-30",
        "timezone": "Asia/Seoul",
        "group_by": ["org", "day"],
        "totals": _sums(4, 135, 28, cancelled=1, estimated_calls=1),
        "rows": [
            {"org_id": str(ORG), "day": "2026-11-10", **_sums(2, 30, 3, cancelled=1)},
            {"org_id": str(ORG), "day": "2026-11-11", **_sums(1, 100, 20)},
            {"org_id": None, "day": "2026-11-10", **_sums(1, 5, 5, estimated_calls=1)},
        ],
        "next_cursor": None,
    }


def _sums(calls, input_tokens, output_tokens, **more):
    tokens = {"input_tokens": input_tokens, "output_tokens": output_tokens}
    counts = {"cancelled": 0, "failed": 0, "estimated_calls": 0} | more
    return {"calls": calls, **tokens, "total_tokens": input_tokens + output_tokens, **counts}


async def test_without_grouping_there_are_totals_alone(supervisor):
    answer = (await supervisor("/usage/summary", **NOVEMBER)).json()

    assert (answer["group_by"], answer["rows"], answer["totals"]["calls"]) == ([], [], 4)


async def test_an_empty_period_has_zeros(supervisor):
    answer = await supervisor("/usage/summary", group_by="day", from_="2026-10-01", to="2026-10-31")

    assert (answer.json()["totals"], answer.json()["rows"]) == (_sums(0, 0, 0), [])


async def test_a_comma_list_and_repeated_parameters_mean_the_same(supervisor):
    listed = await supervisor("/usage/summary", group_by="day,model,day", **NOVEMBER)
    repeated = await supervisor("/usage/summary", group_by=["day", "model"], **NOVEMBER)

    assert listed.json() == repeated.json()
    assert listed.json()["group_by"] == ["day", "model"]


async def test_most_tokens_first(supervisor):
    answer = await supervisor("/usage/summary", group_by="day,user", sort="tokens", **NOVEMBER)

    assert [row["total_tokens"] for row in answer.json()["rows"]] == [120, 33, 10]


@pytest.mark.parametrize("sort", ["group", "tokens"])
@pytest.mark.parametrize("group_by", ["day", "model", "class", "org,partner,class", "day,user,operation,model"])
async def test_pages_are_the_whole_in_pieces(supervisor, sort, group_by):
    query = {"group_by": group_by, "sort": sort, **NOVEMBER}
    whole = (await supervisor("/usage/summary", **query)).json()
    rows, cursor = [], {}
    for _ in whole["rows"]:
        page = (await supervisor("/usage/summary", limit=1, **query, **cursor)).json()
        assert page["totals"] == whole["totals"]
        rows += page["rows"]
        cursor = {"cursor": page["next_cursor"]}

    assert rows == whole["rows"]
    assert cursor == {"cursor": None}


@pytest.mark.parametrize(
    ("query", "calls_seen"),
    [
        ({"user_id": MINJI}, 3),
        ({"org_id": ORG}, 3),
        ({"partner_id": PARTNER, "user_id": JUNHO}, 0),
        ({"class_id": CLASS, "model": "e5"}, 1),
        ({"operation": "chat"}, 3),
        ({"model": "unheard-of"}, 0),
        ({"to": "2026-11-10"}, 3),
        ({"from_": "2026-11-11"}, 1),
        ({"from_": "2026-11-10", "to": "2026-11-10"}, 3),
    ],
)
async def test_filters_narrow(supervisor, query, calls_seen):
    answer = await supervisor("/usage/summary", **(NOVEMBER | query))

    assert answer.json()["totals"]["calls"] == calls_seen


async def test_classes_have_their_names(http, academy):
    get = http(academy.people["admin"])
    answer = await get("/usage/summary", group_by="class", **NOVEMBER)

    assert {(row["class_id"], row["class_name"]) for row in answer.json()["rows"]} == {
        (str(academy.classes[0]), "1반"),
        (str(academy.classes[1]), "2반"),
        (None, None),
    }


async def test_a_class_that_a_student_has_left_keeps_its_name_for_them(http, academy):
    get = http(academy.people["left"])
    answer = await get("/usage/summary", group_by="class", **NOVEMBER)

    assert [(row["class_id"], row["class_name"]) for row in answer.json()["rows"]] == [(str(academy.classes[1]), "2반")]


async def test_a_late_event_changes_the_sum_of_its_past_day(http, books, make_usage):
    get = http(uuid4(), tier="supervisor")
    day = {"group_by": "day", "from_": "2026-03-01", "to": "2026-03-31"}
    # 23:30 UTC on the 28th of February is the 1st of March in Seoul.
    for _ in range(2):
        await books.book(make_usage(occurred_at=datetime(2026, 2, 28, 23, 30, tzinfo=UTC)))

    rows = (await get("/usage/summary", **day)).json()["rows"]

    assert [(row["day"], row["calls"]) for row in rows] == [("2026-03-01", 2)]


async def test_without_days_it_is_the_last_thirty(http, books, make_usage):
    user_id = uuid4()
    for age in (0, 28, 31):
        occurred_at = datetime.now(UTC) - timedelta(days=age)
        await books.book(make_usage(tenant=Tenant(user_id=user_id), occurred_at=occurred_at))

    assert (await http(user_id)("/usage/summary")).json()["totals"]["calls"] == 2
