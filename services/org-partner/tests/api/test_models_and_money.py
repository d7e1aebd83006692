"""LLM settings, settlement policies, dashboards and the activity log over HTTP: what answers look like."""

import csv
import io
from datetime import date, timedelta

import pytest

from org_partner.adapters.resolver_table import TableResolver
from org_partner.factory import wire
from org_partner.ports import Endpoint, Reply, Unreachable
from org_partner.service import days

URL = "https://api.example.com/v1"
PRICE = {"input": "0.40", "output": "1.600000", "currency": "USD"}


class Scripted:
    answer: Reply | Unreachable = Reply(200, b'{"data": [{"id": "gpt-4.1-mini"}]}')

    async def get(self, endpoint: Endpoint, path: str, *, api_key: str | None) -> Reply:
        if isinstance(self.answer, Unreachable):
            raise self.answer
        return self.answer


@pytest.fixture(scope="module")
async def provider(client, settings):
    app = client.http._transport.app
    before, provider = app.state.wired, Scripted()
    resolver = TableResolver({"api.example.com": [["93.184.215.14"]]})
    app.state.wired = wire(settings, resolver=resolver, provider=provider)
    yield provider
    await app.state.wired.database.close()
    app.state.wired = before


@pytest.fixture
async def school(world):
    return await world.school()


async def told(answer, status: int = 200) -> dict:
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_settings_from_org_over_partner_to_class(client, provider, school) -> None:
    org, partner = f"/orgs/{school.org.org_id}/llm-settings", f"/partners/{school.partner.partner_id}/llm-settings"
    group = f"/classes/{school.group.class_id}"
    fresh = await told(await client.ask(school.admin, "GET", org))
    assert fresh["own"] is None
    assert fresh["effective"]["allowed_models"] == {"value": ["growfit-extractive"], "source": "platform"}

    form = {
        "provider": "openai",
        "base_url": "https://API.example.com/v1/",
        "model": "gpt-4.1-mini",
        "allowed_models": ["gpt-4.1-mini", "gpt-4.1", "gpt-4.1-mini"],
        "price_override": {"gpt-4.1": PRICE},
        "api_key": "sk-1",
    }
    saved = await told(await client.ask(school.admin, "PUT", org, json=form))
    assert saved == await told(await client.ask(school.admin, "GET", org))
    assert saved["own"] | {"key_set_at": "", "updated_at": ""} == {
        "provider": "openai",
        "base_url": URL,
        "model": "gpt-4.1-mini",
        "allowed_models": ["gpt-4.1-mini", "gpt-4.1"],
        "price_override": {"gpt-4.1": {"input": "0.4", "output": "1.6", "currency": "USD"}},
        "has_key": True,
        "key_set_at": "",
        "version": 1,
        "updated_at": "",
    }
    await told(await client.ask(school.owner, "PUT", partner, json={"allowed_models": ["gpt-4.1"]}))
    await told(await client.ask(school.owner, "PATCH", group, json={"allowed_models": ["gpt-4.1"]}))

    found = await told(await client.ask(school.owner, "GET", f"{group}/llm-settings"))
    assert found["class_id"] == str(school.group.class_id)
    assert found["effective"] == {
        "provider": {"value": "openai", "source": "org"},
        "base_url": {"value": URL, "source": "org"},
        "has_key": {"value": True, "source": "org"},
        "model": {"value": "gpt-4.1", "source": "class"},
        "allowed_models": {"value": ["gpt-4.1"], "source": "class"},
        "prices": {"gpt-4.1": {"value": {"input": "0.4", "output": "1.6", "currency": "USD"}, "source": "org"}},
    }
    for path, person in ((partner, school.owner), (org, school.admin)):
        for _ in range(2):
            answer = await client.ask(person, "DELETE", path)
            assert (answer.status_code, answer.content) == (204, b"")
    again = await told(await client.ask(school.admin, "GET", org))
    assert again["effective"] == fresh["effective"]
    assert (again["own"]["has_key"], again["own"]["provider"]) == (False, None)


async def test_a_class_is_given_no_model_that_its_partner_may_not_use(client, provider, school) -> None:
    answer = await client.ask(
        school.owner, "PATCH", f"/classes/{school.group.class_id}", json={"allowed_models": ["gpt-4.1"]}
    )

    body = await told(answer, 422)
    assert (body["code"], body["models"], body["allowed"]) == ("model_not_allowed", ["gpt-4.1"], ["growfit-extractive"])


@pytest.mark.parametrize(("language", "word"), [("ko", "인증서"), ("en", "certificate")])
async def test_a_test_tells_in_the_callers_language(client, provider, school, language, word) -> None:
    org = f"/orgs/{school.org.org_id}/llm-settings"
    nothing = await client.ask(school.admin, "POST", f"{org}/test")
    assert (await told(nothing, 409))["code"] == "llm_not_configured"
    form = {"provider": "openai", "base_url": URL, "api_key": "sk-1"}
    await told(await client.ask(school.admin, "PUT", org, json=form))

    good = await told(await client.ask(school.admin, "POST", f"{org}/test"))
    assert good["latency_ms"] >= 0
    assert good | {"latency_ms": 0} == {
        "reachable": True,
        "status": 200,
        "models": ["gpt-4.1-mini"],
        "latency_ms": 0,
        "problem": None,
    }
    provider.answer = Unreachable("tls")
    bad = await told(await client.ask(school.admin, "POST", f"{org}/test", headers={"Accept-Language": language}))
    del provider.answer
    assert (bad["reachable"], bad["problem"]["code"]) == (False, "llm_tls_failed")
    assert word in bad["problem"]["detail"]


async def test_settlement_policies_from_adoption_to_withdrawal(client, school) -> None:
    path, day = f"/orgs/{school.org.org_id}/settlement-policies", (days.today() + timedelta(days=9)).isoformat()
    terms = {
        "kind": "share",
        "share_bps": 6_000,
        "tiers": [{"from_amount": 10_000_000, "share_bps": 7_000}],
        "minimum_amount": 50_000,
        "currency": "KRW",
        "rounding": "half_up",
    }
    adopted = await told(await client.ask(school.admin, "POST", path, json={**terms, "effective_from": day}), 201)
    assert {name: adopted[name] for name in terms} == terms
    assert (adopted["effective_from"], adopted["state"], adopted["version"]) == (day, "upcoming", 1)
    assert (adopted["minor_digits"], adopted["fixed_fee"], adopted["withdrawn_at"]) == (0, None, None)

    one = f"{path}/{adopted['policy_id']}"
    assert await told(await client.ask(school.admin, "GET", one)) == adopted
    listed = await told(await client.ask(school.admin, "GET", path, params={"state": "upcoming"}))
    assert listed == {"items": [adopted], "next_cursor": None}
    on_the_day = {"effective_at": day}
    assert (await told(await client.ask(school.admin, "GET", path, params=on_the_day)))["items"] == [adopted]
    for person in (school.admin, school.owner):
        seen = await client.ask(person, "GET", f"{path}/effective", params={"at": day})
        assert await told(seen) == adopted
        assert (await client.ask(person, "GET", f"{path}/effective")).json()["code"] == "policy_not_found"
    again = await client.ask(school.admin, "POST", path, json={**terms, "effective_from": day})
    assert (await told(again, 409))["code"] == "policy_day_taken"

    preview = {"policy_id": adopted["policy_id"], "revenue_amount": 20_000_000}
    due = await told(await client.ask(school.admin, "POST", f"{path}/preview", json=preview))
    assert due == {"amount": 13_000_000, "currency": "KRW", "minor_digits": 0}
    free = {"terms": {"kind": "fixed_fee", "fixed_fee": 1_999, "currency": "USD"}, "revenue_amount": 0}
    due = await told(await client.ask(school.admin, "POST", f"{path}/preview", json=free))
    assert due == {"amount": 1_999, "currency": "USD", "minor_digits": 2}

    withdrawn = await told(await client.ask(school.admin, "POST", f"{one}/withdraw"))
    assert (withdrawn["state"], withdrawn["withdrawn_by"]) == ("withdrawn", str(school.admin.user_id))
    assert await told(await client.ask(school.admin, "POST", f"{one}/withdraw")) == withdrawn


async def test_policies_page_by_page_each_once(client, school) -> None:
    path = f"/orgs/{school.org.org_id}/settlement-policies"
    for number in range(5):
        body = {"kind": "fixed_fee", "fixed_fee": number, "currency": "KRW"}
        day = (days.today() + timedelta(days=9 + number)).isoformat()
        await told(await client.ask(school.admin, "POST", path, json={**body, "effective_from": day}), 201)

    seen, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = await told(await client.ask(school.admin, "GET", path, params=params))
        seen += [item["version"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [5, 4, 3, 2, 1]


async def test_a_dashboard_over_http(client, world, school) -> None:
    await world.student(school)
    before = days.today()

    found = await told(await client.ask(school.owner, "GET", f"/partners/{school.partner.partner_id}/dashboard"))

    first, last = (date.fromisoformat(found["days"][end]) for end in ("from", "to"))
    assert before <= last <= days.today()
    assert first == last - timedelta(days=29)
    assert len(found["by_day"]) == 30
    assert sum(day["new_enrollments"] for day in found["by_day"][-2:]) == found["figures"]["students"]["active"] == 1
    assert found["figures"]["invite_code_uses_left"] == 4
    (part,) = found["classes"]
    assert (part["class_id"], part["state"], part["figures"]["students"]["active"]) == (
        str(school.group.class_id),
        "open",
        1,
    )
    assert found["has_more_classes"] is False
    params = {"from": "2026-01-01", "to": "2026-01-31"}
    whole = await told(await client.ask(school.admin, "GET", f"/orgs/{school.org.org_id}/dashboard", params=params))
    assert [partner["partner_id"] for partner in whole["partners"]] == [str(school.partner.partner_id)]
    assert len(whole["by_day"]) == 31
    assert whole["partners"][0]["figures"]["classes"] == {"draft": 0, "scheduled": 0, "open": 1, "closed": 0}
    one = await told(await client.ask(school.owner, "GET", f"/classes/{school.group.class_id}/dashboard"))
    assert one["figures"] == part["figures"]


async def test_the_log_page_by_page_and_as_a_file(client, world, school) -> None:
    await world.student(school)
    path, seen, cursor = f"/partners/{school.partner.partner_id}/activities", [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = await told(await client.ask(school.owner, "GET", path, params=params))
        seen += [item["activity_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    whole = (await told(await client.ask(school.owner, "GET", path)))["items"]
    assert seen == [item["activity_id"] for item in whole]
    assert {"actor_name", "actor_email", "target", "detail"} <= whole[0].keys()

    answer = await client.ask(
        school.owner,
        "GET",
        f"{path}/export",
        params={"action_prefix": "invite_code."},
        headers={"Accept-Language": "en"},
    )
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="activities.csv"'
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    head, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert head[1] == "action"
    assert {row[1].split(".")[0] for row in rows} == {"invite_code"}


async def test_every_field_that_is_sent_has_an_example(client) -> None:
    schemas = (await client.http.get("/openapi.json")).json()["components"]["schemas"]
    for name in ("LlmSettingsIn", "ModelPrice", "SharePolicyIn", "FixedFeePolicyIn", "PreviewIn", "TierIn"):
        found = next(schema for key, schema in schemas.items() if key.startswith(name))
        without = [field for field, schema in found["properties"].items() if not {"examples", "const"} & schema.keys()]
        assert without == [], name
    key = next(schema for name, schema in schemas.items() if name.startswith("LlmSettingsIn"))["properties"]["api_key"]
    assert key["writeOnly"] is True
