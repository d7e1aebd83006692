"""The way that a school goes through the HTTP door, and what answers look like."""

from datetime import timedelta

import pytest


async def test_from_org_to_enrolled_student(client, world) -> None:
    supervisor, admin, owner, student = [
        await world.supervisor(),
        *[await world.person() for _ in range(3)],
    ]

    async def made(person, path: str, body: dict, status: int = 201) -> dict:
        answer = await client.ask(person, "POST", path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    org = await made(supervisor, "/orgs", {"name": "한빛 학원"})
    at_org = f"/orgs/{org['org_id']}"
    membership = await made(supervisor, f"{at_org}/admins", {"email": admin.email}, 200)
    assert (membership["role"], membership["partner_id"]) == ("org_admin", None)
    partner = await made(admin, f"{at_org}/partners", {"name": "김민지 선생님", "owner_email": owner.email})
    course = await made(admin, f"{at_org}/courses", {"name": "생성형 AI 기초"})
    body = {"course_id": course["course_id"], "name": "월수 저녁반"}
    group = await made(owner, f"/partners/{partner['partner_id']}/classes", body)
    at_class = f"/classes/{group['class_id']}"
    issued = await made(owner, f"{at_class}/invite-codes", {"expires_in_hours": 24, "max_uses": 2})

    enrollment = await made(student, "/invite-codes/redeem", {"code": issued["code"].lower()}, 200)
    again = await made(student, "/invite-codes/redeem", {"code": issued["code"]}, 200)

    assert again == enrollment
    assert (enrollment["class_name"], enrollment["course_name"]) == ("월수 저녁반", "생성형 AI 기초")
    assert (enrollment["partner_name"], enrollment["org_name"]) == ("김민지 선생님", "한빛 학원")
    own = await client.ask(student, "GET", "/enrollments")
    assert own.json() == {"items": [enrollment], "next_cursor": None}
    (seen,) = (await client.ask(owner, "GET", f"{at_class}/students")).json()["items"]
    assert (seen["email"], seen["student_id"]) == (student.email, enrollment["student_id"])
    seen = (await client.ask(student, "GET", at_class)).json()
    assert seen.items() < group.items()
    assert not {"capacity", "class_budget", "student_budget", "version"} & seen.keys()
    (listed,) = (await client.ask(owner, "GET", f"{at_class}/invite-codes")).json()["items"]
    assert (listed["state"], listed["used_count"]) == ("active", 1)


async def test_a_code_is_shown_once_and_not_cached(client, school) -> None:
    path = f"/classes/{school.group.class_id}/invite-codes"
    issued = await client.ask(school.owner, "POST", path, json={"expires_in_hours": 1, "max_uses": 1})
    listed = await client.ask(school.owner, "GET", path)

    assert issued.headers["cache-control"] == "no-store"
    assert issued.json()["code"] not in listed.text
    for item in listed.json()["items"]:
        assert not {"code", "code_hash"} & item.keys()


async def test_revoking_over_http_and_again(client, world, school) -> None:
    issued, person = await world.code(school), await world.person()
    path = f"/classes/{school.group.class_id}/invite-codes/{issued.row.invite_code_id}"

    for _ in range(2):
        answer = await client.ask(school.owner, "DELETE", path)
        assert (answer.status_code, answer.content) == (204, b"")

    refused = await client.ask(person, "POST", "/invite-codes/redeem", json={"code": issued.code})
    assert refused.json()["code"] == "invite_code_refused"


@pytest.mark.parametrize("size", [1, 2, 3, 200])
async def test_students_page_by_page_each_once_newest_first(client, world, size) -> None:
    school = await world.school()
    students = [(await world.student(school)).email for _ in range(5)]
    path, cursor, seen = f"/classes/{school.group.class_id}/students", None, []

    while True:
        params = {"limit": size} | ({"cursor": cursor} if cursor else {})
        page = (await client.ask(school.owner, "GET", path, params=params)).json()
        assert len(page["items"]) <= size
        seen += [item["email"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert seen == students[::-1]


async def test_tokens_that_are_none_expired_or_signed_by_somebody_else(client, signer, school) -> None:
    expired = signer.token(school.admin.user_id, lifetime=timedelta(minutes=-5))
    foreign = type(signer)().token(school.admin.user_id)
    for token, code in ((expired, "token_expired"), (foreign, "token_invalid"), ("x.y.z", "token_invalid")):
        answer = await client.http.get("/orgs", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert (await client.http.get("/orgs")).json()["code"] == "token_missing"


async def test_health_readiness_and_metrics(client) -> None:
    assert (await client.http.get("/health")).json() == {"status": "ok"}
    assert (await client.http.get("/ready")).json() == {"status": "ready", "problems": []}
    assert "growfit_http_requests_total" in (await client.http.get("/metrics")).text
