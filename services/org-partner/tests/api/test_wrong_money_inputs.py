"""What people and programs send by mistake or on purpose to LLM settings, policies, dashboards and the log."""

from datetime import timedelta

import pytest

from org_partner.service import days

# Far enough ahead that a run over midnight in Seoul does not come to it.
LATER = (days.today() + timedelta(days=60)).isoformat()


def problem(answer, code: str, status: int = 422) -> dict:
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), body
    assert answer.headers["content-type"] == "application/problem+json"
    return body


def fields(answer) -> set[str]:
    return {item["field"] for item in problem(answer, "validation_failed")["errors"]}


@pytest.fixture(scope="module")
def org(school) -> str:
    return f"/orgs/{school.org.org_id}"


UNFIT_SETTINGS = {
    "provider": ["", "OpenAI", "open ai", "-x", "x" * 41, 7, ["x"], "열림", "x\n"],
    "base_url": ["", "x" * 501, 7, ["https://x.example.com"], {}],
    "model": ["", " gpt", "gpt 4", "x" * 121, 7, "모델", "<b>", "gpt\x00"],
    "allowed_models": ["gpt", None, [""], ["a b"], [7], [None], ["m"] * 101, {}],
    "price_override": [
        [],
        None,
        {"m": None},
        {"m": {"input": "1", "output": "1"}},
        {"m": {"input": "1", "output": "1", "currency": "BTC"}},
        {"m": {"input": "1", "output": "1", "currency": "USD", "more": 1}},
        {"a b": {"input": "1", "output": "1", "currency": "USD"}},
        *(
            {"m": {"input": wrong, "output": "1", "currency": "USD"}}
            for wrong in (
                1,
                0.1,
                "-1",
                "1e3",
                "1.",
                ".5",
                "1.1234567",
                "9" * 10,
                "NaN",
                "Infinity",
                "",
                " 1",
                None,
                "１",
            )
        ),
        {f"m{number}": {"input": "1", "output": "1", "currency": "USD"} for number in range(101)},
    ],
    "api_key": ["", " ", "a b", "a\n", "키", 7, ["sk"], {}, "x" * 1001, "a\x00"],
    "key_last4": ["1234"],
    "sealed_key": ["x"],
    "version": [2],
}
CASES = [(name, value) for name, values in UNFIT_SETTINGS.items() for value in values]


@pytest.mark.parametrize(("name", "value"), CASES, ids=[f"{name}={str(value)[:40]!r}" for name, value in CASES])
async def test_unfit_settings(client, school, org, name, value) -> None:
    answer = await client.ask(school.admin, "PUT", f"{org}/llm-settings", json={name: value})

    assert all(field.startswith(f"body.{name}") for field in fields(answer))


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://api.example.com/v1", "llm_https_needed"),
        ("https://127.0.0.1/v1", "llm_address_private"),
        ("https://[::1]/v1", "llm_address_private"),
        ("https://169.254.169.254/latest/meta-data", "llm_address_private"),
        ("https://2130706433/v1", "llm_address_invalid"),
        ("https://user:pass@api.example.com/v1", "llm_address_invalid"),
        ("https://api.example.com/v1?x=1", "llm_address_invalid"),
        ("file:///etc/passwd", "llm_address_invalid"),
        ("https://localhost/v1", "llm_address_private"),
    ],
)
async def test_addresses_that_are_refused_in_both_languages(client, school, org, url, code) -> None:
    form = {"provider": "openai", "base_url": url, "api_key": "sk-1"}
    texts = set()
    for language in ("ko", "en"):
        answer = await client.ask(
            school.admin, "PUT", f"{org}/llm-settings", json=form, headers={"Accept-Language": language}
        )
        texts.add(problem(answer, code)["detail"])
    assert len(texts) == 2


@pytest.mark.parametrize("content", ["", "[]", "7", '"x"', "null", "{", '{"api_key": "sk'])
async def test_bodies_that_are_no_form(client, school, org, content) -> None:
    headers = {"Content-Type": "application/json"}
    for method, path in (
        ("PUT", "llm-settings"),
        ("POST", "settlement-policies"),
        ("POST", "settlement-policies/preview"),
    ):
        answer = await client.ask(school.admin, method, f"{org}/{path}", content=content, headers=headers)
        problem(answer, "validation_failed")


SHARE = {"kind": "share", "share_bps": 1, "currency": "KRW", "effective_from": LATER}
FEE = {"kind": "fixed_fee", "fixed_fee": 1, "currency": "KRW", "effective_from": LATER}
UNFIT_POLICIES = [
    {},
    {"kind": "gift"},
    {**SHARE, "kind": None},
    {**SHARE, "share_bps": None},
    {**SHARE, "share_bps": -1},
    {**SHARE, "share_bps": 10_001},
    {**SHARE, "share_bps": 0.6},
    {**SHARE, "share_bps": "6000"},
    {**SHARE, "share_bps": True},
    {**SHARE, "fixed_fee": 1},
    {**SHARE, "tiers": None},
    {**SHARE, "tiers": [{"from_amount": 0, "share_bps": 1}]},
    {**SHARE, "tiers": [{"from_amount": 1}]},
    {**SHARE, "tiers": [{"from_amount": 1, "share_bps": 1, "to_amount": 2}]},
    {**SHARE, "tiers": [{"from_amount": 10**15 + 1, "share_bps": 1}]},
    {**SHARE, "tiers": [{"from_amount": number, "share_bps": 1} for number in range(1, 22)]},
    {**SHARE, "minimum_amount": -1},
    {**SHARE, "minimum_amount": 0.5},
    {**SHARE, "minimum_amount": 10**18},
    {**SHARE, "currency": "BTC"},
    {**SHARE, "currency": "krw"},
    {**SHARE, "currency": None},
    {**SHARE, "rounding": "up"},
    {**SHARE, "effective_from": None},
    {**SHARE, "effective_from": "tomorrow"},
    {**SHARE, "effective_from": "2026-02-30"},
    {**SHARE, "effective_from": 1_800_000_000},
    {**SHARE, "effective_from": "1800000000"},
    {**SHARE, "effective_from": "2999-01-01"},
    {**SHARE, "effective_from": f"{LATER}T00:00:00"},
    {**SHARE, "version": 7},
    {**SHARE, "adopted_at": "2020-01-01"},
    {**FEE, "share_bps": 1},
    {**FEE, "tiers": []},
    {**FEE, "fixed_fee": -1},
    {**FEE, "fixed_fee": 1.5},
    {**FEE, "fixed_fee": 10**16},
]


@pytest.mark.parametrize("body", UNFIT_POLICIES, ids=[str(body)[:90] for body in UNFIT_POLICIES])
async def test_unfit_policies(client, school, org, sql, body) -> None:
    answer = await client.ask(school.admin, "POST", f"{org}/settlement-policies", json=body)

    assert fields(answer)
    assert await sql.rows("SELECT 1 FROM partner.settlement_policies WHERE org_id = %s", school.org.org_id) == []


@pytest.mark.parametrize("back", [0, 1, 2500])
async def test_days_that_have_come(client, school, org, back) -> None:
    today = days.today()
    body = {**SHARE, "effective_from": (today - timedelta(days=back)).isoformat()}
    answer = await client.ask(school.admin, "POST", f"{org}/settlement-policies", json=body)

    tomorrows = {(day + timedelta(days=1)).isoformat() for day in (today, days.today())}
    assert problem(answer, "policy_too_early")["earliest"] in tomorrows


async def test_tiers_that_do_not_ascend(client, school, org) -> None:
    tiers = [{"from_amount": 2, "share_bps": 1}, {"from_amount": 2, "share_bps": 2}]
    terms = {"kind": "share", "share_bps": 1, "currency": "KRW", "tiers": tiers}
    for path, body in (
        ("settlement-policies", {**terms, "effective_from": LATER}),
        ("settlement-policies/preview", {"terms": terms, "revenue_amount": 1}),
    ):
        problem(await client.ask(school.admin, "POST", f"{org}/{path}", json=body), "tiers_not_ascending")


@pytest.mark.parametrize("revenue", [-1, 1.5, "1", None, 10**15 + 1, True])
async def test_revenues_that_are_none(client, school, org, revenue) -> None:
    terms = {"kind": "fixed_fee", "fixed_fee": 1, "currency": "KRW"}
    answer = await client.ask(
        school.admin, "POST", f"{org}/settlement-policies/preview", json={"terms": terms, "revenue_amount": revenue}
    )

    assert fields(answer) == {"body.revenue_amount"}


async def test_a_preview_of_neither_or_both(client, school, org) -> None:
    both = {"policy_id": str(school.org.org_id), "terms": {"kind": "fixed_fee", "fixed_fee": 1, "currency": "KRW"}}
    for body in ({}, both):
        answer = await client.ask(
            school.admin, "POST", f"{org}/settlement-policies/preview", json={**body, "revenue_amount": 1}
        )
        problem(answer, "preview_of_one")


UNFIT_QUERIES = {
    "settlement-policies": ["state=gone", "effective_at=today", "effective_at=1800000000", "limit=0", "limit=201"],
    "settlement-policies/effective": ["at=2026-13-01", "at=0", "at=1800000000"],
    "dashboard": ["from=x", "to=1800000000", "from=1999-01-01", "to=2999-01-01", "until=2026-01-01", "from=2026-1-1"],
    "activities": [
        "action=x",
        "action=%00.x",
        "action_prefix=%25",
        "action_prefix=",
        "target=x",
        "target=x/%00",
        "target=" + "x" * 300,
        "actor_id=me",
        "class_id=1",
        "partner_id=1",
        "from=yesterday",
        "to=2026-02-30",
        "limit=0",
        "limit=1000",
        "acter_id=x",
    ],
    "activities/export": ["limit=10", "cursor=x", "action=DROP.TABLE", "from=0"],
}
QUERIES = [f"{path}?{query}" for path, queries in UNFIT_QUERIES.items() for query in queries]


@pytest.mark.parametrize("path", QUERIES)
async def test_unfit_queries(client, school, org, path) -> None:
    assert fields(await client.ask(school.admin, "GET", f"{org}/{path}"))


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("dashboard?from=2026-02-01&to=2026-01-01", "days_reversed"),
        ("dashboard?from=2020-01-01&to=2026-01-01", "days_too_many"),
        ("activities?from=2026-02-01&to=2026-01-01", "days_reversed"),
        ("activities/export?from=2026-02-01&to=2026-01-01", "days_reversed"),
        ("activities?cursor=x", "cursor_invalid"),
        ("settlement-policies?cursor=x", "cursor_invalid"),
    ],
)
async def test_queries_that_make_no_sense(client, school, org, path, code) -> None:
    problem(await client.ask(school.admin, "GET", f"{org}/{path}"), code)


async def test_filters_of_a_level_that_has_none(client, school) -> None:
    for path, name in (
        (f"/partners/{school.partner.partner_id}/activities", "partner_id"),
        (f"/classes/{school.group.class_id}/activities", "class_id"),
    ):
        answer = await client.ask(school.owner, "GET", path, params={name: str(school.org.org_id)})
        assert fields(answer) == {f"query.{name}"}
